from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from times_doctor_cli.main import run
from times_doctor_cli.reports.writers.json_report import write_json
from times_doctor_tasks.contract.messages import Report

MakeReport = Callable[..., Report]


@pytest.fixture
def scanned(tmp_path: Path, make_report: MakeReport) -> Path:
    folder = tmp_path / "case"
    write_json(make_report(), folder / "times_doctor_out", specs={})
    return folder


def test_a_folder_that_was_only_scanned_shows_its_newest_scan(
    scanned: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["report", str(scanned)], None) == 0
    assert "cplex.dual" in capsys.readouterr().out


def test_an_empty_folder_is_refused_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", str(tmp_path)], None) == 2
    assert "no log, listing or trace" in capsys.readouterr().err


def test_a_file_that_is_no_runs_is_refused_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.log").write_text("nothing of GAMS\n")
    assert run(["report", str(tmp_path / "a.log")], None) == 2
    assert "holds nothing of a run" in capsys.readouterr().err


def test_a_saved_scan_can_be_written_as_a_trace_file(scanned: Path, tmp_path: Path) -> None:
    assert run(["report", str(scanned), "--trace", str(tmp_path / "scan.trc")], None) == 0
    assert "CPLEX" in (tmp_path / "scan.trc").read_text()
