package ratelimit

// Len is how many buckets of a limit are kept.
func (m *Memory) Len(limit Limit) int { return len(m.limits[limit.Name].byKey) }
