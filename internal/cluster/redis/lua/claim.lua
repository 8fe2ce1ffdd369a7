-- Takes a lease that has run out, or what another reaper did not finish, for the caller to reap.
-- KEYS  1 the leases, 2 the records
-- ARGV  1 the reaper, 2 the member to take, 3 the dead node's id, 4 lease in microseconds
-- Atomic: that the reaper's own lease holds, that the member has run out, its removal, and the mark of who is at it.
-- Of any number of callers one gets it.
-- Returns 1 to the one that got it.
local now = clock()
local own, score = redis.call('ZSCORE', KEYS[1], ARGV[1]), redis.call('ZSCORE', KEYS[1], ARGV[2])
if not own or tonumber(own) <= now or not score or tonumber(score) > now then
  return 0
end
redis.call('ZREM', KEYS[1], ARGV[2])
redis.call('HDEL', KEYS[2], ARGV[3])
redis.call('ZADD', KEYS[1], text(now + tonumber(ARGV[4])), 'dead:' .. ARGV[3])
return 1
