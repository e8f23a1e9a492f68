"""Comparing the runs of a scan, and the recommendation."""
