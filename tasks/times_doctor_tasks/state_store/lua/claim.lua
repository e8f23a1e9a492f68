-- CLAIM: may this host run this run now? A run without free capacity or a free seat here waits in the line of all hosts.
-- KEYS  1 state  2 run spec  3 cancel  4 line  5 needs  6 events  7 history  8 held seats
-- ARGV  1 run  2 member  3 host  4 token  5 initial state  6 lease_ms  7 ttl_s  8 events_max
--       9 need threads  10 need mb  11 free threads  12 free mb  13 step  14 instance of the host's worker
--       15 why the host takes none of these now ('' = it does)  16 need as in the line  17 solver
--       18 holder of a seat, without its attempt  19 margin_ms  20 key of the seats
-- Returns {'owned', attempt, cancel, seat's lease_ms or 0} | {'done', state} | {'leased', host} | {'parked', reason}
--       | {'unknown'}
-- Who asks again with the token that owns the run, because the answer was lost, gets it again, with new leases.
-- Atomic because two copies of one message may arrive at two hosts at once, and two runs may want the last seat.
if redis.call('EXISTS', KEYS[2]) == 0 then
  leave_line(KEYS[4], KEYS[5], ARGV[2])
  return {'unknown'}
end
local h = redis.call('HMGET', KEYS[1], 'state', 'attempt', 'lease_ms', 'host', 'token', 'seat')
local state = h[1] or ARGV[5]
local cancel = redis.call('HGET', KEYS[3], ARGV[1]) or redis.call('HGET', KEYS[3], '*') or ''
if is_owned(state) and h[5] == ARGV[4] and tonumber(h[2]) then
  local seat_ms, holder = tonumber(h[6]) or 0, ARGV[18] .. ' ' .. h[2]
  -- A seat that has run out may be another's: then it is a claim like any other.
  if seat_ms == 0 or (tonumber(redis.call('ZSCORE', KEYS[8], holder)) or 0) > now_ms() then
    redis.call('HINCRBY', KEYS[1], 'beat', 1)
    redis.call('HSET', KEYS[1], 'lease_ms', now_ms() + tonumber(ARGV[6]))
    if seat_ms > 0 then hold_seat(KEYS[8], holder, now_ms() + seat_ms + tonumber(ARGV[19]), ARGV[7]) end
    return {'owned', tonumber(h[2]), cancel, seat_ms}
  end
elseif is_terminal(state) or (is_owned(state) and now_ms() < (tonumber(h[3]) or 0)) then
  leave_line(KEYS[4], KEYS[5], ARGV[2])
  if is_terminal(state) then return {'done', state} end
  return {'leased', h[4] or ''}
end

-- A free seat belongs to the first run that waits for it, unless TAKE has kept it for this very run.
local function somebody_is_before()
  local mine = redis.call('ZSCORE', KEYS[4], ARGV[2])
  -- Who comes now is behind one that came in this very millisecond.
  local below = mine and '(' .. mine or string.format('%.0f', tonumber(ARGV[13]) * 1e13 + now_ms())
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', below)) do
    local solver, kept_ms = (redis.call('HGET', KEYS[5], member) or ''):match('^%S+ %S+%.(%S+) %d+ %d+ ?(%d*)')
    if solver == ARGV[17] and now_ms() >= (tonumber(kept_ms) or 0) then return true end
  end
  return false
end

local short, seat_ms = nil, 0
if cancel == '' and ARGV[15] ~= '' then
  short = ARGV[15]
elseif cancel == '' then
  local threads, mb = tonumber(ARGV[9]) - tonumber(ARGV[11]), tonumber(ARGV[10]) - tonumber(ARGV[12])
  local left, limit, lease_ms = seats_of(ARGV[20], KEYS[8], ARGV[17], ARGV[19])
  local is_kept = left and redis.call('ZREM', KEYS[8], ARGV[18] .. ' 0') == 1
  if threads > 0 then
    short = string.format('%d %s short on %s', threads, threads == 1 and 'core' or 'cores', ARGV[3])
  elseif mb > 0 then
    short = string.format('%.1f GB short on %s', mb / 1024, ARGV[3])
  elseif left and not is_kept and (left < 1 or somebody_is_before()) then
    short = string.format('no seat: %d of %d %s', limit - math.max(left, 0), limit, ARGV[17])
  end
  seat_ms = left and lease_ms or 0
end
if short then
  stand_in_line(KEYS[4], KEYS[5], ARGV[2], ARGV[16], ARGV[13], ARGV[7])
  move(KEYS[1], KEYS[6], ARGV[1], h[2] or '0', 'parked', '', short, ARGV[7], ARGV[8])
  redis.call('HSET', KEYS[1], 'host', '')
  return {'parked', short}
end

local attempt = math.max(tonumber(h[2]) or 0, 0) + 1
close_attempt(KEYS[7], 'host lost')
redis.call('HSET', KEYS[1], 'attempt', attempt, 'token', ARGV[4], 'host', ARGV[3], 'owner', ARGV[3], 'instance', ARGV[14],
  'beat', 0, 'lease_ms', now_ms() + tonumber(ARGV[6]), 'seat', seat_ms)
redis.call('RPUSH', KEYS[7], cjson.encode({schema = 1, attempt = attempt, host = ARGV[3], start_ms = now_ms()}))
redis.call('EXPIRE', KEYS[7], ARGV[7])
leave_line(KEYS[4], KEYS[5], ARGV[2])
if seat_ms > 0 then hold_seat(KEYS[8], ARGV[18] .. ' ' .. attempt, now_ms() + seat_ms + tonumber(ARGV[19]), ARGV[7]) end
move(KEYS[1], KEYS[6], ARGV[1], attempt, 'claimed', ARGV[3], '', ARGV[7], ARGV[8])
return {'owned', attempt, cancel, seat_ms}
