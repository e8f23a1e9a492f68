"""Snapshots and artefacts by their hash, in Redis or in a folder."""
