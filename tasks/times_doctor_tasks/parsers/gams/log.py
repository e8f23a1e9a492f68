"""The log of a GAMS run: GAMS's own phases, and inside a solve the solver's."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import ClassVar, Protocol

from times_doctor_tasks.contract.progress import Phase
from times_doctor_tasks.parsers import events
from times_doctor_tasks.parsers.cplex.log import CplexReader
from times_doctor_tasks.parsers.gams.errors import ErrorLines
from times_doctor_tasks.parsers.gams.option_echo import OptionEcho
from times_doctor_tasks.parsers.gams.ranges import range_statistic
from times_doctor_tasks.parsers.highs.log import HighsReader
from times_doctor_tasks.parsers.lines import LineBuffer, bytes_left_out
from times_doctor_tasks.parsers.numbers import clock_s, julian_date, whole
from times_doctor_tasks.parsers.others.generic import OtherReader
from times_doctor_tasks.parsers.others.gurobi import GurobiReader
from times_doctor_tasks.parsers.sink import EventSink

#: `--- >> ppmain.mod(196) 3 Mb`; `5 Errors` or `11 secs` may follow.
_POSITION = re.compile(r"--- (?:>+ )?(.+)\((\d+)\) (\d+) Mb\b")
#: `ide=1` adds marks to the ends of lines: `[FIL:"m.gms",3,0][LST:36]`.
_IDE_MARK = re.compile(r"\[(?:FIL|ERR|LST|LS2|TIT|INC|PRN|RST):?[^\]]*\]$")
_JOB = re.compile(r"--- Job (.+) (Start|Stop) (\S+ \S+)(?: (\d+\.\d+\S*))?(?:.* elapsed (\S+))?")
_GENERATING = re.compile(r"--- Generating (\S+) model (\S+)")
_SIZE = re.compile(r"--- +([\d,]+) rows +([\d,]+) columns +([\d,]+) non-zeroes")
_DISCRETE = re.compile(r"--- +([\d,]+) discrete-columns")
_EXECUTING = re.compile(r"--- Executing (\w+)(?: \(Solvelink=\d+\))?(?:.*? elapsed (\S+))?")
_AFTER = re.compile(r"--- Reading solution for model (\S+)")
#: A model that calls GAMS that calls GAMS ... deeper than this is a log gone wrong.
_MAX_NESTED = 8
_STATUS = re.compile(r"\*\*\* Status: *(.+?) *$")
#: `... Setting`, `Reading parameter(s)`; lines with dashes or stars come another way.
_OPTION_STARTS = frozenset(".R")


class SolverReader(Protocol):
    """The reader of the lines between `Executing SOLVER` and the end of that solve."""

    def read(self, line: str) -> None:
        """Take in one line."""


_READERS: dict[str, Callable[[EventSink], SolverReader]] = {
    "CPLEX": CplexReader,
    "HIGHS": HighsReader,
    "GUROBI": GurobiReader,
}


def solver_reader(solver: str, sink: EventSink) -> SolverReader:
    """The reader for a solver by its GAMS name, in any case."""
    make = _READERS.get(solver.upper())
    return make(sink) if make else OtherReader(sink, solver)


class GamsLogReader:
    """Turns the text of a GAMS log into events, which do not depend on the chunks."""

    def __init__(self) -> None:
        self._lines = LineBuffer()
        self._sink = EventSink()
        self._errors = ErrorLines(self._sink)
        self._options = OptionEcho(self._sink)
        self._solver: SolverReader | None = None
        self._solves = 0
        self._jobs: list[str] = []

    def feed(self, text: str) -> list[events.LogEvent]:
        """Events of the lines that `text` completes."""
        for line in self._lines.feed(text):
            self._read(line)
        return self._sink.take()

    def close(self) -> list[events.LogEvent]:
        """The remaining events. Ignores a last line without its end: a cut `19` may read as `1`."""
        self._options.flush()
        self._errors.flush()
        return self._sink.take()

    def _read(self, line: str) -> None:
        if line[:4] == "--- ":
            self._dashes(line)
        elif line[:3] == "***":
            self._stars(line)
        elif self._errors.held and self._errors.holds(line):
            return
        elif self._solver is not None:
            if (line[:1] in _OPTION_STARTS or self._options.inside) and self._options.read(line):
                return
            self._solver.read(line)
        elif line.startswith("IBM ILOG CPLEX"):
            # A log without GAMS's own lines.
            self._begin_solver(events.SolverStarted("CPLEX"))
        elif "rror" in line:
            self._errors.plain(line)

    def _dashes(self, line: str) -> None:
        if self._errors.held:
            self._errors.flush()
        if " Mb" in line and (match := _POSITION.match(line)):
            self._sink.add(events.SourcePosition(match[1], int(match[2]), int(match[3])))
            return
        while line[-1:] == "]" and _IDE_MARK.search(line):
            line = _IDE_MARK.sub("", line)
        if " elapsed " in line and not line.startswith("--- Job ") and (seconds := clock_s(line.rpartition(" ")[2])):
            self._sink.add(events.Elapsed(seconds))
        words = line[4:].split(None, 1)
        say = self._DASHES.get("0" if words and words[0][0].isdecimal() else words[0]) if words else None
        if say is not None and say(self, line):
            return
        if self._solver is not None and not self._options.read(line):
            self._solver.read(line)

    def _job(self, line: str) -> bool:
        match = _JOB.match(line)
        if match is None:
            return False
        self._end_solve()
        if match[2] == "Start":
            self._start_job(match[1], match[4], julian_date(match[3]))
        else:
            nested = len(self._jobs) > 1 and match[1] == self._jobs[-1]
            del self._jobs[-1:]
            self._sink.add(events.JobStopped(match[1], clock_s(match[5]) if match[5] else None, nested))
        return True

    def _start_job(self, job: str, version: str | None, julian: float | None) -> None:
        # A job of the same name that has no end is an earlier run that was killed, not one that called itself.
        nested = bool(self._jobs) and job not in self._jobs and len(self._jobs) < _MAX_NESTED
        if not nested:
            self._jobs.clear()
            self._solves = 0
        self._jobs.append(job)
        self._sink.add(events.JobStarted(job, version, julian, nested))

    def _starting(self, line: str) -> bool:
        if "compilation" in line:
            self._sink.enter(Phase.COMPILE)
        elif "execution" in line and not self._solves:
            self._sink.enter(Phase.EXECUTE)
        elif "execution" in line:
            self._end_solve()
        else:
            return False
        return True

    def _generating(self, line: str) -> bool:
        match = _GENERATING.match(line)
        if match is None:
            return False
        self._end_solve()
        self._solves += 1
        self._sink.enter(Phase.GENERATE, match[2])
        self._sink.add(events.SolveStarted(self._solves, match[2], match[1]))
        return True

    def _executing(self, line: str) -> bool:
        if line.startswith("--- Executing after solve"):
            self._end_solve()
            self._sink.enter(Phase.REPORT)
            return True
        match = _EXECUTING.match(line)
        if match is None:
            return False
        self._begin_solver(events.SolverStarted(match[1], clock_s(match[2]) if match[2] else None))
        return True

    def _begin_solver(self, started: events.SolverStarted) -> None:
        self._sink.add(started)
        if started.solver.upper() in _READERS:
            self._sink.enter(Phase.PRESOLVE, f"starting {started.solver}")
        else:  # it may never print a phase
            self._sink.enter(Phase.SOLVE, started.solver)
        self._options = OptionEcho(self._sink)
        self._solver = solver_reader(started.solver, self._sink)

    def _reading(self, line: str) -> bool:
        match = _AFTER.match(line)
        if match is None:
            return False
        self._end_solve()
        self._sink.enter(Phase.READ_BACK, match[1])
        self._sink.add(events.SolveEnded(match[1]))
        return True

    def _times(self, line: str) -> bool:
        # What TIMES itself makes of the model status, right after each solve (err_stat.mod).
        _, found, words = line.partition("TIMES Solve status: ")
        if found and words.strip():
            self._sink.add(events.SolverEnded("TIMES", None, words.strip()))
        return bool(found)

    def _sizes(self, line: str) -> bool:
        if match := _SIZE.match(line):
            rows, columns, nonzeros = (whole(match[place]) or 0 for place in (1, 2, 3))
            self._sink.add(events.ModelSize(rows, columns, nonzeros))
        elif match := _DISCRETE.match(line):
            self._sink.add(events.DiscreteColumns(whole(match[1]) or 0))
        else:
            return False
        return True

    def _ranges(self, line: str) -> bool:
        if (statistic := range_statistic(line)) is not None:
            self._sink.add(statistic)
        return statistic is not None

    def _stars(self, line: str) -> None:
        while line[-1:] == "]" and "[ERR:" not in line and _IDE_MARK.search(line):
            line = _IDE_MARK.sub("", line)
        if match := _STATUS.match(line):
            self._errors.flush()
            self._end_solve()
            self._sink.add(events.GamsStatus(match[1]))
        elif line.startswith("*** SOLVE aborted"):
            self._errors.flush()
            self._sink.add(events.SolveAborted(line[4:].strip()))
        elif size_bytes := bytes_left_out(line):
            self._errors.flush()
            self._options.flush()
            # The end of a job that the model itself started may be among it.
            del self._jobs[1:]
            self._sink.add(events.LeftOut(size_bytes))
        elif self._solver is None or not self._options.read(line):
            self._errors.stars(line, in_solve=self._solver is not None)

    def _end_solve(self) -> None:
        self._options.flush()
        self._solver = None

    _DASHES: ClassVar[dict[str, Callable[[GamsLogReader, str], bool]]] = {
        "Job": _job,
        "Starting": _starting,
        "Restarting": _starting,
        "Generating": _generating,
        "Executing": _executing,
        "Reading": _reading,
        "TIMES": _times,
        "0": _sizes,
        **dict.fromkeys(("RHS", "Bound", "Matrix", "Objective"), _ranges),
    }
