"""HiGHS's log, bare and under GAMS."""
