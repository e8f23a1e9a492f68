-- ADVANCE: the owner goes from one state to the next.
-- KEYS  1 state  2 events
-- ARGV  1 run  2 attempt  3 token  4 after  5 lease_ms  6 ttl_s  7 events_max
-- Returns {'ok'} | {'not yours'} | {'not allowed', before}
-- Atomic because the fence and the transition are checked against the same state that is overwritten.
local h = redis.call('HMGET', KEYS[1], 'state', 'attempt', 'token', 'owner')
if h[2] ~= ARGV[2] or h[3] ~= ARGV[3] or is_terminal(h[1]) then return {'not yours'} end
if h[1] == ARGV[4] then return {'ok'} end
if is_owned(h[1]) and not TRANSITIONS[h[1]][ARGV[4]] then return {'not allowed', h[1]} end
come_back(KEYS[1], h[4])
redis.call('HSET', KEYS[1], 'lease_ms', now_ms() + tonumber(ARGV[5]))
move(KEYS[1], KEYS[2], ARGV[1], ARGV[2], ARGV[4], h[4], '', ARGV[6], ARGV[7])
return {'ok'}
