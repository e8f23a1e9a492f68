"""Builds the result document from what an attempt left."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice
from typing import Any

import msgspec

from times_doctor_tasks.contract.clock import now_ms
from times_doctor_tasks.contract.messages import Artefact, PhaseSpan, RunResult, RunSpec, SolveRecord
from times_doctor_tasks.contract.states import RunState, StopReason, Verdict
from times_doctor_tasks.parsers.progress.tracker import ProgressTracker
from times_doctor_tasks.parsers.solves.solve import Solve
from times_doctor_tasks.results.profile_check import Application
from times_doctor_tasks.results.quality import quality_of
from times_doctor_tasks.results.run_reader import RunReading

#: Solves kept in a result; a loop model has hundreds.
MAX_SOLVES = 20
#: Messages kept in a result.
MAX_MESSAGES = 50
#: Most characters of a sentence or message, and most entries of a list: a model may write lines of any length.
MAX_CHARS, MAX_LINES = 2_000, 500
_BROKEN = frozenset(
    {Verdict.LICENCE, Verdict.COMPILE_ERROR, Verdict.EXECUTION_ERROR, Verdict.SOLVER_FAILURE, Verdict.NO_SOLVE}
)
#: Model statuses for which GAMS prints an objective without a solution: intermediate infeasible and non-integer, error,
#: nothing returned. A 0 there would look like a result.
_NO_SOLUTION = frozenset({6, 9, 12, 13, 14})
#: Figures of a solve that have the same name in a result.
_SAME_NAMES = (
    "model_status", "model_status_text", "solver_status", "solver_status_text", "bound", "iterations", "nodes", "rows",
    "columns", "nonzeros", "presolved_rows", "presolved_columns", "presolved_nonzeros", "basis", "solver_time_s",
)  # fmt: skip
_EXCESSES = frozenset({StopReason.OUT_OF_MEMORY, StopReason.LOG_TOO_LARGE})
_CANCELS = frozenset({StopReason.USER, StopReason.BEATEN, StopReason.CAPPED})


class Facts(msgspec.Struct, frozen=True):
    """What the worker saw of an attempt, apart from its files; a later stage that knows more makes a new one."""

    attempt: int
    host: str
    claimed_ms: int
    started_ms: int | None = None
    ended_ms: int | None = None
    runtime_s: float | None = None
    cpu_s: float | None = None
    run_delay_s: float | None = None
    load_1m: float | None = None
    peak_memory_mb: float | None = None
    returncode: int | None = None
    stop_reason: StopReason | None = None
    directory: str | None = None
    engine_version: str | None = None
    licence: str | None = None
    artefacts: tuple[Artefact, ...] = ()


def final_state(verdict: Verdict, stop_reason: StopReason | None) -> RunState:
    """The final state of a run with `verdict`.

    >>> final_state(Verdict.LIMIT, StopReason.TIMEOUT), final_state(Verdict.INTERRUPTED, StopReason.USER)
    (<RunState.DONE: 'done'>, <RunState.CANCELLED: 'cancelled'>)
    """
    if stop_reason in _CANCELS:
        return RunState.CANCELLED
    if verdict in _BROKEN or stop_reason in _EXCESSES:
        return RunState.FAILED
    return RunState.FAILED if verdict is Verdict.INTERRUPTED else RunState.DONE


def unsolved(
    run: RunSpec, facts: Facts, *, state: RunState, sentence: str, next_step: str = "", verdict: Verdict | None = None
) -> RunResult:
    """The result of an attempt that has no files to read."""
    rounded = {name: _rounded(getattr(facts, name)) for name in ("cpu_s", "run_delay_s", "load_1m")}
    return msgspec.structs.replace(
        RunResult.of(run, state),
        verdict=verdict,
        sentence=_short(sentence),
        next_step=_short(next_step),
        threads=run.threads,
        finished_ms=now_ms(),
        **msgspec.structs.asdict(facts) | rounded,
    )


def with_canceller(result: RunResult, by: str) -> RunResult:
    """Adds who cancelled it (user@host) to its field and its sentence; unchanged if that is unknown."""
    if not by:
        return result
    sentence = re.sub(r"^Cancelled(?: by a user)?", lambda _: f"Cancelled by {by}", result.sentence)
    return msgspec.structs.replace(result, stopped_by=by, sentence=sentence)


def _short(text: str) -> str:
    return text if len(text) <= MAX_CHARS else f"{text[:MAX_CHARS]} ..."


def _shortened(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(_short(text) for text in islice(texts, MAX_LINES))


def _rounded(figure: float | None) -> float | None:
    return None if figure is None else round(figure, 4)


def solved(
    run: RunSpec, facts: Facts, reading: RunReading, tracker: ProgressTracker, application: Application
) -> RunResult:
    """The result of an attempt whose files were read."""
    judgement = reading.judgement
    verdict, sentence, next_step = judgement.verdict, judgement.sentence, judgement.next_step
    if application.applied is False and verdict not in _BROKEN | {Verdict.INTERRUPTED}:
        verdict, sentence, next_step = Verdict.NOT_APPLIED, application.why, application.next_step
    last = reading.solves[-1] if reading.solves else Solve(number=0)
    state = final_state(verdict, facts.stop_reason)
    ended = unsolved(run, facts, state=state, verdict=verdict, sentence=sentence, next_step=next_step)
    return msgspec.structs.replace(
        ended,
        **_figures(last),
        quality=quality_of(reading),
        solves=tuple(
            msgspec.convert(solve, SolveRecord, from_attributes=True) for solve in reading.solves[-MAX_SOLVES:]
        ),
        solve_count=len(reading.solves),
        phases=tuple(
            PhaseSpan(
                phase=span.phase,
                start_s=span.start_s,
                end_s=facts.runtime_s or 0.0 if span.end_s is None else span.end_s,
            )
            for span in tracker.phases
        ),
        curve=tracker.curve,
        applied=application.applied,
        options_ignored=_shortened(f"{text}: {why}" for text, why in reading.options_ignored),
        options_clamped=_shortened(
            f"{name} = {value} (asked for {asked})" for name, value, asked in reading.options_clamped
        ),
        conflict=_shortened(reading.conflict),
        messages=_shortened(reading.messages[:MAX_MESSAGES]),
        solver_version=reading.solver_version,
    )


def _figures(last: Solve) -> dict[str, Any]:
    """The figures of the last solve, by the result's field names."""
    return {name: getattr(last, name) for name in _SAME_NAMES} | {
        "lp_status": last.lp_status_text,
        "objective": None if last.model_status in _NO_SOLUTION else last.objective,
        "matrix_min": last.matrix.minimum if last.matrix else None,
        "matrix_max": last.matrix.maximum if last.matrix else None,
        "numerics": _numerics(last),
    }


def _numerics(solve: Solve) -> dict[str, float]:
    n = solve.numerics
    figures = {
        "max_scaled_infeasibility": n.scaled_infeasibility,
        "max_unscaled_infeasibility": n.unscaled_infeasibility,
        "max_dual_infeasibility": n.dual_infeasibility,
        "condition": n.condition,
        "perturbations": n.perturbations or None,
        "markowitz_raises": n.markowitz_raises or None,
        "refactorings": n.refactorings or None,
        "barrier_restarts": n.barrier_restarts or None,
        "other_signs": len(n.signs) or None,
    }
    return {name: float(value) for name, value in figures.items() if value is not None}
