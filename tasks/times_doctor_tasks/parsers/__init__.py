"""Pure readers of solver logs, listings and trace files: they turn text into typed events."""
