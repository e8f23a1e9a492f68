"""Pure readers of solver logs, listings and trace files: text in, typed events out."""
