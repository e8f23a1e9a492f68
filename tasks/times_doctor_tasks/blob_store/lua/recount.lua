#!lua flags=allow-oom
-- RECOUNT: `used` becomes the sum of the sizes again, and sizes without an entry in the index go.
-- KEYS  1 index  2 sizes
-- Returns the sum
-- Atomic because uploads change both at any time. Mends what an eviction or a hand in the data left behind.
local sum, all = 0, redis.call('HGETALL', KEYS[2])
for i = 1, #all, 2 do
  if all[i] ~= 'used' then
    if redis.call('ZSCORE', KEYS[1], all[i]) then
      sum = sum + tonumber(all[i + 1])
    else
      redis.call('HDEL', KEYS[2], all[i])
    end
  end
end
if #all > 0 then redis.call('HSET', KEYS[2], 'used', sum) end
return sum
