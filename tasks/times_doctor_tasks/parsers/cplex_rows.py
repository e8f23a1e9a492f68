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
#: `Iteration:   227   Dual objective     =        702111.258927`; `(503953)` follows in a network's phase 1.
_LABELLED = re.compile(r"Iteration: *(\d+) +([^=]*?) *= *(\S+)(?: +\(([^)\s]+)\))?")
_SIFTING = re.compile(r"Sifting iteration +(\d+) *(?:\[ *(\d+)\])?:? *([^=]*?) *= *(\S+)")
_MOVES = re.compile(r" *(\d+) ([PD])Moves: +Infeasibility +(\S+) +Objective +(\S+)")
_TOKEN = re.compile(r"\S+")
#: `*     0+    0   ...`: node count and open nodes are glued by the plus of a heuristic solution.
_NODE = re.compile(r"([* ]) *(\d+)([+ ]) *(\d+)(?= |$)")
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
    """A simplex row of simdisplay 1."""
    match = _LABELLED.match(line)
    if match is None or (value := number(match[3])) is None:
        return None
    beside = match[4]
    return SimplexIteration(int(match[1]), match[2], value, "", number(beside) if beside else None)


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
    _ENDS = (("Objective", 26), ("IInf", 32), ("Best Integer", 46), ("Best Bound", 60), ("ItCnt", 69), ("Gap", 77))

    __slots__ = ("_ends",)

    def __init__(self) -> None:
        self._ends = dict(self._ENDS)

    def header(self, line: str) -> None:
        """Take the places of the columns from the header `   Node  Left     Objective  IInf  Best Integer ...`."""
        ends = {name: line.find(name) + len(name) for name in self._ends if name in line}
        if {"Best Integer", "Best Bound", "Gap"} <= ends.keys():
            self._ends = ends

    def row(self, line: str) -> LogEvent | None:
        """One row, or None where `line` is none."""
        match = _NODE.match(line)
        if match is None:
            return None
        cells: dict[str, str] = {}
        for token in _TOKEN.finditer(line, match.end()):
            column = min(self._ends, key=lambda name: abs(self._ends[name] - token.end()))
            cells[column] = token[0]
        gap = cells.get("Gap", "")
        if not gap.endswith(("%", "---")) and not ("Best Bound" in cells and "ItCnt" in cells):
            return None
        iterations = cells.get("ItCnt", "")
        return MipNode(
            nodes=int(match[2]),
            left=int(match[4]),
            incumbent=number(cells.get("Best Integer", "")),
            best_bound=number(cells.get("Best Bound", "")) if ":" not in line else None,
            gap_rel=percent(gap),
            iterations=int(iterations) if iterations.isdecimal() else None,
        )
