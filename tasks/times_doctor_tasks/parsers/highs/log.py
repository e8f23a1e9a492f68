"""The log of HiGHS (1.5 to 1.16), bare or under GAMS."""

from __future__ import annotations

import re
from functools import partial

from times_doctor_tasks.contract.progress import Phase
from times_doctor_tasks.parsers import events
from times_doctor_tasks.parsers.highs import rows
from times_doctor_tasks.parsers.highs.status import NO_OBJECTIVE, UNREAD
from times_doctor_tasks.parsers.lines import LineBuffer, bytes_left_out
from times_doctor_tasks.parsers.numbers import number
from times_doctor_tasks.parsers.sink import EventSink

_BANNER = re.compile(r"Running HiGHS (\d\S*)")
_MODEL = re.compile(r"(LP|MIP|QP|MIQP)(?: +(.+?))? has (\d+) rows?; (\d+) cols?; (\d+) (?:matrix )?nonzeros?")
_RANGE = re.compile(r"(Matrix|Cost|Bound|RHS) +\[(\S+?), *(\S+?)\]$")
_REDUCED = re.compile(
    r"Presolve ?:? ?[Rr]eductions: rows (\d+)\(.*?\); columns (\d+)\(.*?\); (?:nonzeros|elements) (\d+)"
)
_OPTION = re.compile(r"(?:Set option )?(\w+) +(?:=|to) +\"?(.*?)\"?$")
_STATUS = re.compile(r"(?:Model +status +:|Status {2,}|ERROR: +Setting model status to) *(.+)$")
#: With `user_objective_scale` all before it is in scaled units: the last line is in the model's own.
_OBJECTIVE = re.compile(r"(?:Objective value +:|Primal bound|After solving the user-scaled .* objective value) +(\S+)$")
_BOUND = re.compile(r"Dual bound +(\S+)$")
_COUNT = re.compile(r"(Simplex|IPM|Crossover|PDLP|QP ASM|LP|Nodes)(?: +iterations:?)? +(\d+)(?: \(total\))?$")
_RUN_TIME = re.compile(r"(?:HiGHS run time +:|Timing) +([\d.]+)s?(?: \(total\))?$")
_PUSHES = re.compile(r"Number of (dual|primal) pushes required: +(\d+)")
_REMAINING = re.compile(r"(\d+) (primal|dual) pushes remaining")
_INFEASIBILITY = re.compile(r"num/max +\d+ / +(\S+) \(relative.*?\) +(primal|dual) infeasibilities")
_BASIC = re.compile(r"basic solution (primal|dual) infeasibility: +(\S+)$")
_CROSSED = re.compile(r"Model has \d+ significant inconsistent bound\(s\): infeasible")
_IGNORED = re.compile(r'WARNING: (Solver "(.+?)" is not available for \w+)\. Option "solver" ignored')
_PLACE = re.compile(r"--> (.+):(\d+):\d+$")
#: HiGHS about a file that it cannot take as a model.
_UNREAD = re.compile(r"(?:Parser error reading|File) .+|Model file .+ not supported")
_NO_OPTIONS = re.compile(r"Options file (.+) could not be opened|Error reading options file (.+?)(?: with content:)?$")
_PHASES = (
    ("Presolving model", Phase.PRESOLVE, ""),
    ("Using dual simplex", Phase.SIMPLEX, "dual simplex"),
    ("Using primal simplex", Phase.SIMPLEX, "primal simplex"),
    ("Using EKK", Phase.SIMPLEX, ""),
    ("Interior point solve", Phase.BARRIER, ""),
    ("IPX model has", Phase.BARRIER, ""),
    ("Running HiPO", Phase.BARRIER, ""),
    ("Running crossover", Phase.CROSSOVER, ""),
    ("Solving with cuPDLP", Phase.FIRST_ORDER, ""),
    ("Using HiPDLP", Phase.FIRST_ORDER, ""),
    ("Solving MIP model", Phase.MIP, ""),
    ("Starting Irreducible", Phase.CONFLICT, ""),
)
_PHASE_STARTS = tuple(start for start, _, _ in _PHASES)
_RANGE_KINDS = {"Matrix": "matrix", "Cost": "objective", "Bound": "bound", "RHS": "rhs"}


