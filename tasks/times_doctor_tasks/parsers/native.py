"""Logs of solvers without GAMS, parsed by the readers of their lines."""

from __future__ import annotations

import re
from typing import Protocol

from times_doctor_tasks.contract.progress import Phase
from times_doctor_tasks.parsers import events
from times_doctor_tasks.parsers.gams.log import solver_reader
from times_doctor_tasks.parsers.highs.log import HighsLogReader
from times_doctor_tasks.parsers.highs.status import UNREAD
from times_doctor_tasks.parsers.lines import LineBuffer
from times_doctor_tasks.parsers.numbers import number
from times_doctor_tasks.parsers.sink import EventSink

#: Lines of native solvers about a model and its ending; the groups give their meaning. By logs of CPLEX 22.2 (its
#: interactive one too), Gurobi 13.0, Xpress 9.9, COPT 8.0, CBC 2.10 and SCIP 10.0; the first is the last line of our
#: own program (`engines/native/solve.py`).
_LINES = tuple(
    re.compile(pattern)
    for pattern in (
        r"times-doctor: (?P<status>.+); objective (?P<objective>\S+)$",
        r"Optimize a model with (?P<rows>\d+) rows, (?P<columns>\d+) columns and (?P<nonzeros>\d+) nonzeros",
        r"(?P<status>Optimal) objective +(?P<objective>\S+)(?: - (?P<iterations>\d+) iterations time .*)?$",
        r"(?P<status>Sub-optimal termination|First-order optimal)(?: - objective (?P<objective>\S+)| solution)",
        r"(?:\w+ \d[\d.]+: (?P<status>[^;]+); |Solution )objective (?P<objective>\S+)$",
        r"(?:CPLEX Error +1001: )?(?P<status>Out of memory|Numerical trouble)",
        r"(?P<status>Error termination)(?P<why>, CPLEX Error +(?!1001)\d+)",
        r"(?P<unread>(?:[\w?]+ Error +\d*:? *)?(?:Unable to|Could not|Fail(?:ed)? to|Cannot) open (?:input )?file.*)",
        r"Primal\. +obj: +(?P<objective>\S+)",
        r"Solved in (?P<iterations>\d+) iterations and (?P<seconds>[\d.]+) seconds",
        r"(?:\w+ simplex|Barrier|Sifting|Network|MIP|Presolve|Concurrent.*?) - (?P<status>[A-Z][^:]*)"
        r"(?::  (?:Objective = +(?P<objective>\S+)|Infeasibility = .*))?$",
        r"Variables +: +(?P<columns>\d+)|Linear constraints +: +(?P<rows>\d+)|Nonzeros +: +(?P<nonzeros>\d+)$",
        r"Solution time = +(?P<seconds>[\d.]+) sec\.(?: +Iter\w+ = (?P<iterations>\d+)(?: +Nodes = (?P<nodes>\d+))?|$)",
        r"Current MIP best bound = +(?P<bound>\S+) \(",
        r"Final(?: MIP)? objective +: (?P<objective>\S+)$",
        r"Final MIP bound +: (?P<bound>\S+)$",
        r"(?P<status>Optimal) solution found$|\*\*\* Search (?P<completed>completed) \*\*\*",
        r"(?:The )?[Pp]roblem is (?:integer )?(?P<status>infeasible|unbounded|stopped)|-+ (?P<ran_away>unbounded) -+$",
        r"Pre-processing says (?P<status>infeasible or unbounded)|Dual infeasible due to (?P<either>empty column)",
        r"(?:Implied bounds make row|Row) '.+' (?P<status>infeasible)|(?P<refuted>Infeasib)ility row '",
        r"STOPPING - MAX(?P<limit>\w+) limit reached|Maximum number of (?P<most>iteration)s reached",
        r"(?P<licence>CPLEX Error +1016: .+|\?\d+ Error: .*(?:too many rows|[Ll]icen[sc]e).*"
        r"|Model too large for size-limited license.*|.* exceeding the size limit of \d+"
        r"|(?:ERROR \d+: )?(?:No Gurobi license found|License expired|HostID mismatch|Request denied).*)",
        r"(?:Version:|Using Cardinal Optimizer v|Log started \(V|Welcome to IBM.* Optimizer) ?(?P<version>\d+\.[\w.]+)",
        r"Result - (?P<status>.+)",
        r"Objective value: +(?P<objective>\S+)$",
        r"(?:Lower bound|Dual Bound +|Best bound +): +(?P<bound>\S+)",
        r"(?:Enumerated nodes|Solving Nodes +): +(?P<nodes>\d+)",
        r"Total iterations: +(?P<iterations>\d+)$",
        r"Time \(Wallclock seconds\): +(?P<seconds>[\d.]+)$|Solving Time \(sec\) : (?P<solving>[\d.]+)",
        r"original problem has (?P<columns>\d+) variables \(.*\) and (?P<rows>\d+) constraints",
        r"SCIP Status +: .*\[(?P<status>.+)\]",
        r"(?:Primal Bound|Best solution) +: (?P<objective>\S+)",
    )
)
#: SCIP's objective and bound where it has none; those of others are larger.
NO_SOLUTION = 1e20
#: What begins a line that `_LINES` may know: most lines are rows of tables.
_WORTH = re.compile(
    r"  (?:Nonzeros|Primal\.)| ?(?:[*?T-]|[A-Z][a-z]|MI[LP]|SCIP|STOPP|ERROR|CP[LX]|FICO|\?\d|original|times-d)"
)
#: What a log has at the beginning of a solve, also of a second one; CPLEX's interactive program says less before that.
_BEGINS = re.compile(
    r"Version identifier: |Log started|Problem '.*' read|Gurobi Optimizer version|Optimize a model with|FICO Xpress v"
    r"|Using Cardinal Opt|Welcome to|SCIP version"
)
_AGAIN = re.compile(r"CPXPARAM_|Tried aggregator|Parallel mode")
#: CPLEX then solves an LP for the marginals of a MIP, which says nothing of the MIP.
_FIXED = "MILP problem relaxed to LP with fixed"
_PROMPTS = re.compile(r"(?:CPLEX> )+")
#: The line above the size of a model.
_SIZE_NEXT = re.compile(r"(?:The o|O)riginal problem has:$")
_SIZE = re.compile(r" +(?P<rows>\d+) rows?,? +(?P<columns>\d+) col\w*(?: and|,)? +(?P<nonzeros>\d+) ")


