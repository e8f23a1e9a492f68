"""The fraction of a phase that is done, if it can be measured. A gauge never goes backwards and stops at 0.99.
A MIP has none: its gap does not close at a steady pace.

The barrier's formula was measured on real CPLEX tables: mean distance to (iteration / iterations in the end) 0.06,
largest 0.20; the relative gap alone, the worst residual and CPLEX's Inf Ratio are all far worse.
"""

from __future__ import annotations

import math

from times_doctor_tasks.parsers.events import BarrierIteration, CrossoverMoves, CrossoverStarted

#: Largest value before the solver reports the end of the phase.
CAP = 0.99
#: Residuals are done when they are this small relative to their first value.
_RESIDUAL_TARGET = 1e-9
#: The relative gap is done at this value.
_GAP_TARGET = 1e-8


def relative_gap(primal: float, dual: float) -> float | None:
    """|P - D| / (1 + |P|); None where an objective is not finite."""
    gap = abs(primal - dual) / (1.0 + abs(primal))
    return gap if math.isfinite(gap) else None


class BarrierGauge:
    """The mean, over residuals and relative gap, of the fraction of decades done."""

    def __init__(self) -> None:
        self.fraction = 0.0
        self._first: tuple[float, ...] = ()

    def take(self, row: BarrierIteration) -> None:
        """Take in one row; the first one is the yardstick."""
        gap = relative_gap(row.primal_objective, row.dual_objective)
        values = (
            abs(row.primal_infeasibility),
            abs(row.upper_infeasibility or 0.0),
            abs(row.dual_infeasibility),
            math.inf if gap is None else gap,
        )
        if not self._first:
            self._first = values
        targets = (*(first * _RESIDUAL_TARGET for first in self._first[:3]), _GAP_TARGET)
        parts = [
            _decades_done(first, value, target)
            for first, value, target in zip(self._first, values, targets, strict=True)
            if math.isfinite(first) and first > target > 0.0
        ]
        if parts:
            self.fraction = min(CAP, max(self.fraction, sum(parts) / len(parts)))


class CrossoverGauge:
    """Fraction of a stage's pushes that are done; a crossover has two stages, primal and dual in either order."""

    def __init__(self) -> None:
        self.fraction = 0.0
        self._done = -1
        self._total: int | None = None

    def begin(self, event: CrossoverStarted) -> None:
        """A stage begins; a total of 0 means that it has nothing to push."""
        self._done += 1
        self._total = event.total
        self._show(0.0 if event.total != 0 else 1.0)

    def take(self, event: CrossoverMoves) -> None:
        """Take in the number of remaining pushes."""
        if self._total is None or event.remaining > self._total:
            self._total = event.remaining
        self._show(1.0 - event.remaining / self._total if self._total else 1.0)

    def _show(self, stage: float) -> None:
        self.fraction = min(CAP, max(self.fraction, (max(self._done, 0) + stage) / 2.0))


def _decades_done(first: float, value: float, target: float) -> float:
    if value <= target:
        return 1.0
    if not math.isfinite(value) or value >= first:
        return 0.0
    return math.log(first / value) / math.log(first / target)
