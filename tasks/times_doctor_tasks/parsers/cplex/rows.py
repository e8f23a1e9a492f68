"""The rows of CPLEX's tables, each known by its own shape."""

from __future__ import annotations

import re

from times_doctor_tasks.parsers.events import (
    BarrierIteration,
    CrossoverMoves,
    LogEvent,
    MipNode,
    SiftingIteration,
    SimplexIteration,
)
from times_doctor_tasks.parsers.numbers import number, percent

#: `     1 sI       269785.266559VAR_IRE('REG1',2015,201VAR_ACT(..`: names are glued to the value (simdisplay 2).
_PIVOT = re.compile(r" *(\d+) ([ A-Za-z*]{2}) *(-?\d+\.\d{6})(?!\d)")
_SIFTING = re.compile(r"Sifting iteration +(\d+) *(?:\[ *(\d+)\])?:? *([^=]*?) *= *(\S+)")
_MOVES = re.compile(r" *(\d+) ([PD])Moves: +Infeasibility +(\S+) +Objective +(\S+)")
_TOKEN = re.compile(r"\S+")
#: `*     0+    0   ...`: node count and open nodes are glued by the plus of a heuristic solution.
_NODE = re.compile(r"([* ]?) *(\d+)([+ ]) *(\d+)(?= |$)")
#: mipdisplay 1: `Best integer =   2.451000e+04  Node =       0  Best node =   4.673600e+04`.
_BEST_INTEGER = re.compile(r"Best integer = *(\S+) +Node = *(\d+) +Best node = *(\S+)")
_KINDS = {"P": "primal", "D": "dual"}


def barrier(line: str) -> LogEvent | None:
    """`  29   6.40e+06  6.40e+06  1.04e-05  1.26e-07  2.93e-07  3.34e+06`; baralg 3 has no last column."""
    cells = line.split()
    if len(cells) not in (6, 7) or not cells[0].isdecimal() or "." not in cells[1]:
        return None
    try:
        values = [float(cell) for cell in cells[1:]]
    except ValueError:
        return None
    return BarrierIteration(int(cells[0]), *values)


def pivot(line: str) -> LogEvent | None:
    """A simplex row of simdisplay 2: one pivot."""
    match = _PIVOT.match(line)
    if match is None:
        return None
    return SimplexIteration(int(match[1]), "", float(match[3]), match[2].strip())


def labelled(line: str) -> LogEvent | None:
    """A row of simdisplay 1: `Iteration:   227   Dual objective     =        702111.258927`.

    In a network's phase 1 a second number follows, in brackets.
    """
    if "Iteration:" not in line:
        return None
    left, equals, right = line.partition("=")
    head = left.split(None, 2)
    cells = right.split()
    if not equals or len(head) != 3 or not cells or head[0] != "Iteration:" or not head[1].isdecimal():
        return None
    value = number(cells[0])
    if value is None:
        return None
    beside = number(cells[1].strip("()")) if len(cells) > 1 else None
    return SimplexIteration(int(head[1]), head[2].rstrip(), value, "", beside)


def sifting(line: str) -> LogEvent | None:
    """A sifting row."""
    match = _SIFTING.match(line)
    if match is None or (value := number(match[4])) is None:
        return None
    return SiftingIteration(int(match[1]), int(match[2]) if match[2] else None, match[3], value)


def moves(line: str) -> LogEvent | None:
    """A row of the crossover's push phases."""
    match = _MOVES.match(line)
    if match is None:
        return None
    return CrossoverMoves(_KINDS[match[2]], int(match[1]), number(match[3]), number(match[4]))


def best_integer(line: str) -> LogEvent | None:
    """A row of mipdisplay 1."""
    match = _BEST_INTEGER.match(line)
    if match is None:
        return None
    incumbent, bound = number(match[1]), number(match[3])
    gap = None
    if incumbent is not None and bound is not None:
        gap = abs(incumbent - bound) / (1e-10 + abs(incumbent))
    return MipNode(int(match[2]), 0, incumbent, bound, gap)


class NodeTable:
    """Rows of the branch-and-cut table: cells may be empty or hold words, so columns are told by where cells end."""

    #: Where the cells of the columns end under CPLEX's own header.
    _ENDS = (("Objective", 26), ("IInf", 32), ("Best Integer", 46), ("Best Bound", 60), ("ItCnt", 69), ("Gap", 78))

    def __init__(self) -> None:
        self._ends = dict(self._ENDS)
        self._places = tuple(self._ends.values())

    def header(self, line: str) -> None:
        """Take the places of the columns from the header `   Node  Left     Objective  IInf  Best Integer ...`."""
        ends = {name: line.find(name) + len(name) for name in self._ends if name in line}
        if len(ends) == len(self._ends):
            ends["Gap"] += 1
            self._ends = ends
            self._places = tuple(ends.values())

    def row(self, line: str) -> LogEvent | None:
        """One row, or None where `line` is none."""
        match = _NODE.match(line)
        if match is None:
            return None
        cells = self._aligned(line) or self._nearest(line, match.end())
        integer, bound, iterations, gap = cells
        if not gap.endswith(("%", "---")) and not (bound and iterations):
            return None
        return MipNode(
            int(match[2]),
            int(match[4]),
            number(integer) if integer else None,
            # Rounds of cuts at the root stand in the bound's place: `Cuts: 12`.
            number(bound) if bound and ":" not in bound else None,
            percent(gap) if gap else None,
            int(iterations) if iterations.isdecimal() else None,
        )

    def _aligned(self, line: str) -> tuple[str, str, str, str] | None:
        """Incumbent, bound, iterations and gap where no cell is wider than its column."""
        _, at_integer, at_bound, at_iterations, at_gap, end = self._places
        if line[at_integer : at_integer + 1] not in ("", " ") or line[at_gap : at_gap + 1] not in ("", " "):
            return None
        if line[at_bound : at_bound + 1] not in ("", " ") or line[at_iterations : at_iterations + 1] not in ("", " "):
            return None
        return (
            line[at_integer:at_bound].strip(),
            line[at_bound:at_iterations].strip(),
            line[at_iterations:at_gap].strip(),
            line[at_gap : end + 4].strip(),
        )

    def _nearest(self, line: str, start: int) -> tuple[str, str, str, str]:
        """The same where wide numbers push cells to the right: by order if all are there, else by the nearest end."""
        full = line[start:].split()
        if len(full) == len(self._ends):
            return full[2], full[3], full[4], full[5]
        cells: dict[str, str] = {}
        for token in _TOKEN.finditer(line, start):
            column = min(self._ends, key=lambda name: abs(self._ends[name] - token.end()))
            cells[column] = f"{cells[column]} {token[0]}" if column in cells else token[0]
        found = [cells.get(name, "") for name in ("Best Integer", "Best Bound", "ItCnt", "Gap")]
        return found[0], found[1], found[2], found[3]
