-- BEAT: the owner's heartbeat. Also accepted from a late owner that has not been replaced: it gets the run back.
-- KEYS  1 state  2 cancel  3 events  4 held seats
-- ARGV  1 run  2 attempt  3 token  4 lease_ms  5 ttl_s  6 events_max  7 state the owner is in
--       8 solver  9 holder of a seat, with its attempt  10 margin_ms  11 key of the seats
-- Returns {'ok', cancel, seat's lease_ms or 0} | {'not yours'}: also when its seat has run out, another may have it
-- Atomic because a replacement may be claimed between the check and the renewal.
local h = redis.call('HMGET', KEYS[1], 'state', 'attempt', 'token', 'owner', 'seat')
if h[2] ~= ARGV[2] or h[3] ~= ARGV[3] or is_terminal(h[1]) then return {'not yours'} end
local lease_ms = tonumber((redis.call('HGET', ARGV[11], ARGV[8]) or ''):match(' (%d+)$') or '0')
if lease_ms > 0 then
  local until_ms = tonumber(redis.call('ZSCORE', KEYS[4], ARGV[9]) or '0')
  if until_ms < now_ms() and (tonumber(h[5]) or 0) > 0 then return {'not yours'} end
  -- Seats that are set while it runs count it, too.
  hold_seat(KEYS[4], ARGV[9], now_ms() + lease_ms + tonumber(ARGV[10]), ARGV[5])
elseif (tonumber(h[5]) or 0) > 0 then
  -- Nobody counts it any more. Its worker then frees no seat at the end, and a limit that is set again would find it held.
  redis.call('ZREM', KEYS[4], ARGV[9])
end
redis.call('HSET', KEYS[1], 'seat', lease_ms)
if not is_owned(h[1]) then
  come_back(KEYS[1], h[4])
  move(KEYS[1], KEYS[3], ARGV[1], ARGV[2], ARGV[7], h[4], '', ARGV[5], ARGV[6])
end
redis.call('HINCRBY', KEYS[1], 'beat', 1)
redis.call('HSET', KEYS[1], 'lease_ms', now_ms() + tonumber(ARGV[4]))
return {'ok', redis.call('HGET', KEYS[2], ARGV[1]) or redis.call('HGET', KEYS[2], '*') or '', lease_ms}
