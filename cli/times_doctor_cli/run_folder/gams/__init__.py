"""GAMS text, read as far as it decides which files a run reads."""
