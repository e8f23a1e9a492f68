"""Pure readers of solver logs, listings and trace files: text in, typed events out."""

from __future__ import annotations
