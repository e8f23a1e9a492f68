"""The program that says which rows and bounds contradict each other: `python -m ... MODEL RESULT SECONDS`.

A process of its own, like the solve. It drops costs, integrality and semi-continuous bounds. The linear rows and bounds
that remain either have a solution, or some part of them has none (an IIS).
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import highspy

from times_doctor_worker.engines.native.adapter import Unreadable

#: HiGHS's default strategy answers with an empty set. "From the LP" alone leaves bounds out, "irreducible" alone took
#: 71 s and more (its limit) for 42,650 rows of which both together named three in 9.5 s; a dual ray added nothing.
STRATEGY = int(highspy.IisStrategy.kIisStrategyFromLp) | int(highspy.IisStrategy.kIisStrategyIrreducible)
#: HiGHS's word for a set that cannot be made smaller.
IRREDUCIBLE = 3
#: Most rows, and most bounds, that are returned by name.
MOST_NAMED = 250
#: Share of the time after which HiGHS must return what it has; the rest is for the check and the names.
SHARE = 0.8
_INF = float("inf")
#: Nearly every column has such bounds: they are counted, not named.
_NOT_NEGATIVE = (0.0, _INF)

Side = tuple[float, float]


def seek(model: Path, result: Path, limit_s: float) -> int:
    """Writes to `result` what was found in `limit_s` seconds."""
    start_s = time.monotonic()
    highs = _quiet(SHARE * limit_s)
    if highs.readModel(str(model)) == highspy.HighsStatus.kError:
        return Unreadable.code
    lp = highs.getLp()
    found: dict[str, object] = {"discrete": relax(lp), "limit_s": limit_s}
    highs.passModel(lp)
    highs.run()
    status = highs.getModelStatus()
    if status == highspy.HighsModelStatus.kInfeasible:
        highs.setOptionValue("iis_time_limit", max(0.0, SHARE * limit_s - (time.monotonic() - start_s)))
        found |= conflict(highs, lp)
    else:
        found["outcome"] = "feasible" if status == highspy.HighsModelStatus.kOptimal else "unproved"
    found["seconds"] = round(time.monotonic() - start_s, 3)
    written = result.with_suffix(".part")
    written.write_text(json.dumps(found), "utf-8")
    written.replace(result)
    return 0


def relax(lp: highspy.HighsLp) -> bool:
    """Removes costs and integrality; true if there was any integrality.

    A semi-continuous column is 0 or between its bounds: its linear relaxation also has all values between the two.
    """
    kinds = list(lp.integrality_)
    continuous = highspy.HighsVarType.kContinuous
    integer = highspy.HighsVarType.kInteger
    lower, upper = list(lp.col_lower_), list(lp.col_upper_)
    for place, kind in enumerate(kinds):
        if kind not in (continuous, integer):
            lower[place], upper[place] = min(0.0, lower[place]), max(0.0, upper[place])
    lp.col_lower_, lp.col_upper_ = lower, upper
    lp.col_cost_ = [0.0] * lp.num_col_
    lp.integrality_ = []
    return any(kind != continuous for kind in kinds)


def conflict(highs: highspy.Highs, lp: highspy.HighsLp) -> dict[str, object]:
    """The rows and bounds of HiGHS's IIS, or a note that there are none."""
    highs.setOptionValue("iis_strategy", STRATEGY)
    _, iis = highs.getIis()
    rows = _sides(iis.row_index_, iis.row_bound_, lp.row_lower_, lp.row_upper_)
    bounds = _sides(iis.col_index_, iis.col_bound_, lp.col_lower_, lp.col_upper_)
    if not iis.valid_ or not (rows or bounds) or not _contradict(lp, rows, bounds):
        return {"outcome": "unproved"}
    telling = {place: side for place, side in bounds.items() if side != _NOT_NEGATIVE}
    return {
        "outcome": "conflict",
        "minimal": iis.status_ == IRREDUCIBLE,
        "row_count": len(rows),
        "bound_count": len(telling),
        "not_negative_count": len(bounds) - len(telling),
        "rows": _named(rows, list(lp.row_names_), "row"),
        "bounds": _named(telling, list(lp.col_names_), "column"),
    }


def _sides(
    places: Sequence[int], held: Sequence[int], lower: Sequence[float], upper: Sequence[float]
) -> dict[int, Side]:
    """The sides of each row or column that are in the conflict; a column without any is only part of a row."""
    status = highspy.IisBoundStatus
    below = {int(status.kIisBoundStatusLower), int(status.kIisBoundStatusBoxed)}
    above = {int(status.kIisBoundStatusUpper), int(status.kIisBoundStatusBoxed)}
    lower, upper = list(lower), list(upper)
    found = {
        place: (lower[place] if which in below else -_INF, upper[place] if which in above else _INF)
        for place, which in zip(places, map(int, held), strict=True)
    }
    return {place: side for place, side in found.items() if side != (-_INF, _INF)}


def _contradict(lp: highspy.HighsLp, rows: dict[int, Side], bounds: dict[int, Side]) -> bool:
    """Whether these alone have no solution: a wrong set would mislead people."""
    free = (-_INF, _INF)
    lp.row_lower_, lp.row_upper_ = _split([rows.get(place, free) for place in range(lp.num_row_)])
    lp.col_lower_, lp.col_upper_ = _split([bounds.get(place, free) for place in range(lp.num_col_)])
    highs = _quiet(_INF)
    highs.passModel(lp)
    highs.run()
    return bool(highs.getModelStatus() == highspy.HighsModelStatus.kInfeasible)


def _split(sides: Sequence[Side]) -> tuple[list[float], list[float]]:
    return [low for low, _ in sides], [high for _, high in sides]


def _named(sides: dict[int, Side], names: Sequence[str], kind: str) -> list[dict[str, object]]:
    """The first of them with name and limits; JSON has no infinity."""

    def finite(value: float) -> float | None:
        return value if math.isfinite(value) else None

    return [
        {
            "name": (names[place] if place < len(names) else "") or f"{kind} {place + 1}",
            "lower": finite(low),
            "upper": finite(high),
        }
        for place, (low, high) in list(sides.items())[:MOST_NAMED]
    ]


def _quiet(limit_s: float) -> Any:
    highs = highspy.Highs()  # type: ignore[no-untyped-call]  # highspy is typed in part
    for name, value in (("output_flag", False), ("threads", 1), ("time_limit", limit_s)):
        highs.setOptionValue(name, value)
    return highs


if __name__ == "__main__":
    sys.exit(seek(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])))
