"""The phases of a finished run, with the few times in its log."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from times_doctor_tasks.contract.progress import Phase
from times_doctor_tasks.parsers.events import Elapsed, JobStarted, JobStopped, LogEvent, PhaseStarted, SolveStarted

#: Of a run with more phases, this many are kept from each end.
_MAX_KEPT = 500


class PhaseRecord(msgspec.Struct, frozen=True):
    """A stretch in one phase. Times in seconds since the job's start; None if unknown."""

    phase: Phase
    solve: int
    detail: str = ""
    start_s: float | None = None
    end_s: float | None = None


class LogPhases:
    """Collects phases from the events of one log; stretches of the same phase and solve that touch are one."""

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._head: list[PhaseRecord] = []
        self._tail: deque[PhaseRecord] = deque(maxlen=_MAX_KEPT)
        self._now: PhaseRecord | None = None
        self._solve = 0
        self._stamp: float | None = None

    def add(self, events: Iterable[LogEvent]) -> None:
        """Take in events in their order."""
        for event in events:
            if isinstance(event, PhaseStarted):
                self._begin(event)
            elif isinstance(event, Elapsed):
                self._stamp = event.seconds
            elif isinstance(event, SolveStarted):
                self._solve = event.number
                if self._now is not None:
                    self._now = replace(self._now, solve=event.number)
            elif isinstance(event, JobStarted) and not event.nested:
                self._reset()
            elif isinstance(event, JobStopped) and not event.nested:
                self._end(event.elapsed_s)

    def records(self) -> tuple[PhaseRecord, ...]:
        """What was collected, oldest first."""
        last = () if self._now is None else (self._now,)
        return (*self._head, *self._tail, *last)

    def _begin(self, event: PhaseStarted) -> None:
        stamp, self._stamp = self._stamp, None
        now = self._now
        if now is not None and now.phase is event.phase and now.solve == self._solve:
            return
        if now is None and event.phase is Phase.COMPILE:
            stamp = 0.0
        self._end(stamp)
        self._now = PhaseRecord(event.phase, self._solve, event.detail, stamp)

    def _end(self, stamp: float | None) -> None:
        if self._now is None:
            return
        ended = replace(self._now, end_s=stamp)
        self._now = None
        if len(self._head) < _MAX_KEPT:
            self._head.append(ended)
        else:
            self._tail.append(ended)
