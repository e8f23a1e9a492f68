"""GAMS text, read as far as it decides which files a run reads."""

from __future__ import annotations
