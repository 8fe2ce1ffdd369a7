-- What the scripts that change presence share: it stands before each of them.
--
-- A user's hash holds a field "session|node" for every node on which the session has connections, or had its last
-- one less than the grace ago. Its value is "connections since", since in microseconds of this server's clock. The
-- field "seq" numbers the user's changes; it is born at that clock, so that a later hash always begins higher.
--
-- A node's index is the set of "user|session" of its fields in one part, and of fields that it has yet to find gone.
-- The totals of a part count its users, sessions and connections, and as "node:id" the members of each node's index.

local function clock()
  local t = redis.call('TIME')
  return t[1] * 1000000 + t[2]
end

-- text writes numbers that Lua itself would write with an exponent.
local function text(n)
  return string.format('%.0f', n)
end

-- look reads the hash as it stands for a session: how many fields there are in all, the session's fields as
-- {field, connections, since}, its connections, and the nodes that the user has.
local function look(hash, session)
  local found = {fields = 0, entries = {}, connections = 0, nodes = {}}
  local flat = redis.call('HGETALL', hash)
  for i = 1, #flat, 2 do
    local of, node = string.match(flat[i], '^(.*)|(.*)$')
    if of then
      found.fields = found.fields + 1
      found.nodes[node] = true
      if of == session then
        local count, since = string.match(flat[i + 1], '^(%d+) (%d+)$')
        found.entries[#found.entries + 1] = {flat[i], tonumber(count), tonumber(since)}
        found.connections = found.connections + tonumber(count)
      end
    end
  end
  return found
end

-- tell numbers the change and publishes it to the nodes, and to those that watch the user or everybody.
local function tell(prefix, hash, user, session, online, connections, seen, now, nodes)
  local seq = now
  if redis.call('HEXISTS', hash, 'seq') == 1 then
    seq = redis.call('HINCRBY', hash, 'seq', 1)
  else
    redis.call('HSET', hash, 'seq', text(now))
  end
  local names = {}
  for node in pairs(nodes) do
    names[#names + 1] = node
  end
  local message = table.concat(
    {'c', user, session, online, connections, text(seq), text(seen), table.concat(names, ',')}, ' ')
  for _, node in ipairs(names) do
    redis.call('PUBLISH', prefix .. ':node:' .. node, message)
  end
  redis.call('PUBLISH', prefix .. ':watch:' .. user, message)
  redis.call('PUBLISH', prefix .. ':watch', message)
end
