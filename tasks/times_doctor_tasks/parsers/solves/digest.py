"""A summary of a whole log: the solves, and the events around them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import msgspec

from times_doctor_tasks.contract.progress import Phase
from times_doctor_tasks.parsers import events
from times_doctor_tasks.parsers.solves.draft import SolveDraft
from times_doctor_tasks.parsers.solves.solve import Solve

#: Of a run with more solves, this many are kept from each end.
MAX_SOLVES_KEPT = 2_000
_MAX_ERRORS = 100
_MAX_OPTIONS = 500


class Options(msgspec.Struct):
    """How the solvers of a run took their option files, each line once."""

    read: str | None = None
    missing: str | None = None
    taken: dict[tuple[str, str], None] = msgspec.field(default_factory=dict)
    clamped: dict[tuple[str, str, str], None] = msgspec.field(default_factory=dict)
    ignored: dict[tuple[str, str], None] = msgspec.field(default_factory=dict)

    def take(self, event: events.LogEvent) -> bool:
        """Whether `event` was about options."""
        if isinstance(event, events.OptionSet):
            if len(self.taken) < _MAX_OPTIONS:
                self.taken[event.name, event.value] = None
            if event.original is not None and len(self.clamped) < _MAX_OPTIONS:
                self.clamped[event.name, event.value, event.original] = None
        elif isinstance(event, events.OptionIgnored):
            if len(self.ignored) < _MAX_OPTIONS:
                self.ignored[event.text, event.why] = None
        elif isinstance(event, events.OptionFileRead):
            self.read = event.path
        elif isinstance(event, events.OptionFileMissing):
            self.missing = event.path
        else:
            return False
        return True

    @property
    def file_read(self) -> bool | None:
        """Whether the option file was read; None if none was wanted."""
        if self.missing is not None:
            return False
        return True if self.read is not None else None


class SolveList:
    """Solves in order; of very many, the first and the last ones."""

    def __init__(self) -> None:
        self.count = 0
        self._head: list[Solve] = []
        self._tail: list[Solve] = []

    def add(self, solve: Solve) -> None:
        """Append one."""
        self.count += 1
        if len(self._head) < MAX_SOLVES_KEPT:
            self._head.append(solve)
            return
        self._tail.append(solve)
        if len(self._tail) > 2 * MAX_SOLVES_KEPT:
            del self._tail[:MAX_SOLVES_KEPT]

    def kept(self) -> tuple[Solve, ...]:
        """Those kept, oldest first."""
        return (*self._head, *self._tail[-MAX_SOLVES_KEPT:])


class LogDigest:
    """Collects the events of one log. Bounded whatever the log's length."""

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._nested = 0
        #: Bytes of its middle that were not read.
        self.left_out_bytes = 0
        self.options = Options()
        self.job: events.JobStarted | None = None
        self.elapsed_s: float | None = None
        self.gams_status: str | None = None
        self.solver_version: tuple[str, str] | None = None
        self.licence: str | None = None
        self.licence_note: str | None = None
        self.errors: list[events.ErrorLine] = []
        self.last_phase: Phase | None = None
        self.gams_memory_mb: int | None = None
        self.peaks_mb: dict[str, float] = {}
        #: The solver's last word came (a bare engine has no GAMS to say that the run is over).
        self.solver_ended = False
        self._solves = SolveList()
        self._draft: SolveDraft | None = None

    def add(self, new: Iterable[events.LogEvent]) -> None:
        """Take in events in their order."""
        for event in new:
            if self._nested and not isinstance(event, events.JobStarted | events.JobStopped | events.LeftOut):
                continue
            say = self._SAY.get(type(event))
            if say is not None:
                say(self, event)
            if self._draft is not None:
                self._draft.take(event)

    @property
    def solve_under_way(self) -> bool:
        """Whether the last solve that began has not ended."""
        return self._draft is not None and not self._draft.solve.ended

    def solves(self) -> tuple[Solve, ...]:
        """All solves so far, including the current one."""
        kept = self._solves.kept()
        return kept if self._draft is None else (*kept, self._draft.finish())

    def _position(self, event: events.SourcePosition) -> None:
        if self.gams_memory_mb is None or event.memory_mb > self.gams_memory_mb:
            self.gams_memory_mb = event.memory_mb

    def _phase(self, event: events.PhaseStarted) -> None:
        self.last_phase = event.phase

    def _begin(self, event: events.SolveStarted) -> None:
        if self._draft is not None:
            self._solves.add(self._draft.finish())
        self._draft = SolveDraft(event.number)
        self._draft.set(model=event.model or None, model_type=event.model_type or None)
        self.solver_ended = False

    def _solver(self, _event: events.SolverStarted) -> None:
        if self._draft is None or self._draft.solve.ended:
            # No line about a generated solve.
            self._begin(events.SolveStarted(self._solves.count + 1, "", ""))

    def _start(self, event: events.JobStarted) -> None:
        if event.nested:
            self._nested += 1
            return
        self._reset()
        self.job = event

    def _stop(self, event: events.JobStopped) -> None:
        if event.nested:
            self._nested = max(0, self._nested - 1)
            return
        self.elapsed_s = event.elapsed_s

    def _gap(self, event: events.LeftOut) -> None:
        self._nested = 0
        self.left_out_bytes += event.size_bytes

    def _status(self, event: events.GamsStatus) -> None:
        self.gams_status = event.text

    def _version(self, event: events.SolverVersion) -> None:
        self.solver_version = (event.name, event.version)

    def _licensed(self, event: events.LicenceMessage) -> None:
        if event.fatal:
            self.licence = self.licence or event.text
        else:
            self.licence_note = event.text

    def _error(self, event: events.ErrorLine) -> None:
        if self.errors and self.errors[-1] == events.ErrorLine(event.text):
            self.errors[-1] = event  # the same, now with its place
        elif len(self.errors) < _MAX_ERRORS:
            self.errors.append(event)
        else:
            self.errors[-1] = event

    def _peak(self, event: events.PeakMemory) -> None:
        self.peaks_mb[event.what] = max(self.peaks_mb.get(event.what, 0.0), event.megabytes)

    def _over(self, _event: events.SolverEnded) -> None:
        self.solver_ended = True

    def _option(self, event: events.LogEvent) -> None:
        self.options.take(event)

    _SAY: ClassVar[dict[type, Callable[[LogDigest, Any], None]]] = {
        events.SourcePosition: _position,
        events.PhaseStarted: _phase,
        events.SolveStarted: _begin,
        events.SolverStarted: _solver,
        events.JobStarted: _start,
        events.JobStopped: _stop,
        events.LeftOut: _gap,
        events.GamsStatus: _status,
        events.SolverVersion: _version,
        events.LicenceMessage: _licensed,
        events.ErrorLine: _error,
        events.PeakMemory: _peak,
        events.SolverEnded: _over,
        **dict.fromkeys(
            (events.OptionSet, events.OptionIgnored, events.OptionFileRead, events.OptionFileMissing), _option
        ),
    }
