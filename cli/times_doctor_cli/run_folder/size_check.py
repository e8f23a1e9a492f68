"""Checks that the scanned model is as large as that of the listing in RUN_DIR."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from times_doctor_tasks.contract.messages import RunResult
from times_doctor_tasks.parsers.gams.listing import read_listing

#: GAMS prints it once per solve, before the solve summary.
_MARK = b"MODEL STATISTICS"
#: What is read from the last mark on: the block has some fifteen lines.
_WINDOW_BYTES = 16 << 10
_STEP_BYTES = 4 << 20


class Sizes(msgspec.Struct, frozen=True):
    """Of one generated model."""

    rows: int
    columns: int
    nonzeros: int

    def __str__(self) -> str:
        return f"{self.rows:,} rows, {self.columns:,} columns and {self.nonzeros:,} nonzeros"


def size_warning(runs: Sequence[RunResult], listing: Path | None) -> str:
    """A sentence if the first run with sizes differs from the last solve of `listing`; else empty."""
    scanned = next(((run.run, sizes) for run in runs if (sizes := _of_result(run)) is not None), None)
    listed = sizes_in(listing) if listing is not None and scanned is not None else None
    if scanned is None or listed is None or scanned[1] == listed or listing is None:
        return ""
    return (
        f"{scanned[0]} had {scanned[1]}, but the listing of your last run here, {listing.name}, has {listed}. "
        "Is it the same model? Check the data files, the GDX files and the TIMES source."
    )


def sizes_in(listing: Path) -> Sizes | None:
    """Sizes of the last model in a listing; None if it has none or cannot be read.

    Reads from its end: a listing may have gigabytes, and only the last block counts.
    """
    try:
        window = _window(listing)
    except OSError:
        return None
    solves = read_listing(window.decode("latin-1").splitlines()).solves if window else ()
    for solve in reversed(solves):
        if solve.rows is not None and solve.columns is not None and solve.nonzeros is not None:
            return Sizes(solve.rows, solve.columns, solve.nonzeros)
    return None


def _window(listing: Path) -> bytes:
    with listing.open("rb") as file:
        end = file.seek(0, 2)
        while end > 0:
            start = max(0, end - _STEP_BYTES)
            file.seek(start)
            # Beyond the step by one mark less a letter: it may lie across.
            place = file.read(end - start + len(_MARK) - 1).rfind(_MARK)
            if place >= 0:
                file.seek(start + place)
                return file.read(_WINDOW_BYTES)
            end = start
    return b""


def _of_result(run: RunResult) -> Sizes | None:
    if run.rows is None or run.columns is None or run.nonzeros is None:
        return None
    return Sizes(run.rows, run.columns, run.nonzeros)
