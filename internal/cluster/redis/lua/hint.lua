-- Publishes a hint to every node, in a Redis Cluster. It is a script only so that it has a key: the Cluster then takes
-- all hints at one of its servers, and they keep their order.
-- KEYS  1 the leases, not touched
-- ARGV  1 prefix of the channels, 2 the message
redis.call('PUBLISH', ARGV[1] .. ':hints', ARGV[2])
return 1
