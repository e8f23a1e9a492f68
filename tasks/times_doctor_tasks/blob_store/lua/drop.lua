#!lua flags=allow-oom
-- DROP: delete a blob, if it has not been used since.
-- KEYS  1 index  2 sizes  3.. head and chunks
-- ARGV  1 name  2 latest expiry_ms at which it may go
-- Returns bytes given back, or -1 when it has been used since
-- Atomic because a client that was just told "it is there" has renewed it, and relies on it.
-- allow-oom: this is how room is made.
local expiry = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or 0)
if expiry > tonumber(ARGV[2]) then return -1 end
for i = 3, #KEYS do redis.call('UNLINK', KEYS[i]) end
local bytes = tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or 0)
redis.call('HINCRBY', KEYS[2], 'used', 0 - bytes) -- never -0, which is no integer to Redis 7.0
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[1], ARGV[1])
return bytes
