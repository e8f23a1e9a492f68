"""Reads GAMS text, only to find the files that a run reads."""
