-- TAKE: a host that has room gets the first run in line, in fair order, that fits it; it is kept for it for a moment.
-- Then it publishes the run's message to its own queue, and CLAIM decides as usual. If the host dies, the next one takes it.
-- KEYS  1 line  2 needs  3 held seats  4.. lists of the messages that the host may take, step by step
-- ARGV  1 host  2 free threads  3 free mb  4 " queue queue "  5 " engine.solver engine.solver "  6 for how long it is kept
--       7 margin_ms  8 ttl_s  9 lists a step  10 key of the seats
-- Returns {'taken', member, threads, mb} | {'nothing'} while none may be taken | {'empty'}
-- Sent again after a lost answer, it takes another run; the first stays kept, with its seat, until <until ms>.
-- Atomic because all hosts take from one line, and two runs may want the last seat.
local left = {}
local function has_seat(solver)
  if left[solver] == nil then left[solver] = seats_of(ARGV[10], KEYS[3], solver, ARGV[7]) or false end
  return not left[solver] or left[solver] > 0
end

local known = {} -- need -> whether it fits: the runs of a scan are mostly alike
local function fits(need)
  if known[need] == nil then
    local queue, offer, threads, mb = need:match('^(%S+) (%S+) (%d+) (%d+)$')
    known[need] = queue ~= nil and ARGV[4]:find(' ' .. queue .. ' ', 1, true) ~= nil
      and ARGV[5]:find(' ' .. offer .. ' ', 1, true) ~= nil
      and tonumber(threads) <= tonumber(ARGV[2]) and tonumber(mb) <= tonumber(ARGV[3])
      and has_seat(offer:match('([^.]*)$'))
  end
  return known[need]
end

-- A message of an earlier step comes first: it is on its way to this host, or to the line.
local function is_its_turn(step)
  for place = 4, 3 + math.min(step * tonumber(ARGV[9]), #KEYS - 3) do
    if redis.call('LLEN', KEYS[place]) > 0 then return false end
  end
  return true
end

if redis.call('ZCARD', KEYS[1]) == 0 then return {'empty'} end
if tonumber(ARGV[2]) < 1 then return {'nothing'} end -- a busy host asks as often as an idle one
local waiting = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
local now = now_ms()
for place = 1, #waiting, 2 do
  local member = waiting[place]
  local need, kept_ms = (redis.call('HGET', KEYS[2], member) or ''):match('^(%S+ %S+ %d+ %d+) ?(%d*)')
  if need and now >= (tonumber(kept_ms) or 0) and fits(need) then
    if not is_its_turn(math.floor(tonumber(waiting[place + 1]) / 1e13)) then return {'nothing'} end
    local until_ms = now + tonumber(ARGV[6])
    local threads, mb = need:match('(%d+) (%d+)$')
    local solver = need:match('^%S+ %S*%.(%S+)')
    redis.call('HSET', KEYS[2], member, string.format('%s %d %s', need, until_ms, ARGV[1]))
    if left[solver] then hold_seat(KEYS[3], solver .. ' ' .. ARGV[1] .. ' ' .. member .. ' 0', until_ms, ARGV[8]) end
    return {'taken', member, tonumber(threads), tonumber(mb)}
  end
end
return {'nothing'}
