-- CONCLUDE: control ends a run that nobody owns (cancelled while it waited) or whose owner is gone for good (lost).
-- KEYS  as FINISH
-- ARGV  1 run  2 final state  3 result  4 ttl_s  5 events_max  6 next run ('' = none)  7 initial state
--       8 attempt as seen  9 beat as seen ('' and '' = only if nobody owns it)
-- Returns {'concluded', ended} | {'not so', state}
-- Atomic because a host may claim, or a late owner beat, between control's look and its act.
local h = redis.call('HMGET', KEYS[1], 'state', 'attempt', 'beat', 'host')
local state = h[1] or ARGV[7]
if is_terminal(state) then return {'not so', state} end
local as_seen = is_owned(state) and h[2] == ARGV[8] and h[3] == ARGV[9]
if not as_seen and (ARGV[8] ~= '' or is_owned(state)) then return {'not so', state} end
redis.call('SET', KEYS[2], ARGV[3], 'EX', ARGV[4])
redis.call('HSET', KEYS[1], 'token', '', 'lease_ms', 0)
redis.call('SADD', KEYS[3], ARGV[1])
redis.call('EXPIRE', KEYS[3], ARGV[4])
close_attempt(KEYS[5], ARGV[2])
move(KEYS[1], KEYS[4], ARGV[1], h[2] or '0', ARGV[2], h[4] or '', '', ARGV[4], ARGV[5])
if ARGV[6] ~= '' and (redis.call('HGET', KEYS[6], 'state') or 'pending') == 'pending' then
  move(KEYS[6], KEYS[4], ARGV[6], 0, 'queued', '', '', ARGV[4], ARGV[5])
end
return {'concluded', redis.call('SCARD', KEYS[3])}
