-- UNPARK: the host takes one of its parked runs (chosen by PICK) off the list, to publish its message to itself.
-- KEYS  1 parked zset  2 parked needs  3 state  4 events
-- ARGV  1 member  2 run  3 ttl_s  4 events_max
-- Returns 1 when this call took it, 0 when it was not there any more
-- Atomic because several threads of a host pick at once.
if redis.call('ZREM', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('HDEL', KEYS[2], ARGV[1])
local h = redis.call('HMGET', KEYS[3], 'state', 'attempt', 'host')
if h[1] ~= 'parked' then return 0 end
move(KEYS[3], KEYS[4], ARGV[2], h[2] or '0', 'queued', h[3] or '', '', ARGV[3], ARGV[4])
return 1
