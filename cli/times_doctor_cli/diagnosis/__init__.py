"""What can be said of a model, a log or a scan without running it under profiles."""
