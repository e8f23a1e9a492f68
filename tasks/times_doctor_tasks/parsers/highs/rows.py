"""The rows of HiGHS's tables."""

from __future__ import annotations

import re
from math import isfinite

from times_doctor_tasks.contract.progress import Phase
from times_doctor_tasks.parsers.events import BarrierIteration, FirstOrderIteration, LogEvent, MipNode, SimplexIteration
from times_doctor_tasks.parsers.numbers import number, percent

#: `        421     4.1748623744e+06 Pr: 0(0); Du: 0(4.65405e-13) 0.0s`; the sums of infeasibilities stand in brackets.
_SIMPLEX = re.compile(
    r" +(\d+) +(-?\d\.\d+e[+-]\d+)(?: +(Ph1|Pr): +\d+\(([^)\s]+)\);?)?(?: +Du: +\d+\([^)\s]+\))? +[\d.]+s? *$"
)
#: A branch-and-cut row; a letter in front tells where an incumbent came from. Large counts end in k or M.
_MIP = re.compile(
    r" *[A-Za-z]? +([\d.]+[kM]?) +([\d.]+[kM]?) +[\d.]+[kM]? +[\d.]+%"
    r" +(\S+) +(\S+) +(\S+) +\S+ +\S+ +\S+ +(\S+) +[\d.]+s *$"
)
#: Of the active set method for a QP: `        2        4.0000001                1      0.00s`.
_ACTIVE_SET = re.compile(r" +(\d+) +(-?\d+\.\d\S*) +\d+ +[\d.]+s *$")
_COLUMNS = re.compile(
    r"iter|[PD]\.(?:res|obj)|primal[ .]obj|dual[ .]obj|pinf|primal\.inf|dinf|dual\.inf|p/d gap|gap|pr wt|\S+",
    re.IGNORECASE,
)
_NAMES = {"primal.obj": "primal obj", "dual.obj": "dual obj", "primal.inf": "pinf", "dual.inf": "dinf"} | {
    # Before 1.9.
    "p.obj": "primal obj",
    "d.obj": "dual obj",
    "p.res": "pinf",
    "d.res": "dinf",
}
_FIGURES = ("primal obj", "dual obj", "pinf", "dinf")
_SCALE = {"k": 1_000, "M": 1_000_000}


class IterationTable:
    """Knows a row by its shape, or by the interior point or first-order header above it."""

    def __init__(self) -> None:
        self._columns: tuple[str, ...] = ()
        #: The places of objectives and infeasibilities among the columns.
        self._figures: tuple[int, ...] = ()
        self._first_order = False

    def header(self, text: str) -> bool:
        """Whether `text` is the header of an interior point or first-order table."""
        if not text.startswith(("Iter ", "iter ")):
            return False
        found = [name.lower() for name in _COLUMNS.findall(text)]
        columns = tuple(_NAMES.get(name, name) for name in found)
        if not set(_FIGURES) <= set(columns):
            return False
        self._columns = columns
        self._figures = tuple(map(columns.index, _FIGURES))
        self._first_order = "pr wt" in columns or "primal.inf" in found
        return True

    def row(self, line: str) -> tuple[Phase, LogEvent] | None:
        """The phase and event of a row; None if `line` is not a row."""
        if self._columns and (found := self._tabled(line)) is not None:
            return found
        if line[:1].isupper():  # no row begins so, and most other lines do
            return None
        if match := _SIMPLEX.match(line):
            infeasibility = number(match[4]) if match[4] else None
            label = "phase 1" if match[3] == "Ph1" else ""
            return Phase.SIMPLEX, SimplexIteration(int(match[1]), label, float(match[2]), "", infeasibility)
        if match := _MIP.match(line):
            return Phase.MIP, MipNode(
                _count(match[1]),
                _count(match[2]),
                number(match[4]),
                number(match[3]),
                percent(match[5]),
                _count(match[6]),
            )
        if match := _ACTIVE_SET.match(line):
            return Phase.SOLVE, SimplexIteration(int(match[1]), "active set", float(match[2]), "", None)
        return None

    def _tabled(self, line: str) -> tuple[Phase, LogEvent] | None:
        cells = line.split()
        if not len(self._columns) <= len(cells) <= len(self._columns) + 1 or not cells[0].rstrip("*").isdecimal():
            return None
        try:
            primal, dual, primal_inf, dual_inf = figures = [float(cells[place]) for place in self._figures]
        except ValueError:
            return None
        if not all(map(isfinite, figures)):
            return None
        iteration = int(cells[0].rstrip("*"))
        if self._first_order:
            return Phase.FIRST_ORDER, FirstOrderIteration(iteration, primal, dual, primal_inf, dual_inf)
        return Phase.BARRIER, BarrierIteration(iteration, primal, dual, primal_inf, None, dual_inf)


def _count(cell: str) -> int:
    scale = _SCALE.get(cell[-1:], 1)
    value = number(cell.rstrip("kM"))
    return int(value * scale) if value is not None else 0
