-- Hands a lease back. Sessions that are still in their grace keep it until that ends, then they are reaped.
-- KEYS  1 the leases, 2 the records
-- ARGV  1 node, 2 microseconds that the lease is to last yet; 0 when nothing is registered, 3 prefix of the channels
-- Atomic: the end of the lease, and that the other nodes are told to look.
-- Returns 1 when there was a lease.
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  return 0
end
redis.call('HDEL', KEYS[2], ARGV[1])
if tonumber(ARGV[2]) == 0 then
  redis.call('ZREM', KEYS[1], ARGV[1])
else
  redis.call('ZADD', KEYS[1], text(clock() + tonumber(ARGV[2])), ARGV[1])
end
redis.call('PUBLISH', ARGV[3] .. ':hints', 'l')
return 1
