"""The two engines behind one port: GAMS, and HiGHS alone."""

from __future__ import annotations
