-- Takes a place of a bucket, or gives one back (GCRA: all that is kept is when the bucket is full again).
-- KEYS: the bucket: that time, in microseconds of this server's clock; it expires then.
-- ARGV: places; microseconds in which one comes back; 1 to take a place, -1 to give one back.
-- Answers in how many microseconds a place is free (0: it was taken), how many are left, and when all are.
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local places, refill, taken = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local whole = places * refill
-- Not emptier than empty, whatever the clock of a server that was here before.
local full = math.min(math.max(tonumber(redis.call('GET', KEYS[1]) or now), now), now + whole)
local after = full + taken * refill
local wait = math.max(after - whole - now, 0)
if wait == 0 then
  full = math.max(after, now)
  if full > now then
    redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000))
  else
    redis.call('DEL', KEYS[1])
  end
end
return {wait, math.floor((now + whole - full) / refill), full - now}
