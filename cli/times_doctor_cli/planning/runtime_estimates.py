"""How long runs took before: what earlier scans of the same run folder say of a profile."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from times_doctor_cli.reports.layout import saved_reports
from times_doctor_cli.reports.reader import readable
from times_doctor_tasks.contract.messages import Report, RunSpec, ScanSpec
from times_doctor_tasks.contract.states import SOLVED

#: Newest scans that are asked; older ones ran an older model.
NEWEST = 5


def expected_runtimes(out: Path, spec: ScanSpec, runs: Sequence[RunSpec]) -> dict[str, float]:
    """Seconds each run may take, by its id: the median of earlier runs with the same options and threads that solved.

    Earlier scans in `out` count where they had the same driver. Runs that never ran before are left out.
    """
    seconds: dict[tuple[str, str, int], list[float]] = defaultdict(list)
    found = [path for path in saved_reports(out) if path.parent.name != spec.scan]
    for report, asked in readable(reversed(found[-NEWEST:])):
        if report.spec.model.driver == spec.model.driver:
            for run, runtime_s in _runtimes(report, asked):
                seconds[_kind(run)].append(runtime_s)
    return {run.run: median(seconds[_kind(run)]) for run in runs if _kind(run) in seconds}


def _runtimes(report: Report, asked: Sequence[RunSpec]) -> list[tuple[RunSpec, float]]:
    solved = {run.run: run.runtime_s for run in report.runs if run.verdict in SOLVED and run.runtime_s is not None}
    return [(run, solved[run.run]) for run in asked if run.run in solved]


def _kind(run: RunSpec) -> tuple[str, str, int]:
    return run.solver, run.options, run.threads
