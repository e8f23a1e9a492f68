-- RELEASE: the owner hands the run back unfinished; the attempt is not counted, unless the host failed it.
-- KEYS  1 state  2 events  3 history  4 line  5 needs
-- ARGV  1 run  2 attempt  3 token  4 reason  5 ttl_s  6 events_max  7 handbacks to add (0: it counts)
--       8 member  9 need as in the line ('' = its message is published again)  10 step  11 ms for which no host takes it
-- Returns {'ok'} (also when this fence had handed it back before) | {'not yours'}
-- Atomic because a replacement may be claimed between the check and the hand-back.
local h = redis.call('HMGET', KEYS[1], 'state', 'attempt', 'token', 'released')
if h[4] == ARGV[2] .. ' ' .. ARGV[3] then return {'ok'} end
if h[2] ~= ARGV[2] or h[3] ~= ARGV[3] or is_terminal(h[1]) then return {'not yours'} end
redis.call('HINCRBY', KEYS[1], 'handbacks', ARGV[7])
redis.call('HSET', KEYS[1], 'lease_ms', 0, 'token', '', 'released', ARGV[2] .. ' ' .. ARGV[3])
close_attempt(KEYS[3], ARGV[4])
if ARGV[9] == '' then
  move(KEYS[1], KEYS[2], ARGV[1], ARGV[2], 'queued', '', ARGV[4], ARGV[5], ARGV[6])
else
  stand_in_line(KEYS[4], KEYS[5], ARGV[8], string.format('%s %d -', ARGV[9], now_ms() + tonumber(ARGV[11])), ARGV[10], ARGV[5])
  move(KEYS[1], KEYS[2], ARGV[1], ARGV[2], 'parked', '', ARGV[4], ARGV[5], ARGV[6])
end
return {'ok'}
