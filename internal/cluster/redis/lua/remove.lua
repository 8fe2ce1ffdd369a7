-- Takes a session's field of a node away: at the end of the grace by the node itself, or by the reaper of a dead node.
-- KEYS  1 the user's hash, 2 the node's index, 3 the totals; all of one part
-- ARGV  1 prefix of the channels, 2 user, 3 session, 4 node, 5 the node that does it, which is told too
-- Atomic: field, index and totals, and that the change is published. The session is offline when no other field of
-- it has connections or a younger grace; older graces are over too, and their fields go with it. Otherwise the new
-- count is published, if connections went with the field. Who finds the field gone publishes nothing, so every
-- change is owed once. The hash goes with its last field.
-- Returns 1 when the field was there.
local hash, index, totals = KEYS[1], KEYS[2], KEYS[3]
local prefix, user, session, node, by = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local field = session .. '|' .. node

if redis.call('SREM', index, user .. '|' .. session) == 1 and redis.call('HINCRBY', totals, 'node:' .. node, -1) <= 0 then
  redis.call('HDEL', totals, 'node:' .. node)
end
local before, now = look(hash, session), clock()
local own
for _, entry in ipairs(before.entries) do
  if entry[1] == field then
    own = entry
  end
end
if not own then
  return 0
end
local had, since = own[2], own[3]
local over, left = {}, 0
for _, entry in ipairs(before.entries) do
  if entry == own or (entry[2] == 0 and entry[3] <= since) then
    over[#over + 1] = entry[1]
  else
    left = left + 1
  end
end
if had > 0 then
  redis.call('HINCRBY', totals, 'connections', -had)
end
before.nodes[by] = true
if left == 0 then
  redis.call('HDEL', hash, unpack(over))
  redis.call('HINCRBY', totals, 'sessions', -1)
  tell(prefix, hash, user, session, 0, 0, had > 0 and now or since, now, before.nodes)
  if before.fields == #over then
    redis.call('DEL', hash)
    redis.call('HINCRBY', totals, 'users', -1)
  end
  return 1
end
redis.call('HDEL', hash, field)
if had > 0 then
  tell(prefix, hash, user, session, 1, before.connections - had, now, now, before.nodes)
end
return 1
