"""Gurobi's log under GAMS (Gurobi 9 to 13): indented by four spaces, the link's own lines begin with three dots."""

from __future__ import annotations

import re

from times_doctor_tasks.contract.progress import Phase
from times_doctor_tasks.parsers import events
from times_doctor_tasks.parsers.numbers import number
from times_doctor_tasks.parsers.others.final_figures import read_final_figures
from times_doctor_tasks.parsers.others.tables import TableReader, barrier_row, first_order_row, node_row, simplex_row
from times_doctor_tasks.parsers.sink import EventSink

_BARRIER = "Iter Primal Dual Primal Dual Compl Time"
_TABLES = {
    "Iteration Objective Primal Inf. Dual Inf. Time": (Phase.SIMPLEX, simplex_row(5, 1, infeasibility=2)),
    _BARRIER: (Phase.BARRIER, barrier_row(7, 1, 2, (3, 4, None))),
    "Expl Unexpl | Obj Depth IntInf | Incumbent BestBd Gap | It/Node Time": (
        Phase.MIP,
        node_row(7, 1, (-5, -4, -3)),
    ),
}
_FIRST_ORDER = {_BARRIER: (Phase.FIRST_ORDER, first_order_row(7, 1, 2, (3, 4)))}

_VERSION = re.compile(r"Gurobi Optimizer version (\d\S*)")
_PRESOLVED = re.compile(r"Presolved: (\d+) rows, (\d+) columns, (\d+) nonzeros")
_PUSHES = re.compile(r"(\d+) ([PD])Pushes remaining with [PD]Inf (\S+)")
_SOLVED_BY = re.compile(r"Solved with (.+?)(?: \(.*)?$")
_BARRIER_DONE = re.compile(r"Barrier (?:solved model in|performed) \d+ iterations (?:in|and) ([\d.]+) seconds")
_CROSSOVER_DONE = re.compile(r"Crossover time: ([\d.]+) seconds")
_HEURISTIC = re.compile(r"Found heuristic solution: objective (\S+)")
_EXPLORED = re.compile(r"Explored (\d+) nodes? \((\d+) simplex iterations\)")
_BEST = re.compile(r"Best objective (\S+), best bound (\S+), gap (\S+)")
_IN_IIS = re.compile(r"\.\.\. Number of (variable bounds|linear constraints|.*?) in the IIS: (\d+)")
_ENDINGS = re.compile(
    r"(?:Optimal solution found|Infeasible model|Unbounded model|Infeasible or unbounded model|Model is .*"
    r"|Model objective exceeds cutoff|Optimization achieved user objective limit"
    r"|Time limit reached|Iteration limit reached|Node limit reached|Solution limit reached|Memory limit reached"
    r"|Work limit reached|Interrupt request received|Sub-optimal termination|Numerical trouble encountered"
    r"|Stopped in \d+ iterations.*|Solve interrupted|Out of memory)",
)
_KINDS = {"P": "primal", "D": "dual"}


class GurobiReader:
    """Reads the lines of one Gurobi solve into a sink."""

    def __init__(self, sink: EventSink) -> None:
        self._sink = sink
        self._tables = TableReader(sink, _TABLES)
        self._group = ""

    def read(self, line: str) -> None:
        """Take in one line."""
        text = line.strip()
        if not text:
            return
        if text.startswith("..."):
            self._link(text)
        elif not self._tables.read(text.split()) and not self._phases(text):
            self._results(text)

    def _phases(self, text: str) -> bool:
        sink = self._sink
        if match := _PUSHES.match(text):
            sink.enter(Phase.CROSSOVER)
            sink.add(events.CrossoverMoves(_KINDS[match[2]], int(match[1]), number(match[3])))
        elif text.startswith(("Presolve", "Root simplex", "Ordering time", "Barrier statistics")):
            sink.enter(Phase.PRESOLVE, "ordering" if text[0] in "OB" else "")
            if match := _PRESOLVED.match(text):
                sink.add(events.PresolvedSize(int(match[1]), int(match[2]), int(match[3])))
        elif text.startswith("Start PDHG"):
            self._tables = TableReader(sink, _FIRST_ORDER)
            sink.enter(Phase.FIRST_ORDER)
        elif text.startswith("Concurrent LP optimizer"):
            sink.enter(Phase.CONCURRENT)
        elif text.startswith("Crossover log"):
            self._tables = TableReader(sink, _TABLES)
            sink.enter(Phase.CROSSOVER)
            sink.add(events.CrossoverStarted("", None))
        else:
            return False
        return True

    def _results(self, text: str) -> None:
        sink, add = self._sink, self._sink.add
        if match := _VERSION.match(text):
            add(events.SolverVersion("Gurobi", match[1]))
        elif match := _BARRIER_DONE.match(text):
            add(events.BarrierEnded(number(match[1])))
        elif match := _CROSSOVER_DONE.match(text):
            add(events.CrossoverEnded(number(match[1])))
        elif match := _SOLVED_BY.match(text):
            add(events.ConcurrentWinner(match[1].strip()))
        elif match := _HEURISTIC.match(text):
            sink.add_number(events.Incumbent, match[1])
        elif match := _EXPLORED.match(text):
            add(events.FinalIterations(int(match[2]), int(match[1])))
        elif match := _BEST.match(text):
            sink.add_number(events.FinalObjective, match[1])
            sink.add_number(events.FinalBound, match[2].rstrip(","))
        elif match := _ENDINGS.match(text):
            add(events.SolverEnded("Gurobi", None, text))
        elif text.startswith("Warning:"):
            add(events.SolverMessage(text))

    def _link(self, text: str) -> None:
        if read_final_figures(text, self._sink):
            self._group = ""
        elif text.startswith("... Computing IIS"):
            self._sink.enter(Phase.CONFLICT)
        elif match := _IN_IIS.match(text):
            self._group = {"variable bounds": "variable", "linear constraints": "equation"}.get(match[1], "other")
        elif self._group:
            self._sink.add(events.ConflictLine(text[4:].strip(), self._group))
