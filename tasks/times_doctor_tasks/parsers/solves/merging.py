"""Merges the solves of a run from its three records: trace (exact), listing (complete), log (progress)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from times_doctor_tasks.parsers.gams.status_texts import MODEL_STATUS, SOLVER_STATUS
from times_doctor_tasks.parsers.gams.trace import TraceRow
from times_doctor_tasks.parsers.solves.digest import MAX_SOLVES_KEPT
from times_doctor_tasks.parsers.solves.solve import Solve

#: A trace row is of this run if GAMS wrote it not earlier than this before the job's start: its date has 3 decimals.
_CLOCK_SLACK_DAYS = 0.002

_DISCRETE = frozenset({"MIP", "MIQCP", "MINLP"})


def rows_of_run(rows: Sequence[TraceRow], *, started: float | None, solves: int | None) -> list[TraceRow]:
    """The rows of this run: GAMS appends to an existing trace file.

    Args:
        started: Start of the job, in days as in trace files; None if unknown.
        solves: Number of solves in a complete listing; None without one.
    """
    ours = list(rows)
    if started is not None:
        ours = [row for row in rows if row.julian_date is None or row.julian_date >= started - _CLOCK_SLACK_DAYS]
    elif solves is not None and len(rows) > solves:
        ours = ours[len(ours) - solves :]
    if len(ours) > 2 * MAX_SOLVES_KEPT:
        # As the log's and the listing's solves are kept, so that each finds its own.
        ours = [*ours[:MAX_SOLVES_KEPT], *ours[-MAX_SOLVES_KEPT:]]
    return ours


def belong_together(log: Sequence[Solve], listing: Sequence[Solve]) -> bool:
    """Whether the last solve of a log and of a listing can be the same one; True if one of them has none."""
    if not log or not listing or not log[-1].ended:
        return True
    logged, listed = log[-1], listing[-1]
    for name in ("model", "rows", "columns", "lp_status"):
        one, other = getattr(logged, name), getattr(listed, name)
        if one is not None and other is not None and one != other:
            return False
    if logged.objective is None or listed.objective is None or logged.lp_status != 1:
        return True
    return abs(logged.objective - listed.objective) <= 1e-3 + 1e-6 * abs(listed.objective)


def with_too_many(log: Sequence[Solve], listing: Sequence[Solve], rows: Sequence[TraceRow]) -> str:
    """The record with solves that the others lack: `log`, `listing`, `trace`, or empty.

    Another program wrote lines that look like solves into it. Two of the three must agree: a log alone may miss solves
    (those of a grid, those of a quiet solver). If there are too many solves to keep all, the answer is unknown.
    """
    logged, listed = (sum(not solve.aborted for solve in part) for part in (log, listing))
    most = 2 * MAX_SOLVES_KEPT
    if not log or not listing or not rows:
        return ""
    if len(listing) > len(log):
        return "listing" if len(log) < most and logged == len(rows) else ""
    if len(log) > len(listing):
        return "log" if listed == len(rows) < most else ""
    return "trace" if len(log) < most and listed == logged < len(rows) else ""


def merge_solves(
    log: Sequence[Solve], listing: Sequence[Solve], rows: Sequence[TraceRow], *, listing_complete: bool
) -> tuple[Solve, ...]:
    """One record per solve of the run, oldest first."""
    frame: list[Solve] = list(log if len(log) >= len(listing) else listing)
    traced = [_from_row(row) for row in rows]
    solved = [place for place, solve in enumerate(frame) if not solve.aborted]
    places = [*solved, *range(len(frame), len(frame) + len(traced))][: len(traced)]
    by_place = dict(zip(places, traced, strict=True))
    size = max([len(frame), *(place + 1 for place in places)])
    reference = [by_place.get(place) or (log[place] if place < len(log) else None) for place in range(size)]
    listed = dict(zip(_places(listing, reference, complete=listing_complete), listing, strict=True))
    merged = []
    for place in range(size):
        logged = log[place] if place < len(log) else None
        merged.append(_merge(place + 1, logged, listed.get(place), by_place.get(place)))
    return tuple(merged)


def _places(part: Sequence[Solve], whole: Sequence[Solve | None], *, complete: bool) -> list[int]:
    """The positions of the listing's solves: if its middle was cut out, they fit at both ends."""
    if len(part) >= len(whole) or not complete:
        return list(range(len(part)))
    head = 0
    while head < len(part) and _agrees(part[head], whole[head]):
        head += 1
    tail = len(part) - head
    return [*range(head), *range(len(whole) - tail, len(whole))]


