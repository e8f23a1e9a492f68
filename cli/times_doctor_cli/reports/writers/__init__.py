"""One module per report file."""
