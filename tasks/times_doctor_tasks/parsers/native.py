"""Logs of solvers that were called without GAMS, read by the readers of their lines."""

from __future__ import annotations

import re
from typing import Protocol

from times_doctor_tasks.contract.progress import Phase
from times_doctor_tasks.parsers.events import FinalObjective, LogEvent, SolverEnded, SolverStarted, SolveStarted
from times_doctor_tasks.parsers.gams.log import solver_reader
from times_doctor_tasks.parsers.highs.log import HighsLogReader
from times_doctor_tasks.parsers.lines import LineBuffer
from times_doctor_tasks.parsers.numbers import number
from times_doctor_tasks.parsers.sink import EventSink

#: How our program (`engines/native/solve.py`) ends a log, in words that mean the same for every solver.
_LAST_LINE = re.compile(r"times-doctor: (.+); objective (\S+)$")


class LogReader(Protocol):
    """Text in, events out; any chunking gives the same events."""

    def feed(self, text: str) -> list[LogEvent]:
        """Events of the lines that `text` completes."""

    def close(self) -> list[LogEvent]:
        """Events of what was left."""


class NativeLogReader:
    """Turns the text of a solver's own log into events: one solve."""

    __slots__ = ("_lines", "_reader", "_sink", "_solver")

    def __init__(self, solver: str) -> None:
        self._lines = LineBuffer()
        self._sink = EventSink()
        self._solver = solver
        self._reader = solver_reader(solver, self._sink)

    def feed(self, text: str) -> list[LogEvent]:
        """Events of the lines that `text` completes."""
        lines, sink = self._lines.feed(text), self._sink
        if lines and sink.phase is None:
            sink.add(SolveStarted(1, "", ""))
            sink.add(SolverStarted(self._solver.upper()))
            sink.enter(Phase.GENERATE, "reading the model")
        for line in lines:
            if match := _LAST_LINE.match(line):
                sink.add(SolverEnded(self._solver, None, match[1]))
                if (value := number(match[2])) is not None:
                    sink.add(FinalObjective(value))
            else:
                self._reader.read(line)
        return sink.take()

    def close(self) -> list[LogEvent]:
        """Nothing: a last line without its end is left out."""
        return self._sink.take()


def log_reader(solver: str) -> LogReader:
    """A reader for the log of a solver that runs without GAMS."""
    return HighsLogReader() if solver == "highs" else NativeLogReader(solver)
