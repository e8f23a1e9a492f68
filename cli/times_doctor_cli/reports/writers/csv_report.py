"""`scan_report.csv`: the columns of dlg0/times-doctor first, with their names and meaning, then ours."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from times_doctor_cli.reports.layout import CSV, run_folder
from times_doctor_cli.reports.writers.files import write_atomically
from times_doctor_tasks.analysis.run_times import quiet_s
from times_doctor_tasks.contract.messages import Contender, Report, RunResult
from times_doctor_tasks.contract.states import RunState, StopReason

#: The beginnings of a formula for a spreadsheet.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
#: Columns of `RunResult.quality`, in this order.
QUALITY = (
    "primal_residual",
    "primal_residual_rel",
    "dual_residual",
    "dual_residual_rel",
    "complementarity",
    "complementarity_rel",
    "gap",
    "gap_rel",
    "primal_tolerance",
    "dual_tolerance",
    "gap_tolerance",
)

Cell = str | int | float | None


def write_csv(report: Report, directory: Path) -> Path:
    """Writes the table of `report` into `directory`, one row per run in the order of the scan.

    `dir` and `lst` name the run's fetched files below `directory`, and are empty if there are none.
    """
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow([*_OF_RUN, "compared_by", *_OF_PROFILE])
    contenders = {run: each for each in report.recommendation.contenders for run in each.runs}
    same_as = {other: each for each in report.recommendation.contenders for other in each.same_path}
    for result in report.runs:
        folder = run_folder(directory, result.run)
        row = [make(result, folder) for make in _OF_RUN.values()]
        contender = contenders.get(result.run) or same_as.get(f"{result.solver}.{result.profile}")
        compared = [make(contender, result) if contender else None for make in _OF_PROFILE.values()]
        table.writerow(map(_cell, [*row, report.recommendation.compared_by, *compared]))
    return write_atomically(directory / CSV, out.getvalue())


def clock_text(seconds: float | None) -> str:
    """A time as the reference writes it.

    >>> clock_text(7.9), clock_text(125), clock_text(3723), clock_text(None)
    ('7s', '2m05s', '62m03s', '')
    """
    if seconds is None:
        return ""
    whole = int(seconds)
    return f"{whole}s" if whole < 60 else f"{whole // 60}m{whole % 60:02d}s"


def iso_time(milliseconds: int | None) -> str:
    """UTC, to the millisecond.

    >>> iso_time(1_795_443_300_250)
    '2026-11-23T14:15:00.250+00:00'
    """
    if milliseconds is None:
        return ""
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC).isoformat(timespec="milliseconds")


def _cell(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, int):
        return str(value)
    line = " ".join(value.splitlines())
    return f"'{line}" if line.startswith(_FORMULA) else line


def _model_status(result: RunResult) -> Cell:
    if result.model_status is not None or result.model_status_text:
        return " ".join(str(p) for p in (result.model_status, result.model_status_text) if p)
    return _reference_word(result, otherwise="ERROR")


def _solver_status(result: RunResult) -> Cell:
    if result.solver_status is not None or result.solver_status_text:
        return " ".join(str(p) for p in (result.solver_status, result.solver_status_text) if p)
    if result.stop_reason is StopReason.TIMEOUT:
        return "TIMEOUT"
    return _reference_word(result, otherwise=(result.verdict or result.state).value.upper())


def _reference_word(result: RunResult, *, otherwise: str) -> str:
    """The reference's word for a run without a status."""
    return "CANCELLED" if result.state is RunState.CANCELLED else otherwise


def _basis(result: RunResult) -> Cell:
    return {"vertex": "yes", "interior": "no"}.get(result.basis or "", "")


def _scientific(value: float | None) -> Cell:
    return None if value is None else f"{value:.3e}"


def _seconds(value: float | None) -> Cell:
    return None if value is None else f"{value:.4f}"


def _ratio(value: float) -> Cell:
    return f"{value:.3f}"


def _listing(folder: Path) -> Cell:
    return next((str(path) for path in sorted(folder.glob("*.lst"))), "")


def _quality(name: str) -> Callable[[RunResult, Path], Cell]:
    return lambda result, _: _scientific(result.quality.get(name))


_OF_RUN: dict[str, Callable[[RunResult, Path], Cell]] = {
    "profile": lambda r, _: r.profile,
    "solver": lambda r, _: r.solver.upper(),
    "model_status": lambda r, _: _model_status(r),
    "solver_status": lambda r, _: _solver_status(r),
    "lp_status": lambda r, _: r.lp_status,
    "objective": lambda r, _: r.objective,
    "runtime": lambda r, _: clock_text(r.runtime_s),
    "runtime_seconds": lambda r, _: None if r.runtime_s is None else f"{r.runtime_s:.3f}",
    "matrix_min": lambda r, _: _scientific(r.matrix_min),
    "matrix_max": lambda r, _: _scientific(r.matrix_max),
    "dir": lambda _, folder: str(folder) if folder.is_dir() else "",
    "lst": lambda _, folder: _listing(folder),
    "run": lambda r, _: r.run,
    "engine": lambda r, _: r.engine,
    "verdict": lambda r, _: r.verdict.value if r.verdict else "",
    "basis": lambda r, _: _basis(r),
    "host": lambda r, _: r.host,
    "attempts": lambda r, _: r.attempt,
    "peak_memory_mb": lambda r, _: None if r.peak_memory_mb is None else round(r.peak_memory_mb, 1),
    "iterations": lambda r, _: r.iterations,
    "solve_count": lambda r, _: r.solve_count,
    "rows": lambda r, _: r.rows,
    "columns": lambda r, _: r.columns,
    "nonzeros": lambda r, _: r.nonzeros,
    "threads": lambda r, _: r.threads,
    "stop_reason": lambda r, _: r.stop_reason.value if r.stop_reason else "",
    "state": lambda r, _: r.state.value,
    "started": lambda r, _: iso_time(r.started_ms),
    "ended": lambda r, _: iso_time(r.ended_ms),
    "sentence": lambda r, _: r.sentence,
    "reused_from": lambda r, _: r.reused_from,
    **{name: _quality(name) for name in QUALITY},
    "cpu_s": lambda r, _: r.cpu_s,
    "run_delay_s": lambda r, _: r.run_delay_s,
    "quiet_s": lambda r, _: _seconds(quiet_s(r)),
    "load_1m": lambda r, _: r.load_1m,
}
#: What is said of the run's profile, all of its repeats together; empty where it could not be recommended.
_OF_PROFILE: dict[str, Callable[[Contender, RunResult], Cell]] = {
    "pace": lambda c, r: c.pace if r.run in c.runs else f"same path as {c.profile}",
    "n": lambda c, _: len(c.runs),
    "time_s": lambda c, _: _seconds(c.time_s),
    "ratio": lambda c, _: _ratio(c.ratio),
    "low": lambda c, _: _ratio(c.ratio_low),
    "high": lambda c, _: _ratio(c.ratio_high),
}
