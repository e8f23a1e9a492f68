"""Checks that all numbers of a model are finite: with a nan or infinite cost HiGHS solves a different model."""

from __future__ import annotations

from typing import Any

import numpy as np

#: Columns checked at a time, so that a large model is not copied whole.
_CHUNK = 100_000


def not_a_number(highs: Any) -> str:
    """The first cost or coefficient of the model in `highs` that is not finite, as a sentence; empty if all are.

    HiGHS itself rejects such bounds and right-hand sides.
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
