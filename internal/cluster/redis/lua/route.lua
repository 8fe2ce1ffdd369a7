-- Publishes a hint to the nodes where a user has connections, and to those that watch him if they are to know.
-- KEYS  1 the user's hash
-- ARGV  1 prefix of the channels, 2 the message, 3 user, 4 "1" to tell watchers too
-- Atomic: the nodes are those of the moment of publication.
local nodes = {}
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  local node = string.match(field, '|(.*)$')
  if node and not nodes[node] then
    nodes[node] = true
    redis.call('PUBLISH', ARGV[1] .. ':node:' .. node, ARGV[2])
  end
end
if ARGV[4] == '1' then
  redis.call('PUBLISH', ARGV[1] .. ':watch:' .. ARGV[3], ARGV[2])
  redis.call('PUBLISH', ARGV[1] .. ':watch', ARGV[2])
end
return 1
