"""Iteration tables of solvers other than CPLEX: a known header gives the meaning of the numbers below."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import TypeAlias

from times_doctor_tasks.contract.progress import Phase
from times_doctor_tasks.parsers.events import BarrierIteration, FirstOrderIteration, LogEvent, MipNode, SimplexIteration
from times_doctor_tasks.parsers.numbers import number, percent
from times_doctor_tasks.parsers.sink import EventSink

#: Makes an event from the cells of a row, or None where they are no row of that table.
RowBuilder: TypeAlias = Callable[[list[str]], LogEvent | None]
#: Words of a header line, and what its rows are.
Tables: TypeAlias = Mapping[str, tuple[Phase, RowBuilder]]


def barrier_row(width: int, primal: int, dual: int, infeasibilities: tuple[int, int, int | None]) -> RowBuilder:
    """Rows of `width` cells; places of the objectives, then of primal, dual and upper infeasibility."""
    at_primal, at_dual, at_upper = infeasibilities
    places = (primal, dual, at_primal, at_dual)

    def build(cells: list[str]) -> LogEvent | None:
        iteration = _counter(cells[0])
        if iteration is None:
            return None
        try:
            objective, bound, primal_inf, dual_inf = figures = [float(cells[place]) for place in places]
        except ValueError:
            return None
        if not all(map(isfinite, figures)):
            return None
        upper = number(cells[at_upper]) if at_upper is not None else None
        return BarrierIteration(iteration, objective, bound, primal_inf, upper, dual_inf)

    return _of_width(width, build)


def first_order_row(width: int, primal: int, dual: int, infeasibilities: tuple[int, int]) -> RowBuilder:
    """Rows of a PDLP/PDHG table, as `barrier_row`."""

    def build(cells: list[str]) -> LogEvent | None:
        iteration = _counter(cells[0])
        objective, bound = number(cells[primal]), number(cells[dual])
        if iteration is None or objective is None or bound is None:
            return None
        primal_inf, dual_inf = (number(cells[place]) for place in infeasibilities)
        return FirstOrderIteration(iteration, objective, bound, primal_inf, dual_inf)

    return _of_width(width, build)


def simplex_row(width: int, value: int, *, iteration: int = 0, infeasibility: int | None = None) -> RowBuilder:
    """Rows of `width` cells; places of the counter, the objective and the infeasibility."""

    def build(cells: list[str]) -> LogEvent | None:
        count, objective = _counter(cells[iteration]), number(cells[value])
        if count is None or objective is None:
            return None
        return SimplexIteration(
            count, "", objective, "", number(cells[infeasibility]) if infeasibility is not None else None
        )

    return _of_width(width, build)


def node_row(width: int, left: int, figures: tuple[int, int, int], *, nodes: int = 0) -> RowBuilder:
    """Rows of a branch-and-cut table, places of incumbent, bound and gap counted from the end (-1 is the last)."""
    at_incumbent, at_bound, at_gap = figures

    def build(cells: list[str]) -> LogEvent | None:
        count, open_nodes = _counter(cells[nodes]), _counter(cells[left])
        gap = cells[at_gap]
        if count is None or open_nodes is None or not _is_gap(gap):
            return None
        return MipNode(count, open_nodes, number(cells[at_incumbent]), number(cells[at_bound]), percent(gap))

    def marked(cells: list[str]) -> LogEvent | None:
        return build(cells[1:] if cells[0] in ("H", "*") else cells)

    def shaped(cells: list[str]) -> LogEvent | None:
        return marked(cells) if len(cells) >= width else None

    return shaped


class TableReader:
    """Reads rows of the last announced table."""

    def __init__(self, sink: EventSink, tables: Tables) -> None:
        self._sink = sink
        self._tables = tables
        self._build: RowBuilder | None = None
        self._phase = Phase.SIMPLEX

    def read(self, cells: list[str]) -> bool:
        """Whether the cells of a line were a header or a row; if a row, its event is in the sink."""
        if self._build is not None:
            event = self._build(cells)
            if event is not None:
                self._sink.enter(self._phase)
                self._sink.add(event)
                return True
        announced = self._tables.get(" ".join(cells))
        if announced is None:
            return False
        self._phase, self._build = announced
        self._sink.enter(self._phase)
        return True


def _counter(cell: str) -> int | None:
    digits = cell.rstrip("*")
    return int(digits) if digits.isdecimal() else None


def _is_gap(cell: str) -> bool:
    return cell.endswith("%") or cell in ("-", "--", "Large", "inf", "NA")


def _of_width(width: int, build: RowBuilder) -> RowBuilder:
    def shaped(cells: list[str]) -> LogEvent | None:
        return build(cells) if len(cells) == width else None

    return shaped
