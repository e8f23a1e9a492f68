-- Shared head of the blob scripts; redis_scripts.py puts it behind their first line, which must stay the first.
-- All clocks here are the server's. Every script keeps the index (ZSET blob -> expiry ms) and the sizes (HASH
-- blob -> bytes, `used` -> their sum) in step.
local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- Lengthens a key's life, never shortens it: two uploads of one blob may be at different stages.
local function keep(key, ttl_ms)
  redis.call('PEXPIRE', key, ttl_ms, 'GT')
end

local function keep_accounts(index, sizes, ttl_ms)
  for _, key in ipairs({index, sizes}) do
    if redis.call('PTTL', key) < tonumber(ttl_ms) then redis.call('PEXPIRE', key, ttl_ms) end
  end
end

local function account(index, sizes, blob, bytes, expiry_ms)
  local before = tonumber(redis.call('HGET', sizes, blob) or 0)
  redis.call('HINCRBY', sizes, 'used', bytes - before)
  redis.call('HSET', sizes, blob, bytes)
  redis.call('ZADD', index, 'GT', expiry_ms, blob)
end

-- What a key costs beside its value: dictionary entries, name, expiry.
local KEY_BYTES = 256

local function cost(bytes)
  return bytes + KEY_BYTES
end
