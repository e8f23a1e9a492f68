"""The GAMS listing (.lst): every solve with its statuses, errors with file and line, the solver's own report.

Listings can have hundreds of megabytes of equations and solutions: a line is parsed only if its first characters may be
relevant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import ClassVar

import msgspec
from msgspec.structs import replace

from times_doctor_tasks.parsers.cplex.gams_link import CplexLink
from times_doctor_tasks.parsers.events import ErrorLine, FinalIterations, FinalObjective, LogEvent, SolverTime
from times_doctor_tasks.parsers.gams.errors import licence_problem
from times_doctor_tasks.parsers.gams.listing_errors import CompileErrors
from times_doctor_tasks.parsers.gams.option_echo import OptionEcho
from times_doctor_tasks.parsers.gams.ranges import range_statistic
from times_doctor_tasks.parsers.gams.status_texts import MODEL_STATUS, SOLVER_STATUS
from times_doctor_tasks.parsers.lines import MAX_LINE_CHARS, bytes_left_out
from times_doctor_tasks.parsers.numbers import number, whole
from times_doctor_tasks.parsers.sink import EventSink
from times_doctor_tasks.parsers.solves.digest import Options, SolveList
from times_doctor_tasks.parsers.solves.draft import SolveDraft
from times_doctor_tasks.parsers.solves.solve import Solve

_STATUS = re.compile(r"\*{4} (SOLVER|MODEL) STATUS +(\d+) *(.*?) *$")
_OBJECTIVE = re.compile(r"\*{4} OBJECTIVE VALUE +(\S+)")
_FIELD = re.compile(r" {5}(MODEL|TYPE|SOLVER) +(\S+)(?: +(OBJECTIVE|DIRECTION|FROM LINE) +(\S+))?")
_USAGE = re.compile(r" (RESOURCE USAGE|ITERATION COUNT), LIMIT +(\S+) +(\S+)")
_ABORTED = re.compile(r"\*{4} SOLVE from line (\d+) ABORTED")
_EXEC_ERROR = re.compile(r"\*{4} Exec Error at line (\d+): *(.*?) *$")
_NOT_COMPILED = re.compile(r"\*{4} [1-9]\d* ERROR\(S\)")
_SINGLE = re.compile(r"BLOCKS OF (EQUATIONS|VARIABLES) .*SINGLE \1 +([\d,]+)")
_NONZERO = re.compile(r"NON ZERO ELEMENTS +([\d,]+)(?:.*DISCRETE VARIABLES +([\d,]+))?")
_BANNER = re.compile(r"\f?GAMS (?:Rev \d+ +)?(\d+\.\d+\.\d+)")
_SUMMARY = "S O L V E      S U M M A R Y"
#: Lines of a solver's own report that are looked at; a report with more is an odd one.
_MAX_REPORT_LINES = 20_000
_MAX_ERRORS = 200


class Listing(msgspec.Struct, frozen=True):
    """The content of a listing."""

    solves: tuple[Solve, ...] = ()
    """Every solve that has a summary or was aborted, oldest first (of thousands: the first and the last)."""
    compile_errors: tuple[ErrorLine, ...] = ()
    """As GAMS marks them; after `$onMulti` or `$onWarning` some are only warnings: see the run's status."""
    execution_errors: tuple[ErrorLine, ...] = ()
    licence: str | None = None
    gams_version: str | None = None
    input_file: str | None = None
    options: Options = msgspec.field(default_factory=Options)
    solve_begun: bool = False
    """Its end belongs to a solve that has no summary: generated and handed over, or cut off."""
    user_errors: bool = False
    """`**** USER ERROR(S) ENCOUNTERED`, or a compilation that ended with errors."""
    complete: bool = False
    """It has the file summary that GAMS writes last."""
    left_out_bytes: int = 0
    """Of its middle: how much was not read."""

    @property
    def gams_status(self) -> str | None:
        """GAMS's last status as in the log; None if the listing does not show it."""
        if not self.complete or self.licence is not None:
            return None
        if not self.user_errors:
            return "Normal completion"
        executed = self.execution_errors or self.solves or not self.compile_errors
        return "Execution error(s)" if executed else "Compilation error(s)"


def read_listing(lines: Iterable[str]) -> Listing:
    """Read a listing line by line; line ends may be there or not."""
    reader = _ListingReader()
    for line in lines:
        reader.line(line)
    return reader.finish()


