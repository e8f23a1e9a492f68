"""Reading a run folder: which driver, which folders, which files, before anything is copied or run."""
