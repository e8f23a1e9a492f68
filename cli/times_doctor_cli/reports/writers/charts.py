"""The data of the HTML report's charts; `templates/scan_report.js` draws them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from times_doctor_tasks.contract.messages import CurvePoint, Report, RunResult

#: Points of all curves together: more makes the page heavy and no curve clearer.
_POINTS_MAX = 20_000
#: Points of one curve, at most and at least.
_POINTS_PER_RUN = (20, 400)
#: Beyond this many runs, the page shows the first of them and says so.
RUNS_MAX = 200
#: Parts of a run's life on the timeline, in their order.
PARTS = ("queued", "earlier attempts", "staging", "solving", "collecting")


def chart_data(report: Report) -> dict[str, Any]:
    """Data of all charts; empty lists if nothing is known."""
    runs = report.runs[:RUNS_MAX]
    return {"convergence": convergence(runs), "timeline": timeline(report, runs), "phases": phases(runs)}


def convergence(runs: Sequence[RunResult]) -> list[dict[str, Any]]:
    """One series per run: its distance from the end, over seconds since its engine started.

    A run whose solver prints no residual shows the distance of its objective from its last value instead
    (`by_objective`).
    """
    low, high = _POINTS_PER_RUN
    room = max(low, min(high, _POINTS_MAX // max(1, len(runs))))
    series = []
    for result in runs:
        points = [(p.t_s, p.residual) for p in result.curve if _is_drawable(p.residual)]
        by_objective = len(points) < 2
        if by_objective:
            points = list(_objective_distance(result))
        if len(points) >= 2:
            series.append({"name": result.run, "points": _thinned(points, room), "by_objective": by_objective})
    return series


def timeline(report: Report, runs: Sequence[RunResult]) -> list[dict[str, Any]]:
    """One row per run that a host took, by host and start: how it used its time, in seconds since the request."""
    zero_ms = report.spec.created_ms
    rows = []
    for result in sorted(runs, key=lambda r: (r.host or "", r.claimed_ms or 0)):
        marks = _marks(result, zero_ms)
        if marks is not None:
            spans = [round(max(0, after - before) / 1000, 3) for before, after in pairwise(marks)]
            first = round((marks[0] - zero_ms) / 1000, 3)
            rows.append({"run": result.run, "host": result.host or "?", "start_s": first, "spans_s": spans})
    return rows


def phases(runs: Sequence[RunResult]) -> dict[str, Any]:
    """Seconds by phase of each run, phases in the order in which they first appear."""
    totals: dict[str, dict[str, float]] = {}
    for result in runs:
        spent: dict[str, float] = {}
        for span in result.phases:
            spent[span.phase] = spent.get(span.phase, 0.0) + max(0.0, span.end_s - span.start_s)
        if spent:
            totals[result.run] = spent
    names = list(dict.fromkeys(name for spent in totals.values() for name in spent))
    rows = [{"run": run, "seconds": [round(spent.get(n, 0.0), 3) for n in names]} for run, spent in totals.items()]
    return {"names": names, "rows": rows}


def _marks(result: RunResult, zero_ms: int) -> tuple[int, ...] | None:
    """Begin and end of the parts of a run's life; an unknown part has no length."""
    if result.started_ms is None:
        return None
    started = result.started_ms
    claimed = result.claimed_ms if result.claimed_ms is not None else started
    first_claim = min([a.start_ms for a in result.attempts] + [claimed])
    queued = min(result.queued_ms if result.queued_ms is not None else zero_ms, first_claim)
    ended = result.ended_ms if result.ended_ms is not None else started
    finished = max(result.finished_ms if result.finished_ms is not None else ended, ended)
    return queued, first_claim, claimed, started, ended, finished


def _objective_distance(result: RunResult) -> Iterator[tuple[float, float]]:
    end = next((p.objective for p in reversed(result.curve) if p.objective is not None), result.objective)
    if end is None or not math.isfinite(end):
        return
    for point in result.curve:
        distance = _distance(point, end)
        if _is_drawable(distance):
            yield point.t_s, distance


def _distance(point: CurvePoint, end: float) -> float:
    if point.objective is None:
        return 0.0
    return abs(point.objective - end) / max(abs(end), 1.0)


def _is_drawable(value: float | None) -> bool:
    """A logarithmic axis has no place for zero."""
    return value is not None and math.isfinite(value) and value > 0


def _thinned(points: Sequence[tuple[float, float | None]], room: int) -> list[list[float]]:
    """At most `room` of `points`, first and last among them, with the digits that a screen shows."""
    if len(points) > room:
        step = (len(points) - 1) / (room - 1)
        points = [points[round(i * step)] for i in range(room)]
    return [[round(t, 3), float(f"{value:.4g}")] for t, value in points if value is not None]
