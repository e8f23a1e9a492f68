"""Whether all numbers of a model are numbers: HiGHS solves a model with a nan or an infinite cost as another one."""

from __future__ import annotations

from typing import Any

import numpy as np

#: Columns looked at together, so that a large model is not copied whole.
_CHUNK = 100_000


def not_a_number(highs: Any) -> str:
    """The first cost or coefficient of the model in `highs` that is no finite number, in words; empty: there is none.

    Of bounds and right-hand sides HiGHS itself refuses what is no number.
    """
    columns = highs.getNumCol()
    costs = np.asarray(highs.getLp().col_cost_, dtype=float)
    for place in np.flatnonzero(~np.isfinite(costs))[:1]:
        return f"the cost of {_column(highs, int(place))} is {costs[place]}, not a number"
    for first in range(0, columns, _CHUNK):
        count = min(_CHUNK, columns - first)
        _, starts, _, entries = highs.getColsEntries(count, np.arange(first, first + count, dtype=np.int32))
        for place in np.flatnonzero(~np.isfinite(entries))[:1]:
            column = first + int(np.searchsorted(starts, place, side="right")) - 1
            return f"a coefficient of {_column(highs, column)} is {entries[place]}, not a number"
    return ""


def _column(highs: Any, place: int) -> str:
    _, name = highs.getColName(place)
    return name or f"column {place + 1}"
