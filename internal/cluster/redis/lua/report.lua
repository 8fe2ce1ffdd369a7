-- Says how many connections a session has on a node. 0 begins the grace: the field stays, with its time.
-- KEYS  1 the user's hash, 2 the node's index, 3 the totals; all of one part
-- ARGV  1 prefix of the channels, 2 user, 3 session, 4 node, 5 connections
-- Atomic: the field, the sequence, index and totals, and that the change is published. Nothing happens when the
-- count is what it was, so that saying it twice is harmless.
-- Returns 1 when something changed.
local hash, index, totals = KEYS[1], KEYS[2], KEYS[3]
local prefix, user, session, node, count = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local field = session .. '|' .. node

local old = redis.call('HGET', hash, field)
local had = old and tonumber(string.match(old, '^%d+'))
if had == count then
  return 0
end
local before, now = look(hash, session), clock()
redis.call('HSET', hash, field, text(count) .. ' ' .. text(now))
if redis.call('SADD', index, user .. '|' .. session) == 1 then
  redis.call('HINCRBY', totals, 'node:' .. node, 1)
end
if #before.entries == 0 then
  redis.call('HINCRBY', totals, 'sessions', 1)
end
if before.fields == 0 then
  redis.call('HINCRBY', totals, 'users', 1)
end
local more = count - (had or 0)
if more ~= 0 then
  redis.call('HINCRBY', totals, 'connections', more)
end
before.nodes[node] = true
tell(prefix, hash, user, session, 1, before.connections + more, now, now, before.nodes)
return 1
