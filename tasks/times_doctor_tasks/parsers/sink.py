"""Collects the events of one log's readers, and knows the current phase."""

from __future__ import annotations

from collections.abc import Callable

from times_doctor_tasks.contract.progress import Phase
from times_doctor_tasks.parsers.events import LogEvent, PhaseStarted
from times_doctor_tasks.parsers.numbers import number


class EventSink:
    """Events in the order of their lines; a phase is announced only when it changes."""

    def __init__(self) -> None:
        self._events: list[LogEvent] = []
        self.add = self._events.append
        self.phase: Phase | None = None
        self._detail = ""

    def add_number(self, event: Callable[[float], LogEvent], text: str) -> None:
        """Add `event` of the number that `text` is; nothing where it is none."""
        if (value := number(text)) is not None:
            self.add(event(value))

    def enter(self, phase: Phase, detail: str = "") -> None:
        """Announce `phase`, unless the log is in it already."""
        if phase is self.phase and detail == self._detail:
            return
        self.phase = phase
        self._detail = detail
        self.add(PhaseStarted(phase, detail))

    def take(self) -> list[LogEvent]:
        """The events since the last call."""
        events = self._events
        self._events = []
        self.add = self._events.append
        return events
