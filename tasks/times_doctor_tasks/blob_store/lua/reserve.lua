#!lua flags=allow-oom
-- RESERVE: room for chunks about to be sent, and which of them are there already.
-- KEYS  1 index  2 sizes  3.. chunks
-- ARGV  1 quota_bytes  2 share of maxmemory the store may take  3 share of maxmemory that stays free for others
--       4 part ttl_ms  5 index ttl_ms  6.. per chunk: blob, bytes
-- Returns {'ok' | 'quota' | 'memory', expiry_ms, needed, room, used, quota, there: a string of 0 and 1 per chunk}
-- Atomic because several clients upload at once, and together they must stay within the quota.
-- allow-oom: a server that is out of memory still answers, with no room.
local now = now_ms()
-- Blobs that have expired give their room back: their own keys went the same moment.
while true do
  local names = redis.call('ZRANGE', KEYS[1], '-inf', now, 'BYSCORE', 'LIMIT', 0, 500)
  if #names == 0 then break end
  local freed = 0
  for _, bytes in ipairs(redis.call('HMGET', KEYS[2], unpack(names))) do freed = freed + tonumber(bytes or 0) end
  redis.call('HINCRBY', KEYS[2], 'used', 0 - freed) -- never -0, which is no integer to Redis 7.0
  redis.call('HDEL', KEYS[2], unpack(names))
  redis.call('ZREM', KEYS[1], unpack(names))
end

local memory = redis.call('INFO', 'memory')
local max = tonumber(memory:match('maxmemory:(%d+)') or 0)
local taken = tonumber(memory:match('used_memory:(%d+)') or 0)
local used = tonumber(redis.call('HGET', KEYS[2], 'used') or 0)
local quota = tonumber(ARGV[1])
if max > 0 then quota = math.min(quota, math.floor(max * tonumber(ARGV[2]))) end
local room, limit = quota - used, 'quota'
if max > 0 then
  local unused = math.floor(max * (1 - tonumber(ARGV[3]))) - taken
  if unused < room then room, limit = unused, 'memory' end
end
room = math.max(room, 0)

local there, needed = {}, 0
for i = 3, #KEYS do
  there[i - 2] = redis.call('EXISTS', KEYS[i])
  if there[i - 2] == 0 then needed = needed + cost(ARGV[2 * i + 1]) end
end
local expiry = now + ARGV[4]
if needed > room then return {limit, expiry, needed, room, used, quota, ''} end
for i = 3, #KEYS do
  local blob, bytes = ARGV[2 * i], ARGV[2 * i + 1]
  if there[i - 2] == 1 then
    keep(KEYS[i], ARGV[4])
  else
    redis.call('HINCRBY', KEYS[2], blob, cost(bytes))
  end
  redis.call('ZADD', KEYS[1], 'GT', expiry, blob)
end
if needed > 0 then redis.call('HINCRBY', KEYS[2], 'used', needed) end
if #KEYS > 2 then keep_accounts(KEYS[1], KEYS[2], ARGV[5]) end
return {'ok', expiry, needed, room, used, quota, table.concat(there)}
