"""Time enters the product here, with the unit in the name."""

from __future__ import annotations

import time


def now_ms() -> int:
    """Wall clock in milliseconds since 1970, for documents that people read; never for a lease."""
    return time.time_ns() // 1_000_000


def monotonic_s() -> float:
    """Seconds on a clock that no administrator sets; for every span and deadline."""
    return time.monotonic()
