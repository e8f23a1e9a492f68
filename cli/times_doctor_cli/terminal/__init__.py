"""Writing to the terminal: console, lines, units, progress bars."""
