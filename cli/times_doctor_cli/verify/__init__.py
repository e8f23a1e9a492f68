"""Tests a user's GAMS with small models, and writes a file about it to mail."""
