-- CONCLUDE: control ends a run without an owner (cancelled while it waited) or whose owner is lost.
-- KEYS  as FINISH
-- ARGV  1 run  2 final state  3 result  4 ttl_s  5 events_max  6 initial state
--       7 attempt as seen  8 beat as seen ('' and '' = only if it has no owner)  9 member
--       10.. runs of the chain
-- Returns {'concluded', ended} | {'not so', state}
-- Sent again after a lost answer: {'not so', state}; nobody acts on the answer.
-- Atomic because a host may claim, or a late owner beat, between control's look and its act.
local h = redis.call('HMGET', KEYS[1], 'state', 'attempt', 'beat', 'host')
local state = h[1] or ARGV[6]
if is_terminal(state) then return {'not so', state} end
local as_seen = is_owned(state) and h[2] == ARGV[7] and h[3] == ARGV[8]
if not as_seen and (ARGV[7] ~= '' or is_owned(state)) then return {'not so', state} end
leave_line(KEYS[7], KEYS[8], ARGV[9])
redis.call('SET', KEYS[2], ARGV[3], 'EX', ARGV[4])
redis.call('HSET', KEYS[1], 'token', '', 'lease_ms', 0)
redis.call('SADD', KEYS[3], ARGV[1])
redis.call('EXPIRE', KEYS[3], ARGV[4])
close_attempt(KEYS[5], ARGV[2])
move(KEYS[1], KEYS[4], ARGV[1], h[2] or '0', ARGV[2], h[4] or '', '', ARGV[4], ARGV[5])
go_on(KEYS[3], KEYS[4], {unpack(KEYS, 9)}, {unpack(ARGV, 10)}, ARGV[4], ARGV[5])
return {'concluded', redis.call('SCARD', KEYS[3])}
