"""The conflict that the search found, for a run's reading: rows and bounds that contradict each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from times_doctor_tasks.contract.states import Verdict
from times_doctor_tasks.contract.wording import some_of
from times_doctor_tasks.parsers.solves.endings import Judgement
from times_doctor_tasks.results.run_reader import RunReading

#: Most rows, and bounds, that a sentence names.
_NAMED = 3
_EDGE = "Loosen `primal_feasibility_tolerance`, or look for limits that only just contradict each other."
_INTEGRALITY = "Look at rows that whole numbers cannot meet, and at the bounds of integer columns."


def with_conflict(reading: RunReading, found: Mapping[str, Any]) -> RunReading:
    """The reading of an infeasible run with the `found` conflict; any other reading unchanged."""
    if reading.verdict is not Verdict.INFEASIBLE or not reading.solves:
        return reading
    lines = conflict_lines(found)
    solves = (*reading.solves[:-1], replace(reading.solves[-1], conflict=lines))
    return replace(reading, solves=solves, conflict=lines, judgement=_told(reading.judgement, found))


def conflict_lines(found: Mapping[str, Any]) -> tuple[str, ...]:
    """One line for each row and bound of the conflict, rows first; none if no conflict was found.

    >>> conflict_lines({"rows": [{"name": "demand", "lower": 10.0}], "bounds": [{"name": "x", "upper": 4.0}]})
    ('row demand >= 10', 'bound x <= 4')
    """
    rows, bounds = _texts(found, "rows"), _texts(found, "bounds")
    more = [
        f"and {found.get(count, 0) - len(named)} more {count.removesuffix('_count')}s"
        for named, count in ((rows, "row_count"), (bounds, "bound_count"))
        if found.get(count, 0) > len(named)
    ]
    if count := found.get("not_negative_count"):
        more.append(f"and {count} column{'s' if count > 1 else ''} that cannot be negative")
    return (*(f"row {text}" for text in rows), *(f"bound {text}" for text in bounds), *more)


def limits_text(name: str, lower: float | None, upper: float | None) -> str:
    """A row or column with its limits.

    >>> limits_text("co2", None, 0.5), limits_text("x", 10, 5), limits_text("balance", 3, 3)
    ('co2 <= 0.5', '10 <= x <= 5', 'balance = 3')
    """
    if lower is not None and lower == upper:
        return f"{name} = {lower:.10g}"
    if lower is not None and upper is not None:
        return f"{lower:.10g} <= {name} <= {upper:.10g}"
    return f"{name} >= {lower:.10g}" if upper is None else f"{name} <= {upper:.10g}"


def _texts(found: Mapping[str, Any], which: str) -> list[str]:
    return [limits_text(part["name"], part.get("lower"), part.get("upper")) for part in found.get(which, ())]


def _told(judgement: Judgement, found: Mapping[str, Any]) -> Judgement:
    outcome = found.get("outcome")
    if outcome == "conflict":
        return _contradiction(found)
    if outcome == "feasible" and found.get("discrete"):
        words = "The model is infeasible with no conflict among the linear rows: it comes from integrality."
        return Judgement(Verdict.INFEASIBLE, words, _INTEGRALITY)
    if outcome == "feasible" and "unbounded" in judgement.sentence:
        words = "The model is unbounded: its rows and bounds have a solution, and nothing limits its objective."
        return Judgement(Verdict.UNBOUNDED, words, "Look for a cost that is missing or has the wrong sign.")
    if outcome == "feasible":
        words = f"{judgement.sentence} Without its costs HiGHS found a solution: it is a matter of tolerances."
        return Judgement(Verdict.INFEASIBLE, words, _EDGE)
    limit_s = found.get("limit_s")
    unproved = (
        "The search for a conflict broke off before it found one."
        if limit_s is None
        else f"No conflict was found in {limit_s:g} s; --iis-seconds gives the search more time."
    )
    return replace(judgement, next_step=f"Look at what changed since it was feasible. {unproved}")


def _contradiction(found: Mapping[str, Any]) -> Judgement:
    if found.get("minimal"):
        alone = found.get("row_count", 0) + found.get("bound_count", 0) == 1
        next_step = "Correct or drop it." if alone else "Drop or loosen any one of them: the list is complete."
    else:
        next_step = "They hold a conflict, but not all need to be part of it: --iis-seconds gives the search more time."
    return Judgement(Verdict.INFEASIBLE, f"The model is infeasible: {_parts(found)}.", next_step)


def _parts(found: Mapping[str, Any]) -> str:
    row_count, bound_count = found.get("row_count", 0), found.get("bound_count", 0)
    if (row_count, bound_count) == (0, 1):
        crossed = found["bounds"][0]
        name, lower, upper = crossed["name"], crossed["lower"], crossed["upper"]
        return f"the lower bound of {name}, {lower:.10g}, is above its upper bound, {upper:.10g}"
    rows, bounds = _some(_texts(found, "rows"), row_count), _some(_texts(found, "bounds"), bound_count)
    bounds = f"the bound{'s' if bound_count > 1 else ''} {bounds}" if bounds else ""
    words = " with ".join(part for part in (rows, bounds) if part)
    return f"{words} cannot hold{' together' if row_count + bound_count > 1 else ''}"


def _some(texts: Sequence[str], count: int) -> str:
    return some_of([*texts, *[""] * (count - len(texts))], _NAMED)
