"""VEDA's VTRUN.CMD and the GAMS command line in it."""
