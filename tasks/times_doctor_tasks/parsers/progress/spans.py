"""The timeline of a run: stretches of time in one phase, of bounded number."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from times_doctor_tasks.contract.progress import Phase

#: Most stretches of a timeline; beyond, the shortest is joined to its longer neighbour.
MAX_SPANS = 64


class Stretch(msgspec.Struct, frozen=True):
    """A stretch of time in one phase; `end_s` is None while it lasts. Seconds as given to `update`."""

    phase: Phase
    start_s: float
    end_s: float | None = None


class Timeline:
    """Collects spans, few of them: short ones are joined to their neighbours."""

    def __init__(self) -> None:
        self._spans: list[Stretch] = []

    def enter(self, phase: Phase, now_s: float) -> None:
        """Begins `phase`, and ends the span before."""
        if self._spans and self._spans[-1].end_s is None and self._spans[-1].phase is phase:
            return
        self.end(now_s)
        self._spans.append(Stretch(phase, now_s))
        if len(self._spans) > MAX_SPANS:
            self._join_shortest()

    def end(self, now_s: float) -> None:
        """Ends the current span."""
        if self._spans and self._spans[-1].end_s is None:
            self._spans[-1] = replace(self._spans[-1], end_s=now_s)

    @property
    def spans(self) -> tuple[Stretch, ...]:
        """Oldest first."""
        return tuple(self._spans)

    def _join_shortest(self) -> None:
        ended = self._spans[:-1]
        place = min(range(len(ended)), key=lambda each: _length(ended[each]))
        neighbours = [each for each in (place - 1, place + 1) if 0 <= each < len(ended)]
        keeper = max(neighbours, key=lambda each: _length(ended[each]))
        first, second = sorted((place, keeper))
        joined = Stretch(ended[keeper].phase, ended[first].start_s, ended[second].end_s)
        self._spans[first : second + 1] = [joined]


def _length(span: Stretch) -> float:
    return (span.end_s if span.end_s is not None else span.start_s) - span.start_s
