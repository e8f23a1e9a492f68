"""What this machine has, for a scan that runs on it."""

from __future__ import annotations

import os
import sys

#: Assumed where the platform does not say, MB.
UNKNOWN_MEMORY_MB = 8 * 1024


def cores() -> int:
    """Processors that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_mb() -> int:
    """Physical memory."""
    if sys.platform == "win32":
        return UNKNOWN_MEMORY_MB
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // (1 << 20)
    except (ValueError, OSError):
        return UNKNOWN_MEMORY_MB
