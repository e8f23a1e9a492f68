"""Reads a run folder: its driver, folders and files, before anything is copied or run."""
