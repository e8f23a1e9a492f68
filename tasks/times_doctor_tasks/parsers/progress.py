"""How far a running solve is, from the events of its log and the time they arrived."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from times_doctor_tasks.parsers.events import LogEvent
from times_doctor_tasks.progress import Phase, Progress


@dataclass(frozen=True, slots=True)
class PhaseSpan:
    """A stretch of time in one phase; `end_s` is None while it lasts. Seconds as given to `update`."""

    phase: Phase
    start_s: float
    end_s: float | None = None


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A point of the convergence chart: a relative gap for barrier and MIP, an infeasibility for simplex."""

    t_s: float
    objective: float | None
    gap_or_infeasibility: float | None


class ProgressTracker:
    """Turns events into a `Progress`, phase spans and a convergence curve, all of bounded size."""

    def __init__(self) -> None:
        self.progress: Progress | None = None
        self.phases: tuple[PhaseSpan, ...] = ()
        self.curve: tuple[CurvePoint, ...] = ()

    def update(self, events: Sequence[LogEvent], *, now_s: float) -> None:
        """Take in what the log said up to `now_s`."""
        raise NotImplementedError
