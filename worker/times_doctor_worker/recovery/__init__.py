"""Finds stalled runs, decides what to do, and does it; makes the report of a scan."""
