"""Staged snapshots and working folders on this host, and their eviction."""
