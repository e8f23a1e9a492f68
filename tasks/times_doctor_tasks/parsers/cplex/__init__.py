"""CPLEX's log, bare and under GAMS."""