class _ListingReader:
    def __init__(self) -> None:
        self._sink = EventSink()
        self._errors = CompileErrors()
        self._execution: list[ErrorLine] = []
        self._solves = SolveList()
        self._draft: SolveDraft | None = None
        #: Lines of the solver's report that may still come; 0 outside of a solve summary.
        self._report_left = 0
        self._in_status_file = False
        self._echo = OptionEcho(self._sink)
        self._link = CplexLink(self._sink)
        self._options = Options()
        self._licence: str | None = None
        self._gams_version: str | None = None
        self._input: str | None = None
        self._above = ""
        self._left_out_bytes = 0
        self._user_errors = self._complete = self._input_open = False
        #: False in a pasted piece without it: its statuses count all the same.
        self._has_summary = False

    def line(self, line: str) -> None:
        """Take in one line."""
        say = self._FIRST.get(line[:4])
        self._input_open = self._input_open and line[:4] == "    "
        if say is not None:
            say(self, line[:MAX_LINE_CHARS].rstrip("\r\n"))
        elif self._report_left:  # most lines of a listing are in no report
            self._report(line[:MAX_LINE_CHARS].rstrip("\r\n"))
        self._above = line

    def finish(self) -> Listing:
        """What was read."""
        begun = self._draft is not None and not self._draft.solve.ended
        self._input = self._input.rstrip() if self._input is not None else None
        self._close_solve()
        return Listing(
            solves=self._solves.kept(),
            compile_errors=self._placed(self._errors.found),
            execution_errors=self._placed(self._execution),
            licence=self._licence,
            gams_version=self._gams_version,
            input_file=self._input,
            options=self._options,
            solve_begun=begun,
            user_errors=self._user_errors,
            complete=self._complete,
            left_out_bytes=self._left_out_bytes,
        )

    def _placed(self, errors: list[ErrorLine]) -> tuple[ErrorLine, ...]:
        """Errors without a file are in the input file, which the listing names at its end."""
        return tuple(replace(error, file=error.file or self._input) if error.line else error for error in errors)

    def _stars(self, line: str) -> None:
        if self._in_status_file:
            self._in_status_file = "STATUS FILE LISTED ABOVE" not in line
        elif match := _STATUS.match(line):
            self._status(match[1], int(match[2]), match[3])
        elif match := _OBJECTIVE.match(line):
            if self._draft is not None and self._above.startswith("**** MODEL STATUS"):
                self._draft.set(objective=number(match[1]))
        elif self._errors.stars(line, self._above):
            return
        elif match := _ABORTED.match(line):
            self._current().set(aborted=True, ended=True)
            self._close_solve()
        elif match := _EXEC_ERROR.match(line):
            self._execution_error(ErrorLine(match[2], None, int(match[1])))
        else:
            self._other_stars(line)

    def _other_stars(self, line: str) -> None:
        if line.startswith("**** FILE SUMMARY"):
            self._complete = True
            self._end_report()
        elif line.startswith("**** USER ERROR(S) ENCOUNTERED") or _NOT_COMPILED.match(line):
            # The last line of all, or after a compilation the line that nothing but the summary follows.
            self._user_errors = self._complete = True
        elif line.startswith("**** REPORT SUMMARY"):
            self._end_report()
        elif "STATUS FILE LISTED BELOW" in line:
            self._in_status_file = True
            self._end_report()
        elif licence_problem(line):
            self._licence = self._licence or line.strip("* ")
            # GAMS stops here without a file summary.
            self._complete = self._complete or "Terminated due to" in line
        elif line.startswith("**** Matrix error"):
            self._execution_error(ErrorLine(line.strip("* ")))

    def _execution_error(self, error: ErrorLine) -> None:
        if len(self._execution) < _MAX_ERRORS:
            self._execution.append(error)

    def _status(self, which: str, code: int, text: str) -> None:
        """A summary has each once, one below the other; lines that only look like them stand anywhere."""
        draft = self._current() if not self._has_summary else self._draft
        if draft is None or (self._has_summary and (draft.solve.ended or not self._report_left)):
            return
        if which == "SOLVER":
            draft.set(solver_status=code, solver_status_text=text or SOLVER_STATUS.get(code))
        elif self._above.startswith("**** SOLVER STATUS"):
            draft.set(model_status=code, model_status_text=text or MODEL_STATUS.get(code), ended=True)

    def _current(self) -> SolveDraft:
        """The current solve: a new one if the last has its summary."""
        if self._draft is None:
            self._draft = SolveDraft(self._solves.count + 1)
        return self._draft

    def _close_solve(self) -> None:
        self._end_report()
        if self._draft is not None and self._draft.solve.ended:
            self._solves.add(self._draft.finish())
        self._draft = None

    def _indented(self, line: str) -> None:
        if self._input_open and self._input is not None:
            # A name is cut where the page's width ends, 80 in older installations, and goes on below.
            self._input += line[5:]
        elif _SUMMARY in line:
            if self._draft is not None and self._draft.solve.solver_status is not None:
                self._close_solve()
            self._end_report()
            self._current()
            self._has_summary = True
            self._report_left = _MAX_REPORT_LINES
            self._echo = OptionEcho(self._sink)
            self._link = CplexLink(self._sink)
        elif self._report_left:
            match = _FIELD.match(line)
            if match is None:
                self._report(line)
            elif match[1] == "MODEL":
                self._current().set(model=match[2])
            elif match[1] == "TYPE":
                self._current().set(model_type=match[2], maximise=match[4] == "MAXIMIZE" if match[4] else None)
            else:
                self._current().set(solver=match[2])

    def _usage(self, line: str) -> None:
        match = _USAGE.match(line)
        if match is None or not self._report_left:
            return
        if match[1] == "RESOURCE USAGE":
            self._current().set(solver_time_s=number(match[2]))
        else:
            self._current().set(iterations=whole(match[2]))

    def _ranges(self, line: str) -> None:
        if line.startswith("RANGE STATISTICS"):
            self._begin_solve()
        elif (statistic := range_statistic(line)) is not None:
            self._current().take(statistic)

    def _statistics(self, line: str) -> None:
        if line.startswith("MODEL STATISTICS"):
            self._begin_solve()
        elif match := _SINGLE.match(line):
            count = whole(match[2])
            if match[1] == "EQUATIONS":
                self._current().set(rows=count)
            else:
                self._current().set(columns=count)
        elif match := _NONZERO.match(line):
            self._current().set(nonzeros=whole(match[1]))
            if match[2]:
                self._current().set(discrete_columns=whole(match[2]))
        else:
            self._report(line)

    def _begin_solve(self) -> None:
        if self._draft is not None and self._draft.solve.ended:
            self._close_solve()
        self._current()

    def _heading(self, line: str) -> None:
        match = _BANNER.match(line)
        if match is not None:
            self._gams_version = self._gams_version or match[1]
        self._end_report()

    def _named(self, line: str) -> None:
        if line.startswith("Input  "):
            self._input_open = self._input is None
            self._input = self._input or line[5:].lstrip()
        else:
            self._report(line)

    def _three_stars(self, line: str) -> None:
        if size_bytes := bytes_left_out(line):
            self._left_out_bytes += size_bytes
            self._in_status_file = False
            self._close_solve()
        else:
            self._report(line)

    def _section(self, line: str) -> None:
        """`---- EQU`, `---- VAR`, `----  36605 Solve Read`: the solver's report is over."""
        if line[:5] in ("---- ", "----"):
            self._end_report()

    def _report(self, line: str) -> None:
        """A line of the solver's report; outside of one it says nothing."""
        if not self._report_left:
            return
        self._report_left -= 1
        text = line.strip()
        if not text or self._in_status_file:
            return
        if not self._echo.read(line):
            self._link.read(text)
        for event in self._sink.take():
            if not self._options.take(event):
                self._take(event)

    def _take(self, event: LogEvent) -> None:
        # The summary's objective and iterations are GAMS's; the report may only add digits.
        if isinstance(event, FinalObjective | FinalIterations | SolverTime):
            return
        self._current().take(event)

    def _end_report(self) -> None:
        if self._report_left:
            self._report_left = 0
            self._echo.flush()
            for event in self._sink.take():
                self._options.take(event)

    _FIRST: ClassVar[dict[str, Callable[[_ListingReader, str], None]]] = {
        "****": _stars,
        "*** ": _three_stars,
        "    ": _indented,
        **dict.fromkeys((" RES", " ITE"), _usage),
        **dict.fromkeys(("RANG", "RHS ", "Boun", "Matr"), _ranges),
        **dict.fromkeys(("MODE", "BLOC", "NON "), _statistics),
        **dict.fromkeys(("GAMS", "\fGAM"), _heading),
        "Inpu": _named,
        "--- ": _report,
        "----": _section,
    }
