"""Settings, folders, files and resources of this machine."""
