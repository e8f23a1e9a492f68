"""GAMS's own log, listing and trace file."""

from __future__ import annotations
