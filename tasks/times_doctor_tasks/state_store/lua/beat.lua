-- BEAT: the owner lives. Also accepted from a late owner whom nobody has replaced: he gets the run back.
-- KEYS  1 state  2 cancel  3 events
-- ARGV  1 run  2 attempt  3 token  4 lease_ms  5 ttl_s  6 events_max  7 state the owner is in
-- Returns {'ok', cancel} | {'not yours'}
-- Atomic because a replacement may be claimed between the check and the renewal.
local h = redis.call('HMGET', KEYS[1], 'state', 'attempt', 'token', 'owner')
if h[2] ~= ARGV[2] or h[3] ~= ARGV[3] or is_terminal(h[1]) then return {'not yours'} end
if not is_owned(h[1]) then
  come_back(KEYS[1], h[4])
  move(KEYS[1], KEYS[3], ARGV[1], ARGV[2], ARGV[7], h[4], '', ARGV[5], ARGV[6])
end
redis.call('HINCRBY', KEYS[1], 'beat', 1)
redis.call('HSET', KEYS[1], 'lease_ms', now_ms() + tonumber(ARGV[4]))
return {'ok', redis.call('HGET', KEYS[2], ARGV[1]) or redis.call('HGET', KEYS[2], '*') or ''}
