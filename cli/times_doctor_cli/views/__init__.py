"""Pure functions from a model to something Rich can draw."""

from __future__ import annotations
