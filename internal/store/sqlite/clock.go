package sqlite

import (
	"sync"
	"time"
)

// clock is the store's own: in microseconds, and never going back while the process lives.
type clock struct {
	now func() time.Time // static

	mu   sync.Mutex // guards the following
	last int64
}

func (c *clock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = max(c.last, micros(c.now()))
	return fromMicros(c.last)
}

// micros is how times are stored, 0 for the zero time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}
