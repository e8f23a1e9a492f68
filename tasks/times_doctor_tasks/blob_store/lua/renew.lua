#!lua flags=allow-oom
-- RENEW: blobs that are used live on.
-- KEYS  1 index  2 sizes  3.. per blob: head, then its chunks, each once
-- ARGV  1 ttl_ms  2.. per blob: name, number of chunks
-- Returns the names of those that are not whole (expired, evicted, never arrived)
-- Atomic because a blob that this calls whole must not lose a chunk before its new expiry.
-- allow-oom: what a scan uses must not expire because the server is full.
local now, broken, some_whole, k = now_ms(), {}, false, 3
for a = 2, #ARGV, 2 do
  local last, whole = k + ARGV[a + 1], true
  for i = k, last do whole = whole and redis.call('EXISTS', KEYS[i]) == 1 end
  if whole then
    some_whole = true
    for i = k, last do keep(KEYS[i], ARGV[1]) end
    if redis.call('HEXISTS', KEYS[2], ARGV[a]) == 1 then
      redis.call('ZADD', KEYS[1], 'GT', now + ARGV[1], ARGV[a])
    else -- the accounts were lost (evicted, a restart without them): they learn of it again
      local bytes = 0
      for i = k, last do bytes = bytes + cost(redis.call('STRLEN', KEYS[i])) end
      account(KEYS[1], KEYS[2], ARGV[a], bytes, now + ARGV[1])
    end
  else
    broken[#broken + 1] = ARGV[a]
  end
  k = last + 1
end
if some_whole then keep_accounts(KEYS[1], KEYS[2], ARGV[1]) end
return broken
