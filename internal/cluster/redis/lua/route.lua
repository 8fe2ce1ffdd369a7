-- Publishes a hint to the nodes where a user has connections, and to those that watch him if they are to know.
-- KEYS  1 the user's hash
-- ARGV  1 prefix of the channels, 2 the message, 3 user, 4 "1" to tell watchers too
-- Atomic: the nodes are those of the moment of publication.
local call, find, sub = redis.call, string.find, string.sub
local prefix, message, told = ARGV[1], ARGV[2], {}
local fields = call('HKEYS', KEYS[1])
for i = 1, #fields do
  local at = find(fields[i], '|', 1, true)
  local node = at and sub(fields[i], at + 1)
  if node and not told[node] then
    told[node] = true
    call('PUBLISH', prefix .. ':node:' .. node, message)
  end
end
if ARGV[4] == '1' then
  call('PUBLISH', prefix .. ':watch:' .. ARGV[3], message)
  call('PUBLISH', prefix .. ':watch', message)
end
return 1
