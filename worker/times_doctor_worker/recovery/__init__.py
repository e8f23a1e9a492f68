"""Finding runs that stand still, deciding what to do, and doing it; the report of a scan."""
