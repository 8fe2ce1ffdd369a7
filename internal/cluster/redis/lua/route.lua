-- Publishes a hint to the nodes where a user has connections, and to those that watch him if they are to know.
-- KEYS  1 the user's hash
-- ARGV  1 prefix of the channels, 2 the message, 3 user, 4 "1" to tell watchers too
-- Atomic: the nodes are those of the moment of publication.
-- Returns "node connections since" of each of his sessions, one after the other.
local call, find, sub = redis.call, string.find, string.sub
local prefix, message, told, reached = ARGV[1], ARGV[2], {}, ''
local flat = call('HGETALL', KEYS[1])
for i = 1, #flat, 2 do
  local at = find(flat[i], '|', 1, true)
  local node = at and sub(flat[i], at + 1)
  if node then
    reached = reached .. node .. ' ' .. flat[i + 1] .. ' '
    if not told[node] then
      told[node] = true
      call('PUBLISH', prefix .. ':node:' .. node, message)
    end
  end
end
if ARGV[4] == '1' then
  call('PUBLISH', prefix .. ':watch:' .. ARGV[3], message)
  call('PUBLISH', prefix .. ':watch', message)
end
return reached
