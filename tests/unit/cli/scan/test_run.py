from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import pytest

from times_doctor_cli.live.loop import ShowEnd, Shown
from times_doctor_cli.local.stack import LocalStack
from times_doctor_cli.planning.builder import Prepared
from times_doctor_cli.planning.request import ScanRequest
from times_doctor_cli.reports.harvest import Harvest
from times_doctor_cli.scan import run
from times_doctor_cli.scan.backends import Backend, private
from times_doctor_tasks.contract.errors import UsageError
from times_doctor_tasks.contract.messages import Report, RunResult


def test_ctrl_c_while_the_model_is_read_says_that_nothing_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> Prepared:
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "plan_scan", interrupted)
    environ = {"HOME": str(tmp_path), "TIMES_DOCTOR_CACHE_DIR": str(tmp_path / "cache")}

    backend = private(LocalStack(str(tmp_path), 0, -1))
    code = run.run(ScanRequest(run_path=tmp_path), backend, environ, dry_run=False, as_json=False)

    assert code == 130
    assert capsys.readouterr().err == "Interrupted before the scan was submitted: nothing was started.\n"


@pytest.fixture
def collect(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make_report: Callable[..., Report],
    make_result: Callable[..., RunResult],
) -> Callable[..., Mock]:
    def collect_with(*, is_private: bool, interrupted: bool = False, error: Exception | None = None) -> Mock:
        steps = Mock()
        steps.bring_results.side_effect = error or (lambda _, report, *__: report)
        monkeypatch.setattr("times_doctor_cli.reports.collect.bring_results", steps.bring_results)
        monkeypatch.setattr("times_doctor_cli.live.report_output.show_results", steps.show_results)
        backend = Backend(is_private, Mock(), Mock(), steps.begin_gdx)
        shown = Shown(ShowEnd.OVER, interrupted)
        report = make_report([make_result("dual", directory="/cache/runs/s/cplex.dual.1")])
        try:
            run._collect(Mock(), report, backend, Harvest(tmp_path, ()), shown, as_json=False, signals=None)
        except UsageError:
            steps.raised()
        return steps

    return collect_with


def steps_of(steps: Mock) -> list[str]:
    return [name for name, _, _ in steps.mock_calls]


@pytest.mark.parametrize("is_private", [True, False])
def test_the_host_of_a_gdx_is_asked_before_files_come_and_waited_for_last(
    collect: Callable[..., Mock], is_private: bool
) -> None:
    assert steps_of(collect(is_private=is_private)) == ["begin_gdx", "bring_results", "show_results", "begin_gdx()"]


@pytest.mark.parametrize("is_private", [True, False])
def test_a_report_whose_files_cannot_be_written_is_shown_before_the_error(
    collect: Callable[..., Mock], is_private: bool
) -> None:
    steps = collect(is_private=is_private, error=UsageError("no room"))
    assert steps_of(steps) == ["begin_gdx", "bring_results", "show_results", "raised"]


@pytest.mark.parametrize(
    ("is_private", "words"),
    [(True, "Logs and solutions of its runs stay in /cache/runs/s."), (False, "fetch 20261123-1415-k3f9 --out DIR")],
)
def test_where_files_are_that_could_not_be_written_is_said(
    collect: Callable[..., Mock], capsys: pytest.CaptureFixture[str], is_private: bool, words: str
) -> None:
    collect(is_private=is_private, error=UsageError("no room"))
    assert words in capsys.readouterr().err.replace("\n", " ")


def test_whoever_interrupts_a_scan_waits_for_no_other_machine(collect: Callable[..., Mock]) -> None:
    assert steps_of(collect(is_private=False, interrupted=True)) == ["bring_results", "show_results"]
    assert "begin_gdx()" in steps_of(collect(is_private=True, interrupted=True))
