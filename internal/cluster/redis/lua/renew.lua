-- Renews a lease that exists; it never creates one.
-- KEYS  1 the leases, 2 the records
-- ARGV  1 node, 2 lease in microseconds, 3 record, or "" when it is as it was
-- Atomic: that the lease exists, and its new end.
-- Returns {status, clock, leases before…}: status 0 there is no such lease, 1 renewed, 2 renewed although it had run
-- out (nobody reaped it).
local now = clock()
local leases, status = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES'), 0
for i = 1, #leases, 2 do
  if leases[i] == ARGV[1] then
    status = tonumber(leases[i + 1]) > now and 1 or 2
  end
end
if status > 0 then
  redis.call('ZADD', KEYS[1], text(now + tonumber(ARGV[2])), ARGV[1])
  if ARGV[3] ~= '' then
    redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
  end
end
return answer(status, now, leases)
