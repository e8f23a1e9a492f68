"""Staged snapshots and working directories on this host, and how space is made for them."""
