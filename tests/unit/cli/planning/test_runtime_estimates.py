from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from times_doctor_cli.planning.runtime_estimates import expected_runtimes
from times_doctor_cli.reports.writers.json_report import write_json
from times_doctor_cli.scan_state.rows import Row
from times_doctor_tasks.contract.messages import Report, RunResult, RunSpec
from times_doctor_tasks.contract.progress import Phase, Progress
from times_doctor_tasks.contract.states import RunState, Verdict

Make = Callable[..., Any]


@pytest.fixture
def earlier(tmp_path: Path, make_report: Make, make_result: Make, make_run_spec: Make) -> Callable[..., Report]:
    def earlier(scan: str, *runtimes_s: float, verdict: Verdict = Verdict.OPTIMAL, **spec: Any) -> Report:
        results: list[RunResult] = [make_result("dual", runtime_s=seconds, verdict=verdict) for seconds in runtimes_s]
        report: Report = make_report(results)
        report = msgspec.structs.replace(report, scan=scan, spec=msgspec.structs.replace(report.spec, scan=scan))
        run: RunSpec = make_run_spec("dual", **spec)
        write_json(report, tmp_path / scan, specs={run.run: run})
        return report

    return earlier


def ask(out: Path, report: Report, run: RunSpec, **changes: Any) -> dict[str, float]:
    spec = msgspec.structs.replace(report.spec, scan="now")
    return expected_runtimes(out, spec, [msgspec.structs.replace(run, **changes)])


def test_a_run_is_expected_to_take_what_it_took_before(
    tmp_path: Path, earlier: Callable[..., Report], make_run_spec: Make
) -> None:
    for scan, seconds in (("s1", 8.0), ("s2", 10.0), ("s3", 30.0)):
        report = earlier(scan, seconds)
    run = make_run_spec("dual")
    assert ask(tmp_path, report, run) == {run.run: 10.0}


def test_other_options_other_threads_and_failures_say_nothing(
    tmp_path: Path, earlier: Callable[..., Report], make_run_spec: Make
) -> None:
    report = earlier("s1", 8.0)
    run = make_run_spec("dual")
    assert ask(tmp_path, report, run, threads=run.threads + 1) == {}
    assert ask(tmp_path, report, run, options="lpmethod 1\n") == {}
    earlier("s1", 8.0, verdict=Verdict.LIMIT)
    assert ask(tmp_path, report, run) == {}


def test_a_report_that_cannot_be_read_is_passed_over(
    tmp_path: Path, earlier: Callable[..., Report], make_run_spec: Make
) -> None:
    report = earlier("s1", 8.0)
    (tmp_path / "s2").mkdir()
    (tmp_path / "s2" / "scan_report.json").write_text("{")
    run = make_run_spec("dual")
    assert ask(tmp_path, report, run) == {run.run: 8.0}


def row(**fields: Any) -> Row:
    return Row(
        number=1, run="r", solver="cplex", profile="p", threads=1, state=RunState.RUNNING,
        runtime_s=4.0, runtime_at_ms=0, **fields,
    )  # fmt: skip


def test_the_own_pace_counts_before_what_was_before() -> None:
    look = Progress(phase=Phase.BARRIER, eta_s=2.0)
    assert row(expected_s=60.0, progress=look).eta_s(0) == 2.0
    assert row(expected_s=60.0, progress=Progress(phase=Phase.SIMPLEX)).eta_s(1000) == 55.0


def test_a_run_that_takes_longer_than_before_has_no_eta() -> None:
    assert row(expected_s=3.0).eta_s(0) is None
    assert row().eta_s(0) is None
