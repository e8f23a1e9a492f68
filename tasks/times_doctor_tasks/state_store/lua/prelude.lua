-- Shared head of every script; `scripts.py` puts the table TRANSITIONS (from states.py) in front of it.
-- A key of another type, or a number that none can be added to, is treated as missing: it costs its
-- run what was in it, and no host its beats.
local server = redis
local broken = {'WRONGTYPE', 'not an integer', 'overflow', 'last possible ID', 'equal or smaller'}
local redis = {call = function(command, key, ...)
  local answer = server.pcall(command, key, ...)
  if type(answer) ~= 'table' or not answer.err then return answer end
  for _, words in ipairs(broken) do
    if string.find(answer.err, words, 1, true) then
      server.log(server.LOG_WARNING, 'times-doctor drops ' .. key .. ': ' .. answer.err)
      if type(server.pcall('DEL', key)) == 'table' then return false end -- not ours to drop
      break
    end
  end
  return server.call(command, key, ...)
end}

-- All clocks here are the server's: hosts may be hours apart.
local function now_ms()
  local t = server.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

local function is_terminal(state)
  return TRANSITIONS[state] ~= nil and next(TRANSITIONS[state]) == nil
end

local function is_owned(state)
  return state == 'claimed' or state == 'staging' or state == 'running' or state == 'collecting'
end

-- A late owner's run may have been parked elsewhere meanwhile: it is at the owner's host again.
local function come_back(key, owner)
  redis.call('HSET', key, 'host', owner or '')
end

-- Writes the state and tells everyone who watches. The caller has checked that the change is allowed.
local function move(key, events, run, attempt, state, host, reason, ttl_s, events_max, verdict)
  redis.call('HSET', key, 'state', state, 'since_ms', now_ms(), 'reason', reason)
  redis.call('EXPIRE', key, ttl_s)
  local event = {kind = 'state', run = run, attempt = tonumber(attempt) or 0, state = state, host = host, reason = reason}
  if verdict and verdict ~= '' then event.verdict = verdict end
  redis.call('XADD', events, 'MAXLEN', '~', events_max, '*', 'e', cjson.encode(event))
  redis.call('EXPIRE', events, ttl_s)
end

-- Closes the newest entry of a run's history, if it is still open.
local function close_attempt(history, ended_as)
  local last = redis.call('LINDEX', history, -1)
  if not last then return end
  local ok, entry = pcall(cjson.decode, last)
  if not ok or type(entry) ~= 'table' then return end
  if entry.end_ms and entry.end_ms ~= cjson.null then return end
  entry.end_ms = now_ms()
  entry.ended_as = ended_as
  redis.call('LSET', history, -1, cjson.encode(entry))
end

-- A chain goes on with the first of its runs that has not ended; the first of all never waited for another.
local function go_on(ended, events, keys, runs, ttl_s, events_max)
  for place, run in ipairs(runs) do
    if redis.call('SISMEMBER', ended, run) == 0 then
      if place > 1 and (redis.call('HGET', keys[place], 'state') or 'pending') == 'pending' then
        move(keys[place], events, run, 0, 'queued', '', '', ttl_s, events_max)
      end
      return
    end
  end
end

-- The line: runs that found no room or no seat, of all hosts. line: zset member -> step * 1e13 + arrival;
-- needs: hash member -> "<queue> <engine>.<solver> <threads> <mb>", then " <until ms> <host>" while a host takes it.
local function stand_in_line(line, needs, member, need, step, ttl_s)
  redis.call('ZADD', line, 'NX', tonumber(step) * 1e13 + now_ms(), member)
  redis.call('HSET', needs, member, need)
  redis.call('EXPIRE', line, ttl_s)
  redis.call('EXPIRE', needs, ttl_s)
end

local function leave_line(line, needs, member)
  redis.call('ZREM', line, member)
  redis.call('HDEL', needs, member)
end

-- How many seats of a solver are left, how many there are, and the lease of one; nil where it is not counted.
-- In the first moments of a server none is left: it may have forgotten its last second, not so who took a seat in it.
-- The key of the seats is no KEY: EVALSHA wants the right to write those, and only an admin writes it.
local function seats_of(seats, held, solver, margin_ms)
  local limit, lease_ms = (redis.call('HGET', seats, solver) or ''):match('^(%d+) (%d+)$')
  if not limit then return nil end
  redis.call('ZREMRANGEBYSCORE', held, '-inf', now_ms())
  local left = tonumber(limit)
  for _, holder in ipairs(redis.call('ZRANGE', held, 0, -1)) do
    if holder:match('^(%S+)') == solver then left = left - 1 end
  end
  local up_s = redis.call('INFO', 'server'):match('uptime_in_seconds:(%d+)')
  if tonumber(up_s) * 1000 < tonumber(margin_ms) then left = 0 end
  return left, tonumber(limit), tonumber(lease_ms)
end

local function hold_seat(held, holder, until_ms, ttl_s)
  redis.call('ZADD', held, until_ms, holder)
  redis.call('EXPIRE', held, ttl_s)
end
