"""The progress of a running solve, from the events of its log and their times."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import msgspec

from times_doctor_tasks.contract.messages import CurvePoint
from times_doctor_tasks.contract.progress import Phase, Progress
from times_doctor_tasks.parsers import events
from times_doctor_tasks.parsers.progress.curve import Curve
from times_doctor_tasks.parsers.progress.gauges import (
    CAP,
    BarrierGauge,
    CrossoverGauge,
    relative_gap,
)
from times_doctor_tasks.parsers.progress.spans import Stretch, Timeline

#: Samples for a speed, and their greatest age while there are enough of them.
_SPEED_SAMPLES = 32
_SPEED_WINDOW_S = 20.0
#: An ETA needs this fraction of a phase and this many seconds: before, the pace is noise.
_ETA_MIN_FRACTION = 0.05
_ETA_MIN_S = 1.0
#: Phases of the small solves inside another phase: they show as the outer one.
_INNER = frozenset(
    {
        Phase.PRESOLVE,
        Phase.SIMPLEX,
        Phase.NETWORK,
        Phase.BARRIER,
        Phase.CROSSOVER,
        Phase.CONCURRENT,
        Phase.SIFTING,
    }
)
_OUTER = frozenset({Phase.SIFTING, Phase.MIP})
#: GAMS's own phases: the place in the model source is what there is to show.
_AROUND = frozenset({Phase.COMPILE, Phase.EXECUTE, Phase.GENERATE, Phase.READ_BACK, Phase.REPORT})


class _Figures(msgspec.Struct):
    """The state within one phase."""

    started_s: float
    iteration: int | None = None
    objective: float | None = None
    bound: float | None = None
    gap_rel: float | None = None
    infeasibility: float | None = None
    fraction: float | None = None
    first_row_s: float | None = None
    last_row_s: float = 0.0
    barrier: BarrierGauge = msgspec.field(default_factory=BarrierGauge)
    crossover: CrossoverGauge = msgspec.field(default_factory=CrossoverGauge)
    samples: deque[tuple[float, int]] = msgspec.field(default_factory=lambda: deque(maxlen=_SPEED_SAMPLES))


class ProgressTracker:
    """Turns events into a `Progress`, a timeline and a convergence curve, all of bounded size."""

    def __init__(self) -> None:
        self._timeline = Timeline()
        self._now_s = 0.0
        self._solve = 0
        self._phase: Phase | None = None
        self._detail = ""
        #: The phase that hides those inside it: sifting and branch and cut run whole solves of their own.
        self._outer: Phase | None = None
        self._sifting_asked = False
        self._figures = _Figures(0.0)
        self._curve = Curve()
        self._rows = 0

    def update(self, new: Sequence[events.LogEvent], *, now_s: float) -> None:
        """Take in the log's events up to `now_s`, which never goes back."""
        self._now_s = max(self._now_s, now_s)
        rows = self._rows
        for event in new:
            say = self._SAY.get(type(event))
            if say is not None:
                say(self, event)
        if self._rows != rows:
            self._sample()

    @property
    def progress(self) -> Progress | None:
        """A progress snapshot of the run; None before its log has any."""
        if self._phase is None:
            return None
        figures = self._figures
        return Progress(
            phase=self._phase,
            solve=self._solve,
            iteration=figures.iteration,
            objective=figures.objective,
            bound=figures.bound,
            gap_rel=figures.gap_rel,
            infeasibility=figures.infeasibility,
            fraction=figures.fraction,
            speed_per_s=self._speed(),
            eta_s=self._eta(),
            detail=self._detail or None,
        )

    @property
    def phases(self) -> tuple[Stretch, ...]:
        """The timeline so far, oldest first."""
        return self._timeline.spans

    @property
    def curve(self) -> tuple[CurvePoint, ...]:
        """Objective and gap (or infeasibility) over time in the last solve that iterated, at most 200 points."""
        return self._curve.points

    def _sample(self) -> None:
        figures = self._figures
        second = figures.gap_rel if figures.gap_rel is not None else figures.infeasibility
        if figures.objective is not None or second is not None:
            self._curve.add(CurvePoint(t_s=self._now_s, objective=figures.objective, residual=second))
        if figures.first_row_s is None:
            figures.first_row_s = self._now_s
        figures.last_row_s = self._now_s
        samples = figures.samples
        if figures.iteration is None:
            return
        if samples and figures.iteration < samples[-1][1]:
            samples.clear()
        samples.append((self._now_s, figures.iteration))
        while len(samples) > 4 and samples[0][0] < self._now_s - _SPEED_WINDOW_S:
            samples.popleft()

    def _speed(self) -> float | None:
        samples = self._figures.samples
        if len(samples) < 2:
            return None
        (start_s, start), (end_s, end) = samples[0], samples[-1]
        return (end - start) / (end_s - start_s) if end_s > start_s and end > start else None

    def _eta(self) -> float | None:
        """Seconds left of this phase at its mean pace so far."""
        figures = self._figures
        if figures.fraction is None or figures.first_row_s is None:
            return None
        if not _ETA_MIN_FRACTION <= figures.fraction < CAP:
            return None
        took_s = figures.last_row_s - figures.first_row_s
        if took_s < _ETA_MIN_S:
            return None
        left_s = took_s * (1.0 - figures.fraction) / figures.fraction
        return max(0.0, left_s - (self._now_s - figures.last_row_s))

    def _enter(self, phase: Phase, detail: str) -> None:
        if self._sifting_asked and phase in _INNER and (phase is not Phase.PRESOLVE or detail.startswith("ordering")):
            # CPLEX may begin with a barrier inside the first sifting iteration.
            self._sifting_asked = False
            self._enter(Phase.SIFTING, "")
        if self._outer is not None and phase in _INNER and phase is not self._outer:
            self._detail = f"inside: {detail or phase.value}"
            return
        if phase in _OUTER:
            self._outer = phase
        elif phase in _AROUND:
            self._outer = None
        self._detail = detail
        if phase is not self._phase:
            self._phase = phase
            self._figures = _Figures(self._now_s)
            self._timeline.enter(phase, self._now_s)

    def _started(self, event: events.PhaseStarted) -> None:
        self._enter(event.phase, event.detail)

    def _position(self, event: events.SourcePosition) -> None:
        if self._phase in _AROUND:
            self._detail = f"{event.file}({event.line})"

    def _solve_started(self, event: events.SolveStarted) -> None:
        self._solve = event.number

    def _solver_started(self, _event: events.SolverStarted) -> None:
        self._outer = None
        self._sifting_asked = False
        self._curve = Curve()

    def _parameter(self, event: events.SolverParameter) -> None:
        if event.name == "CPXPARAM_LPMethod":
            self._sifting_asked = event.value == "5"

    def _simplex(self, event: events.SimplexIteration) -> None:
        if self._hidden(Phase.SIMPLEX, Phase.NETWORK):
            return
        figures = self._row(event.iteration)
        if "infeas" in event.label.lower() or "I" in event.flag:
            figures.infeasibility = abs(event.value)
        else:
            figures.objective = event.value
            figures.infeasibility = event.infeasibility
        if event.label:
            self._detail = event.label.lower()

    def _barriers(self, event: events.BarrierIteration) -> None:
        if self._hidden(Phase.BARRIER):
            return
        figures = self._row(event.iteration)
        figures.objective = event.primal_objective
        figures.bound = event.dual_objective
        figures.gap_rel = relative_gap(event.primal_objective, event.dual_objective)
        residuals = (event.primal_infeasibility, event.upper_infeasibility or 0.0, event.dual_infeasibility)
        figures.infeasibility = max(abs(residual) for residual in residuals)
        figures.barrier.take(event)
        figures.fraction = figures.barrier.fraction
        self._detail = "almost converged" if figures.fraction >= CAP else ""

    def _barrier_over(self, _event: events.BarrierEnded) -> None:
        if self._phase is Phase.BARRIER:
            self._figures.fraction = 1.0
            self._detail = "converged"

    def _stage(self, event: events.CrossoverStarted) -> None:
        if self._hidden(Phase.CROSSOVER):
            return
        self._figures.crossover.begin(event)
        self._figures.fraction = self._figures.crossover.fraction
        self._detail = f"{event.kind} push" if event.kind else ""

    def _moves(self, event: events.CrossoverMoves) -> None:
        if self._hidden(Phase.CROSSOVER):
            return
        figures = self._figures
        self._rows += 1
        figures.crossover.take(event)
        figures.fraction = figures.crossover.fraction
        figures.objective = event.objective
        figures.infeasibility = event.infeasibility
        self._detail = f"{event.kind} push, {event.remaining} left"
        figures.iteration = None

    def _crossover_over(self, _event: events.CrossoverEnded) -> None:
        if self._phase is Phase.CROSSOVER:
            self._figures.fraction = 1.0
            self._detail = ""

    def _sifting(self, event: events.SiftingIteration) -> None:
        figures = self._row(event.iteration)
        if "infeas" in event.label.lower():
            figures.infeasibility = abs(event.value)
        else:
            figures.objective = event.value
            figures.infeasibility = None
        self._detail = f"{event.columns} columns" if event.columns is not None else ""

    def _first_order(self, event: events.FirstOrderIteration) -> None:
        figures = self._row(event.iteration)
        figures.objective = event.primal_objective
        figures.bound = event.dual_objective
        figures.gap_rel = relative_gap(event.primal_objective, event.dual_objective)
        figures.infeasibility = event.primal_infeasibility

    def _node(self, event: events.MipNode) -> None:
        figures = self._row(event.nodes)
        if event.incumbent is not None:
            figures.objective = event.incumbent
        if event.best_bound is not None:
            figures.bound = event.best_bound
        figures.gap_rel = event.gap_rel
        self._detail = f"{event.left} nodes open"

    def _incumbent(self, event: events.Incumbent) -> None:
        if self._phase is Phase.MIP:
            self._figures.objective = event.value

    def _row(self, iteration: int) -> _Figures:
        self._rows += 1
        self._figures.iteration = iteration
        return self._figures

    def _hidden(self, *shown_in: Phase) -> bool:
        """Whether a row belongs to a small solve inside sifting or branch and cut, whose own figures are shown."""
        return self._phase not in shown_in and self._phase is not Phase.CONCURRENT

    def _over(self, _event: events.GamsStatus | events.JobStopped) -> None:
        self._timeline.end(self._now_s)
        self._detail = ""

    _SAY: ClassVar[dict[type, Callable[[ProgressTracker, Any], None]]] = {
        events.PhaseStarted: _started,
        events.SourcePosition: _position,
        events.SolveStarted: _solve_started,
        events.SolverStarted: _solver_started,
        events.SolverParameter: _parameter,
        events.SimplexIteration: _simplex,
        events.BarrierIteration: _barriers,
        events.BarrierEnded: _barrier_over,
        events.CrossoverStarted: _stage,
        events.CrossoverMoves: _moves,
        events.CrossoverEnded: _crossover_over,
        events.SiftingIteration: _sifting,
        events.FirstOrderIteration: _first_order,
        events.MipNode: _node,
        events.Incumbent: _incumbent,
        events.GamsStatus: _over,
        events.JobStopped: _over,
    }
