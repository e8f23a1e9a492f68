-- EXTEND: control adds a round to a scan: its runs, and the scan's document with them.
-- KEYS  1 scan spec  2 done mark of the report  3 events  4.. specs of the new runs
-- ARGV  1 scan spec as it was read  2 as it will be  3 event  4 ttl_s  5 events_max  6.. the new runs' documents
-- Returns 1 when this call added it, 0 when another process did, or the report exists
-- Atomic because several control workers may work out the same round, and one of them a long time ago.
if redis.call('EXISTS', KEYS[2]) == 1 or redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[4])
for place = 4, #KEYS do
  redis.call('SET', KEYS[place], ARGV[place + 2], 'EX', ARGV[4])
end
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[5], '*', 'e', ARGV[3])
redis.call('EXPIRE', KEYS[3], ARGV[4])
return 1
