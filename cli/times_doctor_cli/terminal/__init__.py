"""Writing to the terminal: console, lines, units, progress bars."""

from __future__ import annotations
