"""Numbers with their units, and verdicts, as people read them."""

from __future__ import annotations

import math
import time
from decimal import ROUND_CEILING, Decimal

from times_doctor_tasks.contract.states import Verdict

#: Verdicts whose text is too long for a column of the live table.
_SHORT_VERDICTS = {
    Verdict.COMPILE_ERROR: "compile err",
    Verdict.EXECUTION_ERROR: "exec error",
    Verdict.SOLVER_FAILURE: "solver fail",
}


def span(seconds: float | None) -> str:
    """A live span in at most 7 columns, in whole seconds, so that digits do not jump.

    >>> [span(s) for s in (None, 7.9, 123, 3765, 360_000)]
    ['', '7 s', '2:03', '1:02:45', '100 h']
    """
    if seconds is None or not math.isfinite(seconds):
        return ""
    whole = int(max(0.0, seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d}"
    if whole < 36_000:
        return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
    hours = whole // 3600
    return f"{hours}h{whole // 60 % 60:02d}m" if hours < 100 else f"{hours} h"


def runtime(seconds: float | None) -> str:
    """A final span in at most 7 columns, with a precision that fits its size.

    >>> [runtime(s) for s in (None, 0.0312, 4.04, 59.96, 123.4)]
    ['', '0.03 s', '4.04 s', '1:00', '2:03']
    """
    if seconds is None or not math.isfinite(seconds):
        return ""
    if seconds < 9.995:
        return f"{max(0.0, seconds):.2f} s"
    return f"{seconds:.1f} s" if seconds < 59.95 else span(seconds + 0.5)


def compact(value: float, digits: int = 4) -> str:
    """A number in few columns.

    >>> [compact(x, 2) for x in (6407967.456, -0.00032, 1234.5, 0.0, 1e20)]
    ['6.4e6', '-3.2e-4', '1234', '0', '1e20']
    """
    if value == 0 or 0.01 <= abs(value) < 10_000:
        return f"{value:.0f}" if abs(value) >= 10**digits else f"{value:.{digits}g}"
    if not math.isfinite(value):
        return str(value)
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}e{int(exponent)}"


def rounded_up(bound: float) -> str:
    """A bound rounded up to one digit, so that it still holds.

    >>> rounded_up(1.35e-11), rounded_up(9.5e-7), rounded_up(2e-3)
    ('2e-11', '1e-6', '2e-3')
    """
    exact = Decimal(repr(bound))
    unit = Decimal((0, (1,), exact.adjusted()))
    digits, exponent = f"{float((exact / unit).to_integral_value(ROUND_CEILING) * unit):.0e}".split("e")
    return f"{digits}e{int(exponent)}"


def number(value: float | None, width: int, *, digits: int = 15) -> str:
    """A number as exact as `width` columns and `digits` allow.

    >>> number(6407967.45621011, 12), number(6407967.45621011, 16), number(1.23456789e-30, 8)
    ('6407967.4562', '6407967.45621011', '1.235e-30')
    """
    if value is None:
        return ""
    for shown in range(digits, 3, -1):
        text = f"{value:.{shown}g}"
        if len(text) <= width:
            return text
    return compact(value)


def count(value: float | None) -> str:
    """A whole number, with thousands set apart.

    >>> count(1240), count(None)
    ('1,240', '')
    """
    return "" if value is None else f"{value:,.0f}"


def rate(per_s: float) -> str:
    """Iterations a second, without the unit.

    >>> [rate(x) for x in (0.25, 12.4, 1240, 45_600, 2_300_000)]
    ['0.2', '12', '1,240', '46k', '2.3M']
    """
    if per_s < 10:
        return f"{per_s:.1f}"
    if per_s < 10_000:
        return f"{per_s:,.0f}"
    return f"{per_s / 1000:.0f}k" if per_s < 1_000_000 else f"{per_s / 1_000_000:.1f}M"


def memory(megabytes: float | None) -> str:
    """Memory in at most 7 columns.

    >>> memory(57.6), memory(20_480.0)
    ('58 MB', '20.0 GB')
    """
    if megabytes is None:
        return ""
    return f"{megabytes:.0f} MB" if megabytes < 1000 else f"{megabytes / 1024:.1f} GB"


def stamp(at_ms: int) -> str:
    """A time in this machine's zone; a question mark if no calendar has it."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at_ms / 1000))
    except (OverflowError, ValueError, OSError):
        return "?"


def size(count_bytes: int) -> str:
    """A file's size.

    >>> size(512), size(1_500_000)
    ('512 B', '1.5 MB')
    """
    value = float(count_bytes)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def verdict_words(verdict: Verdict | None, *, short: bool = False) -> str:
    """A verdict as text; `short` never takes more than 11 columns.

    >>> verdict_words(Verdict.NOT_APPLIED), verdict_words(Verdict.COMPILE_ERROR, short=True)
    ('not applied', 'compile err')
    """
    if verdict is None:
        return ""
    if short and verdict in _SHORT_VERDICTS:
        return _SHORT_VERDICTS[verdict]
    return verdict.value.replace("_", " ")
