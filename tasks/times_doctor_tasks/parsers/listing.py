"""The GAMS listing (.lst)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from times_doctor_tasks.parsers.events import ErrorLine
from times_doctor_tasks.parsers.solves import Solve


@dataclass(frozen=True, slots=True)
class Listing:
    """What a listing says about a run."""

    solves: tuple[Solve, ...] = ()
    compile_errors: tuple[ErrorLine, ...] = ()
    execution_errors: tuple[ErrorLine, ...] = ()
    complete: bool = False


def read_listing(lines: Iterable[str]) -> Listing:
    """Read a listing line by line."""
    raise NotImplementedError
