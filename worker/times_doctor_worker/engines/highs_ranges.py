"""The program that says how a model file is scaled: `python -m ... MODEL RESULT`. It reads, and solves nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import highspy
import numpy as np
from numpy.typing import NDArray

from times_doctor_worker.engines.native.adapter import Unreadable

#: Entries of each part that are named: half of them its smallest, half its largest.
MOST_NAMED = 10
#: HiGHS takes this and more for infinite.
INFINITE = 1e20
#: HiGHS drops entries of the matrix that are not larger. Here it keeps them as far as it can.
DROPPED, KEPT = 1e-9, 1e-12

Floats = NDArray[np.float64]


def measure(model: Path, result: Path) -> int:
    """Writes the ranges of matrix, costs, bounds and right-hand sides to `result`."""
    highs: Any = highspy.Highs()  # type: ignore[no-untyped-call]  # highspy is typed in part
    highs.setOptionValue("output_flag", False)
    highs.setOptionValue("small_matrix_value", KEPT)
    if highs.readModel(str(model)) == highspy.HighsStatus.kError:
        return Unreadable.code
    lp = highs.getLp()
    entries = np.asarray(lp.a_matrix_.value_, dtype=float)
    found = {
        "rows": lp.num_row_,
        "columns": lp.num_col_,
        "nonzeros": len(entries),
        "discrete": any(kind != highspy.HighsVarType.kContinuous for kind in lp.integrality_),
        "quadratic": highs.getHessianNumNz() > 0,
        "dropped": int(np.count_nonzero((np.abs(entries) <= DROPPED) & (entries != 0))),
        "parts": parts_of(lp, entries),
    }
    written = result.with_suffix(".part")
    written.write_text(json.dumps(found), "utf-8")
    written.replace(result)
    return 0


def parts_of(lp: highspy.HighsLp, entries: Floats) -> dict[str, object]:
    """The range of each part, with the entries at its two ends."""
    rows, columns = list(lp.row_names_), list(lp.col_names_)
    starts, indices = np.asarray(lp.a_matrix_.start_), np.asarray(lp.a_matrix_.index_)
    is_by_column = lp.a_matrix_.format_ == highspy.MatrixFormat.kColwise

    def row(place: int) -> str:
        return _name(rows, place, "row")

    def column(place: int) -> str:
        return _name(columns, place, "column")

    def entry(place: int) -> str:
        outer, inner = int(np.searchsorted(starts, place, "right")) - 1, int(indices[place])
        i, j = (inner, outer) if is_by_column else (outer, inner)
        return f"{column(j)} in {row(i)}"

    def either_side(name: Callable[[int], str]) -> Callable[[int], str]:
        return lambda place: name(place // 2)

    return {
        "matrix": _part(entries, entry),
        "costs": _part(np.asarray(lp.col_cost_, dtype=float), column),
        "bounds": _part(_sides(lp.col_lower_, lp.col_upper_), either_side(column)),
        "right-hand sides": _part(_sides(lp.row_lower_, lp.row_upper_), either_side(row)),
    }


def _sides(lower: Sequence[float], upper: Sequence[float]) -> Floats:
    """Lower and upper limits in turn; an upper one that equals the lower counts once."""
    low, high = np.asarray(lower, dtype=float), np.asarray(upper, dtype=float)
    return np.column_stack((low, np.where(low == high, 0.0, high))).ravel()


def _part(values: Floats, name: Callable[[int], str]) -> dict[str, object]:
    size = np.abs(values)
    places = np.flatnonzero((size > 0) & (size < INFINITE))
    if not len(places):
        return {"count": 0}
    ordered = places[np.argsort(size[places], kind="stable")]
    half = MOST_NAMED // 2
    worst = ordered if len(ordered) <= MOST_NAMED else np.concatenate((ordered[:half], ordered[-half:]))
    return {
        "count": len(places),
        "min": float(size[places].min()),
        "max": float(size[places].max()),
        "worst": [{"name": name(int(place)), "value": float(values[place])} for place in worst],
    }


def _name(names: Sequence[str], place: int, kind: str) -> str:
    return (names[place] if place < len(names) else "") or f"{kind} {place + 1}"


if __name__ == "__main__":
    sys.exit(measure(Path(sys.argv[1]), Path(sys.argv[2])))
