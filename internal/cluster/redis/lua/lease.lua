-- What the scripts about leases share: it stands before each of them.
--
-- The leases are a sorted set of node ids by the end of their lease, in microseconds of this server's clock. What a
-- dead node left is a member "dead:id": its score is until when somebody is at work on it. The records are a hash of
-- what each living node says of itself.

local function clock()
  local t = redis.call('TIME')
  return t[1] * 1000000 + t[2]
end

local function text(n)
  return string.format('%.0f', n)
end

-- answer is a status, the clock and the leases as they were when read.
local function answer(status, now, leases)
  local all = {status, text(now)}
  for _, v in ipairs(leases) do
    all[#all + 1] = v
  end
  return all
end