class HighsReader:
    """Reads the lines of one HiGHS solve into a sink; `bare`: without GAMS, so that sizes and ranges count too."""

    def __init__(self, sink: EventSink, *, bare: bool = False) -> None:
        self._sink = sink
        self._bare = bare
        self._began = False
        #: Warnings about the model file, which come before a solve begins.
        self._early: list[events.SolverMessage] = []
        self._solves = 0
        self._error = self._refusal = self._status = ""
        self._rows = rows.IterationTable()
        self._iterations = 0
        self._nodes: int | None = None
        self._options = False
        self._version: events.SolverVersion | None = None

    def read(self, line: str) -> None:
        """Take in one line."""
        found = self._rows.row(line)
        if found is not None:
            phase, event = found
            self._begin()
            if self._sink.phase is not phase:
                self._sink.enter(phase)
            self._sink.add(event)
            return
        text = line.strip()
        if not text or self._rows.header(text) or self._settings(line, text):
            return
        self._refusal = ""
        if not (self._phase(text) or self._problem(text) or self._crossover(text) or self._end(text)):
            self._trouble(text)

    def close(self) -> None:
        """At the end of the log, a last ERROR line is the ending: nothing follows a refusal."""
        unread = _UNREAD.match(self._refusal) is not None
        refused = bool(self._refusal and self._began) or self._refusal.startswith("Cannot solve ")
        if self._bare and not self._status and (unread or refused):
            self._begin()
            self._final(UNREAD if unread else self._refusal)

    def _begin(self, model: str = "", model_type: str = "") -> None:
        """A solve begins with its first line of any kind: called from Python or Julia, old HiGHS names no model."""
        if not self._bare or (self._began and not model_type):
            return
        self._began = True
        self._solves += 1
        self._iterations, self._nodes, self._status, self._error = 0, None, "", ""
        self._sink.add(events.SolveStarted(self._solves, model, model_type))
        self._sink.add(events.SolverStarted("HIGHS"))
        if self._version is not None:
            self._sink.add(self._version)
        for warning in self._early:
            self._sink.add(warning)
        self._early.clear()

    def _settings(self, line: str, text: str) -> bool:
        if text == "Options set:":
            self._options = True
            return True
        if (self._options and line.startswith("  ")) or text.startswith("Set option "):
            match = _OPTION.match(text)
            if match is not None:
                self._sink.add(events.OptionSet(match[1], match[2]))
                return True
        self._options = False
        match = _NO_OPTIONS.match(text)
        if match is not None:
            self._sink.add(events.OptionFileMissing(match[1] or match[2], text))
        return match is not None

    def _phase(self, text: str) -> bool:
        for start, phase, detail in _PHASES if text.startswith(_PHASE_STARTS) else ():
            if text.startswith(start):
                self._begin()
                self._sink.enter(phase, detail)
                return True
        return False

    def _problem(self, text: str) -> bool:
        sink = self._sink
        if match := _BANNER.match(text):
            self._version = events.SolverVersion("HiGHS", match[1])
            sink.add(self._version)
            self._began = False
        elif match := _REDUCED.match(text):
            sink.add(events.PresolvedSize(int(match[1]), int(match[2]), int(match[3])))
        elif match := _MODEL.match(text):
            if self._bare:
                self._begin(match[2] or "", match[1])
                sink.add(events.ModelSize(int(match[3]), int(match[4]), int(match[5])))
        elif match := _RANGE.match(text):
            if self._bare:
                self._begin()
                sink.add(events.RangeStatistic(_RANGE_KINDS[match[1]], number(match[2]), number(match[3])))
        else:
            return False
        return True

    def _crossover(self, text: str) -> bool:
        sink = self._sink
        if match := _PUSHES.match(text):
            sink.enter(Phase.CROSSOVER)
            sink.add(events.CrossoverStarted(match[1], int(match[2])))
        elif match := _REMAINING.match(text):
            sink.enter(Phase.CROSSOVER)
            sink.add(events.CrossoverMoves(match[2], int(match[1])))
        elif match := _BASIC.match(text):
            sink.add_number(partial(events.NumericalSign, f"unscaled {match[1]} infeasibility"), match[2])
        elif text.startswith(("Ipx: IPM", "Hipo: ")) and "Crossover" not in text:
            sink.add(events.BarrierEnded())
        elif text.startswith(("Ipx: Crossover", "Hipo: Crossover")):
            if " not " not in text:
                sink.enter(Phase.CROSSOVER)
            sink.add(events.CrossoverEnded())
        else:
            return False
        return True

    def _answer(self, text: str) -> bool:
        if match := _STATUS.match(text):
            if not text.startswith("ERROR:"):
                self._begin()
            refused = match[1] == "Not Set" and self._error
            self._final(self._error if refused else match[1].strip())
            if text.startswith("ERROR:"):
                self._sink.add(events.ErrorLine(text[6:].strip()))
        elif _CROSSED.match(text):
            self._final("Infeasible")
        elif match := _OBJECTIVE.match(text):
            if (value := number(match[1])) is not None:
                self._sink.add(events.FinalObjective(value))
            elif "nan" in match[1].lower() and self._status.lower() == "optimal":
                self._final(NO_OBJECTIVE)
        else:
            return False
        return True

    def _end(self, text: str) -> bool:
        add = self._sink.add
        if self._answer(text):
            return True
        if match := _BOUND.match(text):
            self._sink.add_number(events.FinalBound, match[1])
        elif match := _COUNT.match(text):
            self._count(match[1], int(match[2]))
        elif match := _RUN_TIME.match(text):
            add(events.SolverTime(float(match[1])))
            if self._bare:
                add(events.SolveEnded())
                # The next one may begin without a line that names it.
                self._began = False
        else:
            return False
        return True

    def _final(self, status: str) -> None:
        self._status = status
        self._sink.add(events.SolverEnded("HiGHS", None, status))

    def _count(self, what: str, count: int) -> None:
        if what == "Nodes":
            self._nodes = count
        else:
            # A MIP's sum holds those of its root.
            self._iterations = count if what == "LP" else self._iterations + count
            self._sink.add(events.FinalIterations(self._iterations, self._nodes))
        if what == "PDLP":
            # cuPDLP writes its table to the screen only: this is all that the log has of it.
            self._sink.enter(Phase.FIRST_ORDER)

    def _trouble(self, text: str) -> None:
        if text.startswith("ERROR:"):
            self._error = self._refusal = text[6:].strip()
            self._sink.add(events.ErrorLine(self._error))
        elif self._error and (match := _PLACE.match(text)):
            self._sink.add(events.ErrorLine(self._error, match[1], int(match[2])))
        elif match := _IGNORED.match(text):
            self._sink.add(events.OptionIgnored(f"solver = {match[2]}", match[1]))
        elif match := _INFEASIBILITY.match(text):
            self._sink.add_number(partial(events.NumericalSign, f"unscaled {match[2]} infeasibility"), match[1])
        elif text.startswith(("WARNING: Solution optimality", "WARNING:    num/max")):
            return
        elif (
            text.startswith("WARNING:")
            or ("infeasible" in text.lower() and "=>" not in text)
            or " inconsistent bounds [" in text
        ):
            message = events.SolverMessage(" ".join(text.removeprefix("WARNING:").split()))
            self._early.append(message) if self._bare and not self._began else self._sink.add(message)


class HighsLogReader:
    """Turns the text of a bare HiGHS log into events, which do not depend on the chunks."""

    def __init__(self) -> None:
        self._lines = LineBuffer()
        self._sink = EventSink()
        self._reader = HighsReader(self._sink, bare=True)
        self._started = False

    def feed(self, text: str) -> list[events.LogEvent]:
        """Events of the lines that `text` completes."""
        lines = self._lines.feed(text)
        if lines and not self._started:
            self._started = True
            self._sink.enter(Phase.GENERATE, "reading the model")
        for line in lines:
            if size_bytes := bytes_left_out(line):
                self._sink.add(events.LeftOut(size_bytes))
            else:
                self._reader.read(line)
        return self._sink.take()

    def close(self) -> list[events.LogEvent]:
        """The last events; ignores a last line without its end, as a cut number reads as another one."""
        self._reader.close()
        return self._sink.take()
