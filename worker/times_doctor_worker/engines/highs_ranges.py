"""The program that measures how a model file is scaled: `python -m ... MODEL RESULT`. It does not solve."""

from __future__ import annotations

import json
import sys
from bisect import bisect_right
from collections.abc import Callable, Sequence
from heapq import nlargest, nsmallest
from pathlib import Path

from times_doctor_worker.engines.native.adapter import Unreadable
from times_doctor_worker.engines.native.highs import load, made

TYPE_CHECKING = False  # as in `adapter`: each scan of a model file waits for this program
if TYPE_CHECKING:
    from typing import Any

#: Entries of each part that are named: half of them the smallest, half the largest.
MOST_NAMED = 10
#: HiGHS treats this and more as infinite.
INFINITE = 1e20
#: HiGHS drops matrix entries up to this size. Here it keeps as many as it can.
DROPPED, KEPT = 1e-9, 1e-12


def measure(model: Path, result: Path) -> int:
    """Writes the ranges of matrix, costs, bounds and right-hand sides to `result`."""
    api = load(whole=False)
    highs = made(api)
    highs.setOptionValue("output_flag", False)
    highs.setOptionValue("small_matrix_value", KEPT)
    if highs.readModel(str(model)) == api.HighsStatus.kError:
        return Unreadable.code
    lp = highs.getLp()
    entries = lp.a_matrix_.value_
    costs = [highs.getCol(place)[1] for place in range(lp.num_col_)]  # `col_cost_` would load numpy
    found = {
        "rows": lp.num_row_,
        "columns": lp.num_col_,
        "nonzeros": len(entries),
        "discrete": any(kind != api.HighsVarType.kContinuous for kind in lp.integrality_),
        "quadratic": highs.getHessianNumNz() > 0,
        "dropped": len([size for size in map(abs, entries) if 0 < size <= DROPPED]),
        "parts": parts_of(lp, entries, costs, is_by_column=lp.a_matrix_.format_ == api.MatrixFormat.kColwise),
    }
    written = result.with_suffix(".part")
    written.write_text(json.dumps(found), "utf-8")
    written.replace(result)
    return 0


def parts_of(lp: Any, entries: Sequence[float], costs: Sequence[float], *, is_by_column: bool) -> dict[str, object]:
    """The range of each part, with the entries at its two ends."""
    rows, columns, starts, indices = lp.row_names_, lp.col_names_, lp.a_matrix_.start_, lp.a_matrix_.index_

    def row(place: int) -> str:
        return _name(rows, place, "row")

    def column(place: int) -> str:
        return _name(columns, place, "column")

    def entry(place: int) -> str:
        outer, inner = bisect_right(starts, place) - 1, indices[place]
        i, j = (inner, outer) if is_by_column else (outer, inner)
        return f"{column(j)} in {row(i)}"

    def either_side(name: Callable[[int], str]) -> Callable[[int], str]:
        return lambda place: name(place // 2)

    return {
        "matrix": _part(entries, entry),
        "costs": _part(costs, column),
        "bounds": _part(_sides(lp.col_lower_, lp.col_upper_), either_side(column)),
        "right-hand sides": _part(_sides(lp.row_lower_, lp.row_upper_), either_side(row)),
    }


def _sides(lower: Sequence[float], upper: Sequence[float]) -> list[float]:
    """Lower and upper limits in turn; an upper one that equals the lower counts once."""
    return [side for low, high in zip(lower, upper, strict=True) for side in (low, 0.0 if low == high else high)]


def _part(values: Sequence[float], name: Callable[[int], str]) -> dict[str, object]:
    sizes = list(map(abs, values))
    found = [size for size in sizes if 0 < size < INFINITE]
    if not found:
        return {"count": 0}
    most = min(len(found), MOST_NAMED)
    smallest = _places(sizes, nsmallest(most // 2, found))
    largest = _places(sizes[::-1], nlargest(most - most // 2, found))  # the last of equal ones
    worst = [*smallest, *(len(sizes) - 1 - place for place in reversed(largest))]
    return {
        "count": len(found),
        "min": sizes[worst[0]],
        "max": sizes[worst[-1]],
        "worst": [{"name": name(place), "value": values[place]} for place in worst],
    }


def _places(sizes: list[float], wanted: list[float]) -> list[int]:
    """Positions of the `wanted` sizes, in order; each of several equal ones once."""
    places: list[int] = []
    for number, size in enumerate(wanted):
        again = number > 0 and wanted[number - 1] == size
        places.append(sizes.index(size, places[-1] + 1 if again else 0))
    return places


def _name(names: Sequence[str], place: int, kind: str) -> str:
    return (names[place] if place < len(names) else "") or f"{kind} {place + 1}"


if __name__ == "__main__":
    sys.exit(measure(Path(sys.argv[1]), Path(sys.argv[2])))
