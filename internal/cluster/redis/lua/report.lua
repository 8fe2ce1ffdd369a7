-- Says how many connections a session has on a node, or had one after the other. 0 begins the grace: the field stays,
-- with its time.
-- KEYS  1 the user's hash, 2 the node's index, 3 the totals; all of one part
-- ARGV  1 prefix of the channels, 2 user, 3 session, 4 node, 5… connections
-- Atomic: the field, the sequence, index and totals, and that the change is published: every step, though only the last
-- is written. Nothing happens when the count is what it was, so that saying it twice is harmless.
-- Returns 1 when something changed.
local flat = call('HGETALL', hash)
local had, here, others, fields, seq = nil, false, 0, 0, nil
local nodes, known = {node}, {[node] = true}
for i = 1, #flat, 2 do
  local name = flat[i]
  if name == field then
    had, fields, here = read(flat[i + 1]), fields + 1, true
  elseif name == 'seq' then
    seq = flat[i + 1]
  else
    local at = find(name, '|', 1, true)
    local other = sub(name, at + 1)
    fields = fields + 1
    if not known[other] then
      known[other] = true
      nodes[#nodes + 1] = other
    end
    if sub(name, 1, at - 1) == session then
      here, others = true, others + read(flat[i + 1])
    end
  end
end

local count, steps, told = had, 0, nil
for i = 5, #ARGV do
  local n = tonumber(ARGV[i])
  if n ~= count then
    count, steps = n, steps + 1
    told = told and told .. ',' .. others + n or others + n
  end
end
if steps == 0 then
  return 0
end

local now = clock()
local first = seq and format('%.0f', seq + 1) or now
call('HSET', hash, field, count .. ' ' .. now, 'seq', steps == 1 and first or format('%.0f', first + steps - 1))
if not had and call('SADD', index, user .. '|' .. session) == 1 and call('SCARD', index) == 1 then
  call('HSET', totals, 'node:' .. node, 1)
end
if not here then
  call('HINCRBY', totals, 'sessions', 1)
end
if fields == 0 then
  call('HINCRBY', totals, 'users', 1)
end
if count ~= (had or 0) then
  call('HINCRBY', totals, 'connections', count - (had or 0))
end
tell(nodes, 1, told, first, now)
return 1
