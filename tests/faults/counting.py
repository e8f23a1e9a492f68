"""Counts the injected faults of a test run, and the longest recovery."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

#: Under which a test's count travels with its report, also from one process of pytest-xdist to another.
PROPERTY = "faults"


class Tell(Protocol):
    """What the fixture `tell` is."""

    def __call__(self, *, faults: int, recovery_s: float | None = None) -> None:
        """Reports the number of injected faults of a test.

        Args:
            recovery_s: From the last fault, or its end, to full recovery.
        """


@dataclass
class Row:
    """The tests of one function."""

    name: str
    cases: int = 0
    failed: int = 0
    faults: int = 0
    recovery_s: float | None = None


def rows_of(reports: Iterable[Any]) -> list[Row]:
    """One for each test function, by file and name."""
    rows: dict[str, Row] = {}
    for report in sorted(reports, key=lambda report: report.nodeid):
        name = report.nodeid.partition("[")[0].rpartition("::")[2]
        row = rows.setdefault(name, Row(name))
        row.cases += 1
        row.failed += report.outcome != "passed"
        for faults, recovery_s in [value for key, value in report.user_properties if key == PROPERTY]:
            row.faults += faults
            row.recovery_s = max((s for s in (row.recovery_s, recovery_s) if s is not None), default=None)
    return list(rows.values())


def table_of(rows: list[Row]) -> Iterator[str]:
    """Lines for people."""
    yield f"{'cases':>6} {'failed':>7} {'faults':>7} {'longest recovery':>17}"
    for row in rows:
        recovery = "" if row.recovery_s is None else f"{row.recovery_s:.1f} s"
        words = row.name.removeprefix("test_").replace("_", " ")
        yield f"{row.cases:6} {row.failed:7} {row.faults:7} {recovery:>17}  {words}"
    yield f"{sum(row.cases for row in rows):6} {sum(row.failed for row in rows):7} {sum(row.faults for row in rows):7}"
