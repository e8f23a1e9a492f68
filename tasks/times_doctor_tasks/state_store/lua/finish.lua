-- FINISH: the owner ends the run, once.
-- KEYS  1 state  2 result  3 ended set  4 events  5 history  6 cancel  7 line  8 needs
--       9.. states of all runs of a chain, in order
-- ARGV  1 run  2 attempt  3 token  4 final state  5 result  6 ttl_s  7 events_max  8 verdict
--       9 member  10 cancel flag of all the others ('' = none: it wins no race)  11.. runs of the chain
-- Returns {'won', ended} (also when this fence had won before) | {'not yours'}
-- Atomic because result, state, counter, the end of a race and the successor's release are one fact.
local h = redis.call('HMGET', KEYS[1], 'state', 'attempt', 'token', 'owner', 'won')
if h[5] == ARGV[2] .. ' ' .. ARGV[3] then return {'won', redis.call('SCARD', KEYS[3])} end
if h[2] ~= ARGV[2] or h[3] ~= ARGV[3] or is_terminal(h[1]) then return {'not yours'} end
come_back(KEYS[1], h[4])
leave_line(KEYS[7], KEYS[8], ARGV[9])
redis.call('SET', KEYS[2], ARGV[5], 'EX', ARGV[6])
redis.call('HSET', KEYS[1], 'won', ARGV[2] .. ' ' .. ARGV[3], 'lease_ms', 0)
redis.call('SADD', KEYS[3], ARGV[1])
redis.call('EXPIRE', KEYS[3], ARGV[6])
close_attempt(KEYS[5], ARGV[4])
move(KEYS[1], KEYS[4], ARGV[1], ARGV[2], ARGV[4], h[4], '', ARGV[6], ARGV[7], ARGV[8])
if ARGV[10] ~= '' then
  redis.call('HSETNX', KEYS[6], '*', ARGV[10])
  redis.call('EXPIRE', KEYS[6], ARGV[6])
end
go_on(KEYS[3], KEYS[4], {unpack(KEYS, 9)}, {unpack(ARGV, 11)}, ARGV[6], ARGV[7])
return {'won', redis.call('SCARD', KEYS[3])}
