"""What GAMS's CPLEX link adds around CPLEX's own log: status, time, conflict (IIS), solution quality, final figures.

The listing has the same lines, so its reader uses this too.
"""

from __future__ import annotations

import re
from functools import partial

from times_doctor_tasks.contract.progress import Phase
from times_doctor_tasks.parsers import events
from times_doctor_tasks.parsers.numbers import number
from times_doctor_tasks.parsers.sink import EventSink

#: `--- LP status (1): optimal.`; before GAMS 25 `LP status(1): optimal`. `Fixed MIP` is the LP after a MIP.
_STATUS = re.compile(r"(?:--- )?(Fixed )?(LP|MIP|QP|MIQP|QCP|MIQCP)(?: solution)? status ?\((\d+)\): *(.*?)\.? *$")
_TIME = re.compile(r"(?:--- )?Cplex Time: *([\d.]+) ?sec(?: \(det\. ([\d.]+) ticks\))?")
_OLD_VERSION = re.compile(r"(?:--- )?Cplex (\d+\.\d+\.\d+\S*)(?: link memory [\d.]+ Mb \(peak ([\d.]+) Mb\))?")
_GMO_MEMORY = re.compile(r"--- GMO memory [\d.]+ Mb \(peak ([\d.]+) Mb\)")
_REFINER = re.compile(r"--- Conflict Refiner status \((\d+)\): *(.*?)\.? *$")
_COUNTED = re.compile(r"Number of (equation|variable|indicator|SOS|.*?)s? in conflict: *(\d+)")
_CONFLICT_ROW = re.compile(r"(lower|upper|equality|fixed|member|sos|\w+): +\S")
_OBJECTIVE = re.compile(
    r"(?:Objective ?:|MIP Solution *:|Final Solve *:) *(\S+)(?: +\((\d\S*) iterations(?:, (\d\S*) nodes)?\))?"
)
_BOUND = re.compile(r"Best possible *: *(\S+)")
_MEASURED = re.compile(
    r"((?:primal|dual|integer) (infeasibility|residual)|comp\. slackness viol\.) +(\S+) +\S+(?: +(\S+))?"
)
_MEASURES = {"comp. slackness viol.": "complementarity", "integer infeasibility": "integrality"}
_MAXIMUM = re.compile(r"\s*Max(?:imum|\.) +((?:un)?scaled) +(.*?infeas\w*) *= *(\S+)")
#: Sentences of the link that end a solve; everything else it says is chatter (memory, names, set-up).
_SAYS = re.compile(r"infeasib|unbounded|abort|limit|no solution|terminated|out of memory|numeric")
#: The fixed sentences that explain what a conflict is.
_EXPLAINS_CONFLICT = ("--- infeasible but becomes", "--- A conflict is", "--- A problem may contain")


class CplexLink:
    """Reads the link's lines of one solve into a sink."""

    def __init__(self, sink: EventSink) -> None:
        self._sink = sink
        self._in_conflict = self._is_fixed = False
        self._group = ""

    def read(self, line: str) -> bool:
        """Whether `line` was one of the link's; if so its events are in the sink."""
        if self._group and self._conflict_row(line):
            return True
        if line.startswith("--- "):
            self._dashes(line)
            return True
        return self._ending(line) or self._figures(line) or self._counted(line)

    def _dashes(self, line: str) -> None:
        if self._ending(line) or self._conflict(line):
            return
        if match := _GMO_MEMORY.match(line):
            self._sink.add(events.PeakMemory("GMO", float(match[1])))
        elif _SAYS.search(line.lower()) and not self._in_conflict and not line.startswith(_EXPLAINS_CONFLICT):
            self._sink.add(events.SolverMessage(line[4:].strip()))

    def _ending(self, line: str) -> bool:
        add = self._sink.add
        if "status" in line and (match := _STATUS.match(line)):
            self._is_fixed = match[1] is not None
            add(events.SolverEnded((match[1] or "") + match[2], int(match[3]), match[4]))
        elif "Cplex " not in line:
            return False
        elif match := _TIME.match(line):
            if not self._is_fixed:
                add(events.SolverTime(float(match[1]), number(match[2]) if match[2] else None))
        elif match := _OLD_VERSION.match(line):
            add(events.SolverVersion("CPLEX", match[1]))
            if match[2]:
                add(events.PeakMemory("CPLEX link", float(match[2])))
        else:
            return False
        return True

    def _figures(self, line: str) -> bool:
        sink = self._sink
        if match := _OBJECTIVE.match(line):
            sink.add_number(events.FinalObjective, match[1])
            if match[2] and not line.startswith("Final"):
                # Millions have an exponent, and six digits.
                iterations, nodes = int(float(match[2])), int(float(match[3])) if match[3] else None
                sink.add(events.FinalIterations(iterations, nodes))
        elif match := _BOUND.match(line):
            sink.add_number(events.FinalBound, match[1])
        elif self._measure(line):
            pass
        elif match := _MAXIMUM.match(line):
            sink.add_number(partial(events.NumericalSign, f"{match[1]} {match[2]}"), match[3])
        elif line.startswith("estimated "):
            sink.add_number(partial(events.NumericalSign, "condition number"), line[10:])
        else:
            return False
        return True

    def _measure(self, line: str) -> bool:
        """One row of `Solution Quality Statistics`, as the option `quality 1` prints them: its largest figures."""
        if (row := _MEASURED.match(line)) is None:
            return False
        name = _MEASURES.get(row[1], row[1].replace(" ", "_"))
        self._sink.add_number(partial(events.QualityFigure, name), row[3])
        if row[2] == "infeasibility":
            for what, cell in (("unscaled", row[3]), ("scaled", row[4] or "")):
                self._sink.add_number(partial(events.NumericalSign, f"{what} {row[1]}"), cell)
        return True

    def _conflict(self, line: str) -> bool:
        if line.startswith("--- Start conflict analysis"):
            self._in_conflict = True
            self._sink.enter(Phase.CONFLICT)
        elif match := _REFINER.match(line):
            self._sink.add(events.ConflictStatus(int(match[1]), match[2]))
            self._in_conflict = False
        else:
            return False
        return True

    def _conflict_row(self, line: str) -> bool:
        if not line.strip():
            return True
        if _CONFLICT_ROW.match(line):
            self._sink.add(events.ConflictLine(line.strip(), self._group))
            return True
        self._group = ""
        return self._counted(line)

    def _counted(self, line: str) -> bool:
        match = _COUNTED.match(line)
        if match is None:
            return False
        self._group = match[1] if match[1] in ("equation", "variable") else "other"
        return True
