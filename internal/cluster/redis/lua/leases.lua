-- Reads the leases.
-- KEYS  1 the leases
-- Atomic: clock and leases are of one moment.
-- Returns {1, clock, leases…}.
return answer(1, clock(), redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES'))
