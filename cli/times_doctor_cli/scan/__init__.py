"""A scan from the request to the exit code."""
