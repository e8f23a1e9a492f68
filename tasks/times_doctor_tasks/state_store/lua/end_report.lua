-- END_REPORT: who makes the report of a scan stops, with or without one.
-- KEYS  1 lease of the report
-- ARGV  1 token of the lease
-- Returns 1 when the lease was its own, else 0
-- Atomic because the lease may end, and another take it, between the look and the deletion.
return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('DEL', KEYS[1]) or 0
