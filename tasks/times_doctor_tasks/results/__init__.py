"""Reads a finished run's files: solves, verdict, whether the profile was applied."""
