"""HiGHS's log, bare and under GAMS."""

from __future__ import annotations
