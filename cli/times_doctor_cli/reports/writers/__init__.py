"""One module a report file."""