class LogReader(Protocol):
    """Turns text into events; any chunking gives the same events."""

    def feed(self, text: str) -> list[events.LogEvent]:
        """Events of the lines that `text` completes."""

    def close(self) -> list[events.LogEvent]:
        """The remaining events."""


class NativeLogReader:
    """Turns the text of a solver's own log into events: one solve, or several one after the other."""

    def __init__(self, solver: str) -> None:
        self._lines = LineBuffer()
        self._sink = EventSink()
        self._solver = solver
        self._solves = 0
        self._version: events.SolverVersion | None = None

    def feed(self, text: str) -> list[events.LogEvent]:
        """Events of the lines that `text` completes."""
        for line in self._lines.feed(text):
            if not self._solves:
                self._begin()
            self._read(_PROMPTS.sub("", line, count=1) if line.startswith("CPLEX> ") else line)
        return self._sink.take()

    def _begin(self) -> None:
        self._solves += 1
        self._reader = solver_reader(self._solver, self._sink)
        self._ended = self._fixed = self._size_next = False
        self._size: dict[str, int] = {}
        self._sink.add(events.SolveStarted(self._solves, "", ""))
        self._sink.add(events.SolverStarted(self._solver.upper()))
        if self._version is not None:
            self._sink.add(self._version)
        self._sink.enter(Phase.GENERATE, "reading the model")

    def _read(self, line: str) -> None:
        worth = _WORTH.match(line) is not None
        if worth:
            shown = self._ended or self._sink.phase is not Phase.GENERATE
            self._fixed = self._fixed or line.startswith(_FIXED)
            again = self._ended and not self._fixed and _AGAIN.match(line)
            if shown and (again or _BEGINS.match(line.lstrip())):
                self._begin()
        if self._fixed:
            return
        self._reader.read(line)
        match = _SIZE.match(line) if self._size_next else None
        if match is None and worth:
            match = next((found for pattern in _LINES if (found := pattern.match(line.strip()))), None)
        if match is not None:
            self._say(match.groupdict())
        self._size_next = _SIZE_NEXT.match(line) is not None

    def close(self) -> list[events.LogEvent]:
        """None: a last line without its end is ignored."""
        return self._sink.take()

    def _say(self, told: dict[str, str | None]) -> None:
        add, solver = self._sink.add, self._solver
        figure = {name: number(value) for name, value in told.items() if value}
        size = {name: int(text) for name in ("rows", "columns", "nonzeros") if (text := told.get(name))}
        self._size |= size  # CPLEX's `display problem stats` says them one by one
        if len(size) > 1 or "nonzeros" in size:
            add(events.ModelSize(*(self._size.get(name, 0) for name in ("rows", "columns", "nonzeros"))))
        limit = told.get("limit") or told.get("most")
        status = f"{limit.lower()} limit reached" if limit else told.get("status") or told.get("ran_away")
        status = status or ("infeasible or unbounded" if told.get("either") else None)
        if unread := told.get("unread"):
            add(events.ErrorLine(unread))
            status = UNREAD
        status = status or ("Optimal" if told.get("completed") else "Infeasible" if told.get("refuted") else None)
        if status:
            self._ended = True
            add(events.SolverEnded(solver, None, f"{status.strip().rstrip('.')}{told.get('why') or ''}"))
        if (value := figure.get("objective")) is not None and abs(value) < NO_SOLUTION:
            add(events.FinalObjective(value))
        if (value := figure.get("bound")) is not None and abs(value) < NO_SOLUTION:
            add(events.FinalBound(value))
        iterations, nodes = (int(text) if (text := told.get(name)) else None for name in ("iterations", "nodes"))
        if iterations is not None or nodes is not None:
            add(events.FinalIterations(iterations, nodes))
        if (seconds := figure.get("seconds", figure.get("solving"))) is not None:
            add(events.SolverTime(seconds))
        if version := told.get("version"):
            self._version = events.SolverVersion(solver, version)
            add(self._version)
        if licence := told.get("licence"):
            add(events.LicenceMessage(licence, fatal=True))


def log_reader(solver: str) -> LogReader:
    """The reader of a solver's log without GAMS."""
    return HighsLogReader() if solver == "highs" else NativeLogReader(solver)
