#!lua flags=allow-oom
-- COMMIT: blobs whose chunks have arrived become whole.
-- KEYS  1 index  2 sizes  3.. per blob: head, then its chunks, each once
-- ARGV  1 ttl_ms  2 index ttl_ms  3.. per blob: name, head, number of chunks
-- Returns {expiry_ms, name of each blob that lacks a chunk ...}: those stay as they are
-- Atomic because a head promises that every chunk is there, and a chunk may expire between a look and the promise.
-- allow-oom: the room was reserved and the chunks are in; a head is a few bytes.
local expiry, answer, k = now_ms() + ARGV[1], {}, 3
for a = 3, #ARGV, 3 do
  local bytes, whole = cost(#ARGV[a + 1]), true
  for i = k + 1, k + ARGV[a + 2] do
    local stored = redis.call('STRLEN', KEYS[i])
    if stored == 0 then whole = false end
    bytes = bytes + cost(stored)
  end
  if whole then
    if not redis.call('SET', KEYS[k], ARGV[a + 1], 'NX', 'PX', ARGV[1]) then keep(KEYS[k], ARGV[1]) end
    for i = k + 1, k + ARGV[a + 2] do keep(KEYS[i], ARGV[1]) end
    account(KEYS[1], KEYS[2], ARGV[a], bytes, expiry)
  else
    answer[#answer + 1] = ARGV[a]
  end
  k = k + 1 + ARGV[a + 2]
end
keep_accounts(KEYS[1], KEYS[2], ARGV[2])
return {expiry, unpack(answer)}
