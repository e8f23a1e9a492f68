"""Settings, folders and files of this machine, and what it has for solves."""
