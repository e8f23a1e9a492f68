"""The engines behind one port: GAMS, and each solver without it."""

from __future__ import annotations
