-- Takes a lease under a new id. What was registered under an older id of the same node is left to be reaped, also
-- when the older lease itself was lost.
-- KEYS  1 the leases, 2 the records
-- ARGV  1 node, 2 lease in microseconds, 3 record, 4 the older id or ""
-- Atomic: the new lease, and that the old one is dead.
-- Returns {1, clock, leases…}.
local now = clock()
redis.call('ZADD', KEYS[1], text(now + tonumber(ARGV[2])), ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
if ARGV[4] ~= '' then
  redis.call('ZREM', KEYS[1], ARGV[4])
  redis.call('HDEL', KEYS[2], ARGV[4])
  redis.call('ZADD', KEYS[1], 'NX', 0, 'dead:' .. ARGV[4])
end
return answer(1, now, redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES'))
