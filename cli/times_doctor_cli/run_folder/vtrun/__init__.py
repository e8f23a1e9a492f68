"""VEDA's VTRUN.CMD and the GAMS command line in it."""

from __future__ import annotations
