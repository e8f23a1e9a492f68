"""Checks that the runs of a scan agree: the same model must have the same answer under every profile."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from enum import StrEnum

import msgspec

from times_doctor_tasks.contract.messages import Comparison, RunResult, ScanSpec, SolveRecord
from times_doctor_tasks.contract.states import CONCLUSIVE, Verdict
from times_doctor_tasks.contract.wording import counted

#: `RunResult.basis` of a solution without crossover.
INTERIOR = "interior"
#: Model types whose objectives may differ by the solver's gap limit.
_MIP_TYPES = frozenset({"MIP", "MIQCP", "MINLP"})
_VERDICT_WORDS = {Verdict.OPTIMAL: "optimal", Verdict.INFEASIBLE: "infeasible", Verdict.UNBOUNDED: "unbounded"}


class Contrast(StrEnum):
    """How two runs differ."""

    STATUS = "status"
    """One proved what the other refuted."""
    MODEL = "model"
    """They did not solve the same model: other numbers of rows, columns or nonzeros."""
    SOLVES = "solves"
    """They did not make the same number of solves."""
    OBJECTIVE = "objective"
    """Both are optimal, at objectives further apart than the tolerance."""


class Disagreement(msgspec.Struct, frozen=True):
    """One run that differs from the run it was compared with."""

    contrast: Contrast
    run: str
    sentence: str


def compare(results: Sequence[RunResult], spec: ScanSpec) -> Comparison:
    """Whether `results` agree in status, model, number of solves and objective.

    Only applied runs with a conclusive verdict are compared, each with one reference: the first optimal vertex
    solution, else the first optimal run, else the first conclusive one. An optimal run without an objective value is a
    finding but not a disagreement.
    """
    reference = reference_run(results)
    found = disagreements(results, spec)
    optimal = [r for r in results if is_comparable(r) and r.verdict is Verdict.OPTIMAL]
    objective = _known(reference.objective) if reference and reference.verdict is Verdict.OPTIMAL else None
    differences = [
        difference_rel(objective, o) for r in optimal if objective is not None for o in [_known(r.objective)]
    ]
    known = [d for d in differences if d is not None]
    return Comparison(
        agree=not found,
        reference_objective=objective,
        largest_difference_rel=max(known) if len(known) > 1 else None,
        findings=(*(d.sentence for d in found), *_without_objective(optimal, reference)),
    )


def disagreements(results: Sequence[RunResult], spec: ScanSpec) -> tuple[Disagreement, ...]:
    """Every run of `results` that differs from its reference, the gravest kind first."""
    reference = reference_run(results)
    conclusive = [r for r in results if is_comparable(r)]
    found = list(_other_models(results))
    for result in conclusive:
        if reference is None or result is reference:
            continue
        differs = _status(result, reference) or _solves(result, reference)
        if differs is None and not _is_other_model(result, reference):
            differs = _objective(result, reference, spec)
        if differs is not None:
            found.append(differs)
    order = list(Contrast)
    return tuple(sorted(found, key=lambda d: order.index(d.contrast)))


def reference_run(results: Sequence[RunResult]) -> RunResult | None:
    """The run that the others are compared with; None if no run is conclusive."""
    conclusive = [r for r in results if is_comparable(r)]
    optimal = [r for r in conclusive if r.verdict is Verdict.OPTIMAL]
    with_value = [r for r in optimal if _known(r.objective) is not None]
    vertices = [r for r in with_value if r.basis != INTERIOR]
    return next(iter([*vertices, *with_value, *optimal, *conclusive]), None)


def is_comparable(result: RunResult) -> bool:
    """Whether a run proves something about the model that every profile should confirm."""
    return result.applied is not False and result.verdict in CONCLUSIVE


def difference_rel(a: float | None, b: float | None) -> float | None:
    """|a - b| / max(|a|, |b|, 1): the 1 keeps objectives around zero comparable. None where one is unknown.

    >>> difference_rel(200.0, 100.0), difference_rel(0.0, 1e-9), difference_rel(None, 1.0)
    (0.5, 1e-09, None)
    """
    if a is None or b is None:
        return None
    return abs(a - b) / max(abs(a), abs(b), 1.0)


def _known(value: float | None) -> float | None:
    """`value` unless it is missing or no number (GAMS's NA, an infinity)."""
    return value if value is not None and math.isfinite(value) else None


def _status(result: RunResult, reference: RunResult) -> Disagreement | None:
    if result.verdict is reference.verdict:
        return None
    verdicts = {result.verdict, reference.verdict}
    if verdicts == {Verdict.INFEASIBLE, Verdict.UNBOUNDED} and any(_undecided(r) for r in (result, reference)):
        return None
    sentence = (
        f"{reference.run} ended {_ending(reference)}, {result.run} ended {_ending(result)}: "
        "both cannot be true of one model."
    )
    return Disagreement(Contrast.STATUS, result.run, sentence)


def _undecided(result: RunResult) -> bool:
    """A presolve's "unbounded or infeasible" contradicts neither."""
    texts = f"{result.lp_status or ''} {result.model_status_text or ''}".lower()
    return "infeasible" in texts and "unbounded" in texts


def _ending(result: RunResult) -> str:
    words = _VERDICT_WORDS[result.verdict] if result.verdict in _VERDICT_WORDS else str(result.verdict)
    value = _known(result.objective)
    if result.verdict is Verdict.OPTIMAL and value is not None:
        return f"{words} at {figure(value)}"
    return words


def _other_models(results: Sequence[RunResult]) -> Iterator[Disagreement]:
    """Runs of one engine whose last solve, the same in number, was of another size."""
    firsts: dict[tuple[str, int], RunResult] = {}
    for result in results:
        if result.applied is False or result.rows is None:
            continue
        first = firsts.setdefault((result.engine, result.solve_count), result)
        if _is_other_model(first, result):
            sentence = (
                f"{first.run} solved a model of {_size(first)}, {result.run} one of {_size(result)}: "
                "that is not the same model, so their answers cannot be compared."
            )
            yield Disagreement(Contrast.MODEL, result.run, sentence)


def _is_other_model(a: RunResult, b: RunResult) -> bool:
    """Sizes count only within one engine (GAMS counts the objective row) and after equally many solves."""
    if a.engine != b.engine or a.solve_count != b.solve_count:
        return False
    sizes = zip((a.rows, a.columns, a.nonzeros), (b.rows, b.columns, b.nonzeros), strict=True)
    return any(mine is not None and other is not None and mine != other for mine, other in sizes)


def _size(result: RunResult) -> str:
    counts = (("rows", result.rows), ("columns", result.columns), ("nonzeros", result.nonzeros))
    return ", ".join(f"{value:,} {what}" for what, value in counts if value is not None)


def _solves(result: RunResult, reference: RunResult) -> Disagreement | None:
    if result.verdict is not Verdict.OPTIMAL or result.solve_count == reference.solve_count:
        return None
    if 0 in {result.solve_count, reference.solve_count}:  # not counted
        return None
    made = ", ".join(f"{run.run} made {counted(run.solve_count, 'solve')}" for run in (reference, result))
    return Disagreement(Contrast.SOLVES, result.run, f"{made}: they did not do the same work.")


def _objective(result: RunResult, reference: RunResult, spec: ScanSpec) -> Disagreement | None:
    if result.verdict is not Verdict.OPTIMAL:
        return None
    tolerance = _tolerance(result, reference, spec)
    earlier = _earlier_solve(result, reference, tolerance)
    if earlier is not None:
        return Disagreement(Contrast.OBJECTIVE, result.run, earlier)
    a, b = _known(reference.objective), _known(result.objective)
    apart = difference_rel(a, b)
    if a is None or b is None or apart is None or apart <= tolerance:
        return None
    sentence = f"{_at(reference, a)}, {_at(result, b)}: {_apart(apart, tolerance)}"
    return Disagreement(Contrast.OBJECTIVE, result.run, sentence)


def _tolerance(result: RunResult, reference: RunResult, spec: ScanSpec) -> float:
    """The larger tolerance of the two runs: vertex or interior, and for a MIP the remaining gap."""
    interior = INTERIOR in {result.basis, reference.basis}
    base = spec.interior_tol_rel if interior else spec.objective_tol_rel
    return max(base, _mip_gap(result), _mip_gap(reference))


def is_discrete(result: RunResult) -> bool:
    """Whether the model of its last solve had integers."""
    model_type = result.solves[-1].model_type if result.solves else None
    return (model_type or "").upper() in _MIP_TYPES


def _mip_gap(result: RunResult) -> float:
    if not is_discrete(result):
        return 0.0
    return difference_rel(_known(result.objective), _known(result.bound)) or 0.0


def _earlier_solve(result: RunResult, reference: RunResult, tolerance: float) -> str | None:
    """The first of several solves, before the last, in which both are optimal at different objectives."""
    if len(result.solves) != len(reference.solves):
        return None
    for index, (mine, other) in enumerate(zip(result.solves[:-1], reference.solves[:-1], strict=True)):
        a, b = _optimum(other), _optimum(mine)
        apart = difference_rel(a, b)
        if a is not None and b is not None and apart is not None and apart > tolerance:
            number = result.solve_count - len(result.solves) + index + 1
            return (
                f"In solve {number} of {result.solve_count} {_at(reference, a)}, {_at(result, b)}: "
                f"{_apart(apart, tolerance)}"
            )
    return None


def _optimum(solve: SolveRecord) -> float | None:
    return _known(solve.objective) if solve.verdict is Verdict.OPTIMAL else None


def _at(result: RunResult, objective: float) -> str:
    kind = " (interior)" if result.basis == INTERIOR else ""
    return f"{result.run}{kind} is optimal at {figure(objective)}"


def _apart(apart: float, tolerance: float) -> str:
    return f"they are {apart:.1e} apart (relative), more than the {tolerance:.1e} that is allowed between the two."


def _without_objective(optimal: Sequence[RunResult], reference: RunResult | None) -> Iterator[str]:
    for result in optimal:
        if _known(result.objective) is None:
            other = f" It could not be compared with {reference.run}." if reference and reference is not result else ""
            yield f"{result.run} is reported optimal, without an objective value.{other}"


def figure(value: float) -> str:
    """An objective as text: 12 significant digits, enough to see a difference of 1e-9.

    >>> figure(6407967.45621011), figure(-0.5)
    ('6407967.45621', '-0.5')
    """
    return f"{value:.12g}"
