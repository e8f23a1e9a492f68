"""Diagnoses a model file, the files of a run, or a scan's report: what is wrong, and how good the solution is."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import asdict

from times_doctor_cli.diagnosis import programs
from times_doctor_tasks.analysis.comparison import INTERIOR
from times_doctor_tasks.analysis.quality import quality_sentence
from times_doctor_tasks.contract.messages import Report, RunResult
from times_doctor_tasks.contract.states import SOLVED, Verdict
from times_doctor_tasks.contract.wording import counted
from times_doctor_tasks.parsers.solves.solve import Range
from times_doctor_tasks.results.conflicts import with_conflict
from times_doctor_tasks.results.quality import quality_of
from times_doctor_tasks.results.ranges import scaling_sentence
from times_doctor_tasks.results.run_reader import RunReading, read_native_run


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """The diagnosis of one model or run. Empty fields are unknown."""

    name: str
    size: str = ""
    verdict: str = ""
    sentence: str = ""
    next_step: str = ""
    conflict: tuple[str, ...] = ()
    quality: Mapping[str, float] = msgspec.field(default_factory=dict)
    quality_sentence: str = ""
    ranges: Mapping[str, Any] = msgspec.field(default_factory=dict)
    """`parts` by name: count, min, max, and for a model file the entries at both ends with their names."""
    scaling_sentence: str = ""

    def to_json(self) -> dict[str, Any]:
        """As plain types."""
        return asdict(self)


def of_model(model: Path, *, solve_s: float, iis_s: float) -> Diagnosis:
    """Reads a model file and solves it once with HiGHS's defaults; an infeasible one is searched for its conflict.

    Raises:
        EngineNotFound: HiGHS is not installed.
        UsageError: HiGHS cannot read the file.
    """
    with tempfile.TemporaryDirectory(prefix="td-diagnose-") as made:
        folder = Path(made)
        code, log, final = programs.solve(model, folder, limit_s=solve_s)
        reading = read_native_run(log, returncode=-9 if code is None else code, final=final)
        ranges = programs.ranges_of(model, folder, limit_s=solve_s)
        if reading.verdict is Verdict.INFEASIBLE and iis_s:
            reading = with_conflict(reading, programs.conflict_of(model, folder, limit_s=iis_s))
    return of_reading(reading, model.name, ranges=ranges)


def of_reading(reading: RunReading, name: str, *, ranges: Mapping[str, Any] | None = None) -> Diagnosis:
    """Diagnoses the files of a past run; without `ranges` of its model, takes those in its log."""
    judgement, solve = reading.judgement, reading.last_solve
    quality = quality_of(reading)
    if not ranges:
        ranges = _parts(
            {"matrix": solve.matrix, "bounds": solve.bounds, "right-hand sides": solve.rhs} if solve else {}
        )
    return Diagnosis(
        name=name,
        size=_size(ranges) or (_sizes(solve.rows, solve.columns, solve.nonzeros) if solve else ""),
        verdict=str(judgement.verdict),
        sentence=judgement.sentence,
        next_step="" if judgement.verdict in SOLVED else judgement.next_step,
        conflict=reading.conflict,
        quality=quality,
        quality_sentence=quality_sentence(quality, interior=solve is not None and solve.basis == INTERIOR),
        ranges=ranges,
        scaling_sentence=scaling_sentence(ranges),
    )


def of_report(report: Report) -> Iterator[Diagnosis]:
    """Diagnoses each run of a scan."""
    for run in report.runs:
        yield _of_run(run)


def _of_run(run: RunResult) -> Diagnosis:
    ranges = _parts({"matrix": Range(run.matrix_min, run.matrix_max)})
    return Diagnosis(
        name=run.run,
        size=_sizes(run.rows, run.columns, run.nonzeros),
        verdict=str(run.verdict or run.state),
        sentence=run.sentence,
        next_step="" if run.verdict in SOLVED else run.next_step,
        conflict=run.conflict,
        quality=run.quality,
        quality_sentence=quality_sentence(run.quality, interior=run.basis == INTERIOR),
        ranges=ranges,
        scaling_sentence=scaling_sentence(ranges),
    )


def _parts(known: Mapping[str, Range | None]) -> dict[str, Any]:
    parts = {
        name: {"min": span.minimum, "max": span.maximum}
        for name, span in known.items()
        if span is not None and span.minimum and span.maximum
    }
    return {"parts": parts} if parts else {}


def _size(ranges: Mapping[str, Any]) -> str:
    if "rows" not in ranges:
        return ""
    kinds = [word for word, key in (("integers", "discrete"), ("squares", "quadratic")) if ranges[key]]
    sizes = _sizes(ranges["rows"], ranges["columns"], ranges["nonzeros"])
    return f"{sizes}, {', '.join(kinds)}" if kinds else sizes


def _sizes(rows: int | None, columns: int | None, nonzeros: int | None) -> str:
    known = ((rows, "row"), (columns, "column"), (nonzeros, "nonzero"))
    return ", ".join(counted(number, noun) for number, noun in known if number is not None)
