-- REQUEUED: control has published the message of a run again whose owner went silent; now it is marked.
-- KEYS  1 state  2 events
-- ARGV  1 run  2 attempt as seen  3 beat as seen  4 reason  5 ttl_s  6 events_max
-- Returns {'ok'} | {'not so', state}
-- Sent again after a lost answer: {'not so', 'queued'}; nobody acts on the answer.
-- Atomic because the owner may beat, or the copy be claimed, between control's look and its mark.
-- The token stays: a late owner that has not been replaced gets the run back with its next heartbeat.
local h = redis.call('HMGET', KEYS[1], 'state', 'attempt', 'beat')
if not is_owned(h[1] or '') or h[2] ~= ARGV[2] or h[3] ~= ARGV[3] then return {'not so', h[1] or ''} end
redis.call('HSET', KEYS[1], 'lease_ms', 0)
move(KEYS[1], KEYS[2], ARGV[1], ARGV[2], 'queued', '', ARGV[4], ARGV[5], ARGV[6])
return {'ok'}
