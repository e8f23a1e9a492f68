"""The timeline of a run: stretches of time in one phase, of bounded number."""

from __future__ import annotations

from dataclasses import dataclass, replace

from times_doctor_tasks.contract.progress import Phase

#: The most stretches a timeline has; beyond, the shortest is joined to its longer neighbour.
MAX_SPANS = 64


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time in one phase; `end_s` is None while it lasts. Seconds as given to `update`."""

    phase: Phase
    start_s: float
    end_s: float | None = None


class Timeline:
    """Collects spans; what each phase took in all stays exact even where short spans were joined."""

    __slots__ = ("_spans", "_totals")

    def __init__(self) -> None:
        self._spans: list[Stretch] = []
        self._totals: dict[Phase, float] = {}

    def enter(self, phase: Phase, now_s: float) -> None:
        """`phase` begins, whatever was before it ends."""
        if self._spans and self._spans[-1].end_s is None and self._spans[-1].phase is phase:
            return
        self.end(now_s)
        self._spans.append(Stretch(phase, now_s))
        if len(self._spans) > MAX_SPANS:
            self._join_shortest()

    def end(self, now_s: float) -> None:
        """The span that lasts ends."""
        if self._spans and self._spans[-1].end_s is None:
            span = self._spans[-1]
            self._spans[-1] = replace(span, end_s=now_s)
            self._totals[span.phase] = self._totals.get(span.phase, 0.0) + (now_s - span.start_s)

    @property
    def spans(self) -> tuple[Stretch, ...]:
        """Oldest first."""
        return tuple(self._spans)

    def totals_s(self, now_s: float) -> dict[Phase, float]:
        """Seconds in each phase up to `now_s`."""
        totals = dict(self._totals)
        if self._spans and self._spans[-1].end_s is None:
            span = self._spans[-1]
            totals[span.phase] = totals.get(span.phase, 0.0) + (now_s - span.start_s)
        return totals

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
