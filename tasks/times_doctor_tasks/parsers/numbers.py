"""Numbers as solvers print them."""

from __future__ import annotations

from datetime import datetime
from math import isfinite


def number(text: str) -> float | None:
    """A finite number, or None for `NA`, `---`, `inf` and `nan`."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if isfinite(value) else None


def whole(text: str) -> int | None:
    """A whole number, with or without thousands separators; None if it is not one."""
    try:
        return int(text.replace(",", ""))
    except ValueError:
        return None


def percent(text: str) -> float | None:
    """`0.62%` as 0.0062."""
    value = number(text.rstrip("%"))
    return None if value is None else round(value / 100.0, 12)


def clock_s(text: str) -> float | None:
    """`0:01:02.300` (hours, minutes, seconds) in seconds."""
    parts = [number(part) for part in text.split(":")]
    if not parts or len(parts) > 4:
        return None
    total = 0.0
    for part in parts:
        if part is None:
            return None
        total = total * 60.0 + part
    return total


def julian_date(stamp: str) -> float | None:
    """`11/23/26 12:15:27` (month first) as GAMS trace files count: days since the end of 1899, local time."""
    try:
        moment = datetime.strptime(stamp, "%m/%d/%y %H:%M:%S")
    except ValueError:
        return None
    return (moment - datetime(1899, 12, 31)).total_seconds() / 86_400
