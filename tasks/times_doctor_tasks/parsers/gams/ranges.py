"""GAMS's range statistics, the same line in log and listing."""

from __future__ import annotations

import re

from times_doctor_tasks.parsers.events import RangeStatistic
from times_doctor_tasks.parsers.numbers import number

_RANGE = re.compile(r"(?:--- )?(RHS|Bound|Matrix|Objective) +\[min, max\] : \[ *(\S+?), *(\S+?)\]")


def range_statistic(line: str) -> RangeStatistic | None:
    """`Matrix    [min, max] : [ 5.000E-02, 3.490E+04]`; `NA` where there is no such value."""
    match = _RANGE.match(line)
    if match is None:
        return None
    return RangeStatistic(match[1].lower(), number(match[2]), number(match[3]))
