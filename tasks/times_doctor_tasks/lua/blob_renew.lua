#!lua flags=allow-oom
-- RENEW: blobs that are used live on.
-- KEYS  1 index  2 sizes  3.. per blob: head, then its chunks, each once
-- ARGV  1 ttl_ms  2.. per blob: name, number of chunks
-- Returns the names of those that are not whole (expired, evicted, never arrived)
-- Atomic because a blob that this calls whole must not lose a chunk before its new expiry.
-- allow-oom: what a scan uses must not expire because the server is full.
local now, broken, k = now_ms(), {}, 3
local whole_blobs = false
for a = 2, #ARGV, 2 do
  local last = k + ARGV[a + 1]
  local keys = {unpack(KEYS, k, last)}
  if redis.call('EXISTS', unpack(keys)) == #keys then
    whole_blobs = true
    for _, key in ipairs(keys) do keep(key, ARGV[1]) end
    if redis.call('HEXISTS', KEYS[2], ARGV[a]) == 1 then
      redis.call('ZADD', KEYS[1], 'GT', now + ARGV[1], ARGV[a])
    else -- the accounts were lost (evicted, a restart without them): they learn of it again
      local bytes = 0
      for _, key in ipairs(keys) do bytes = bytes + cost(redis.call('STRLEN', key)) end
      account(KEYS[1], KEYS[2], ARGV[a], bytes, now + ARGV[1])
    end
  else
    broken[#broken + 1] = ARGV[a]
  end
  k = last + 1
end
if whole_blobs then keep_accounts(KEYS[1], KEYS[2], ARGV[1]) end
return broken