def _agrees(listed: Solve, other: Solve | None) -> bool:
    if other is None or listed.aborted != other.aborted:
        return False
    if other.model_status is not None and other.model_status != listed.model_status:
        return False
    if other.objective is None or listed.objective is None:
        return True
    return abs(other.objective - listed.objective) <= 1e-3 + 1e-9 * abs(listed.objective)


def _from_row(row: TraceRow) -> Solve:
    discrete = row.model_type.upper() in _DISCRETE
    return replace(
        msgspec.convert(row, Solve, from_attributes=True),
        model_type=row.model_type or None,
        solver=row.solver or None,
        model_status_text=MODEL_STATUS.get(row.model_status or 0),
        solver_status_text=SOLVER_STATUS.get(row.solver_status or 0),
        # Some links write the objective, or 0, as the bound of an LP.
        bound=row.bound if discrete else None,
        nodes=row.nodes if discrete and row.nodes is not None and row.nodes >= 0 else None,
        ended=row.model_status is not None and row.solver_status is not None,
    )


def _merge(number: int, log: Solve | None, listing: Solve | None, trace: Solve | None) -> Solve:
    """`log`, overridden by `listing`, then by `trace`."""
    merged = log or Solve(number)
    for better in (listing, trace):
        if better is not None:
            merged = _overlaid(merged, better)
    exact = trace or listing
    if exact is not None:
        # GAMS's NA is an answer too: there is no solution, even if the log shows one.
        objective = trace.objective if trace is not None else _finer(log, listing)
        merged = replace(merged, objective=objective, iterations=exact.iterations, solver_time_s=exact.solver_time_s)
    if merged.model_type in _DISCRETE:
        merged = replace(merged, gap_rel=_gap(merged), basis=None)
    else:
        merged = replace(merged, bound=None, nodes=None, gap_rel=None)
    return replace(merged, number=number)


_TUPLES = ("explanations", "conflict", "phase_seconds", "quality")
_NEVER_OVERLAID = frozenset({"number", "numerics", "verdict", "basis", "method", *_TUPLES})


def _overlaid(under: Solve, over: Solve) -> Solve:
    changes: dict[str, Any] = {}
    for name in Solve.__struct_fields__:
        value = getattr(over, name)
        if name not in _NEVER_OVERLAID and value is not None and value is not False:
            changes[name] = value
    for name in _TUPLES:
        if not getattr(under, name):
            changes[name] = getattr(over, name)
    if under.numerics == Solve(0).numerics:
        changes["numerics"] = over.numerics
    if under.method is None and over.method is not None:
        changes["method"] = over.method
    if under.basis is None:
        changes["basis"] = over.basis
    return replace(under, **changes)


def _finer(log: Solve | None, listing: Solve | None) -> float | None:
    """The log's objective if it equals the listing's, which has only 4 decimals."""
    listed = listing.objective if listing is not None else None
    logged = log.objective if log is not None else None
    if listed is not None and logged is not None and abs(listed - logged) <= 5.1e-5:
        return logged
    return listed


def _gap(solve: Solve) -> float | None:
    if solve.objective is None or solve.bound is None:
        return solve.gap_rel
    return abs(solve.objective - solve.bound) / max(abs(solve.objective), abs(solve.bound), 1e-10)
