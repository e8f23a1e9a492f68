-- CLAIM: may this host run this run now?
-- KEYS  1 state  2 run spec  3 cancel  4 parked zset  5 parked needs  6 events  7 history
-- ARGV  1 run  2 member  3 host  4 token  5 initial state  6 lease_ms  7 ttl_s  8 events_max
--       9 need threads  10 need mb  11 free threads  12 free mb  13 rank of a parked run (lower is better)
--       14 instance of the host's worker  15 why the host takes none of these now ('' = it does)
-- Returns {'owned', attempt, cancel} | {'done', state} | {'leased', host} | {'parked', reason} | {'unknown'}
-- Atomic because two copies of one message may arrive at two hosts at once, and exactly one may own it.
if redis.call('EXISTS', KEYS[2]) == 0 then return {'unknown'} end
local h = redis.call('HMGET', KEYS[1], 'state', 'attempt', 'lease_ms', 'host')
local state = h[1] or ARGV[5]
if is_terminal(state) then return {'done', state} end
if is_owned(state) and now_ms() < tonumber(h[3] or '0') then return {'leased', h[4] or ''} end

local cancel = redis.call('HGET', KEYS[3], ARGV[1]) or redis.call('HGET', KEYS[3], '*') or ''
local short = nil
if cancel == '' and ARGV[15] ~= '' then
  short = ARGV[15]
elseif cancel == '' then
  local threads, mb = tonumber(ARGV[9]) - tonumber(ARGV[11]), tonumber(ARGV[10]) - tonumber(ARGV[12])
  if threads > 0 then
    short = string.format('%d %s short on %s', threads, threads == 1 and 'core' or 'cores', ARGV[3])
  elseif mb > 0 then
    short = string.format('%.1f GB short on %s', mb / 1024, ARGV[3])
  end
end
if short then
  redis.call('ZADD', KEYS[4], tonumber(ARGV[13]) * 1e13 + now_ms(), ARGV[2])
  redis.call('HSET', KEYS[5], ARGV[2], ARGV[9] .. ' ' .. ARGV[10])
  redis.call('EXPIRE', KEYS[4], ARGV[7])
  redis.call('EXPIRE', KEYS[5], ARGV[7])
  move(KEYS[1], KEYS[6], ARGV[1], h[2] or '0', 'parked', ARGV[3], short, ARGV[7], ARGV[8])
  redis.call('HSET', KEYS[1], 'host', ARGV[3])
  return {'parked', short}
end

local attempt = tonumber(h[2] or '0') + 1
close_attempt(KEYS[7], 'host lost')
redis.call('HSET', KEYS[1], 'attempt', attempt, 'token', ARGV[4], 'host', ARGV[3], 'owner', ARGV[3], 'instance', ARGV[14],
  'beat', 0, 'lease_ms', now_ms() + tonumber(ARGV[6]))
redis.call('RPUSH', KEYS[7], cjson.encode({schema = 1, attempt = attempt, host = ARGV[3], start_ms = now_ms()}))
redis.call('EXPIRE', KEYS[7], ARGV[7])
redis.call('ZREM', KEYS[4], ARGV[2])
redis.call('HDEL', KEYS[5], ARGV[2])
move(KEYS[1], KEYS[6], ARGV[1], attempt, 'claimed', ARGV[3], '', ARGV[7], ARGV[8])
return {'owned', attempt, cancel}
