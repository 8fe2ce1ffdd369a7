-- What the scripts that change presence share: it stands before each of them.
--
-- A user's hash holds a field "session|node" for every node on which the session has connections, or had its last
-- one less than the grace ago. Its value is "connections since", since in microseconds of this server's clock. The
-- field "seq" numbers the user's changes; it is born at that clock, so that a later hash always begins higher.
--
-- A node's index is the set of "user|session" of its fields in one part, and of fields that it has yet to find gone.
-- The totals of a part count its users, sessions and connections. A field "node:id" is there while that node's index is.
--
-- These scripts are what a storm of sockets costs Redis most by: the hash is read once, and nothing is written or built
-- that is not needed.

local call, find, sub, format = redis.call, string.find, string.sub, string.format

local hash, index, totals = KEYS[1], KEYS[2], KEYS[3]
local prefix, user, session, node = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local field = session .. '|' .. node

-- clock is a text: Lua itself would write the number with an exponent.
local function clock()
  local t = call('TIME')
  return format('%s%06d', t[1], t[2])
end

-- read splits a value.
local function read(value)
  local at = find(value, ' ', 1, true)
  return tonumber(sub(value, 1, at - 1)), sub(value, at + 1)
end

-- tell publishes a change to the nodes, and to those that watch the user or everybody. Of several steps there are the
-- connections after each, and the number of the first.
local function tell(nodes, online, connections, seq, seen)
  local message = 'c ' .. user .. ' ' .. session .. ' ' .. online .. ' ' .. connections .. ' ' .. seq .. ' ' .. seen
      .. ' ' .. table.concat(nodes, ',')
  for i = 1, #nodes do
    call('PUBLISH', prefix .. ':node:' .. nodes[i], message)
  end
  call('PUBLISH', prefix .. ':watch:' .. user, message)
  call('PUBLISH', prefix .. ':watch', message)
end
