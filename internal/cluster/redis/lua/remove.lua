-- Takes a session's field of a node away: at the end of the grace by the node itself, or by the reaper of a dead node.
-- KEYS  1 the user's hash, 2 the node's index, 3 the totals; all of one part
-- ARGV  1 prefix of the channels, 2 user, 3 session, 4 node, 5 the node that does it, which is told too
-- Atomic: field, index and totals, and that the change is published. The session is offline when no other field of
-- it has connections or a younger grace; older graces are over too, and their fields go with it. Otherwise the new
-- count is published, if connections went with the field. Who finds the field gone publishes nothing, so every
-- change is owed once. The hash goes with its last field.
-- Returns 1 when the field was there.
if call('SREM', index, user .. '|' .. session) == 1 and call('SCARD', index) == 0 then
  call('HDEL', totals, 'node:' .. node)
end

local by = ARGV[5]
local flat = call('HGETALL', hash)
local had, since, fields, seq = nil, nil, 0, nil
local nodes, known = {by}, {[by] = true}
local others -- of the session: name, connections, since, …
for i = 1, #flat, 2 do
  local name = flat[i]
  if name == 'seq' then
    seq = flat[i + 1]
  else
    local at = find(name, '|', 1, true)
    local other = sub(name, at + 1)
    fields = fields + 1
    if not known[other] then
      known[other] = true
      nodes[#nodes + 1] = other
    end
    if name == field then
      had, since = read(flat[i + 1])
    elseif sub(name, 1, at - 1) == session then
      others = others or {}
      others[#others + 1] = name
      others[#others + 1], others[#others + 2] = read(flat[i + 1])
    end
  end
end
if not had then
  return 0
end

local over, left, connections = {field}, 0, 0
for i = 1, others and #others or 0, 3 do
  if others[i + 1] == 0 and tonumber(others[i + 2]) <= tonumber(since) then
    over[#over + 1] = others[i]
  else
    left, connections = left + 1, connections + others[i + 1]
  end
end
if had > 0 then
  call('HINCRBY', totals, 'connections', -had)
end
if left > 0 and had == 0 then
  call('HDEL', hash, field)
  return 1
end

local now = had > 0 and clock()
seq = seq and format('%.0f', seq + 1) or clock()
if left > 0 then
  call('HDEL', hash, field)
  call('HSET', hash, 'seq', seq)
  tell(nodes, 1, connections, seq, now)
  return 1
end
call('HINCRBY', totals, 'sessions', -1)
if fields == #over then
  call('DEL', hash)
  call('HINCRBY', totals, 'users', -1)
else
  call('HDEL', hash, unpack(over))
  call('HSET', hash, 'seq', seq)
end
tell(nodes, 0, 0, seq, now or since)
return 1
