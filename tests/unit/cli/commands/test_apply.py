from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from times_doctor_cli.main import run
from times_doctor_cli.reports.writers.json_report import write_json
from times_doctor_tasks.contract.messages import Report, RunSpec

MakeReport = Callable[..., Report]


@pytest.fixture
def case(tmp_path: Path, make_report: MakeReport) -> Path:
    folder = tmp_path / "case"
    report = make_report()
    spec = msgspec.structs.replace(report.spec, model=msgspec.structs.replace(report.spec.model, run_dir=str(folder)))
    recommended = report.runs[0].run
    report = msgspec.structs.replace(
        report, spec=spec, recommendation=msgspec.structs.replace(report.recommendation, run=recommended)
    )
    asked = RunSpec(
        scan=report.scan,
        run=recommended,
        index=0,
        engine="gams",
        solver="cplex",
        profile="bar",
        options="lpmethod 4\nthreads 2\n",
    )
    folder.mkdir()
    (folder / Path(report.spec.model.driver).name).touch()
    write_json(report, folder / "times_doctor_out", specs={recommended: asked})
    return folder


def test_the_recommended_option_file_is_put_there_and_taken_back(
    case: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (case / "cplex.opt").write_text("lpmethod 2\n")

    assert run(["apply", str(case)], None) == 0
    words = capsys.readouterr().out
    assert "- lpmethod 2\n+ lpmethod 4, threads 2\n" in words
    assert "cplex.opt.1.bak" in words
    assert (case / "cplex.opt").read_text() == "lpmethod 4\nthreads 2\n"

    assert run(["apply", str(case)], None) == 0
    assert "Nothing to do" in capsys.readouterr().out

    assert run(["apply", str(case), "--undo"], None) == 0
    assert (case / "cplex.opt").read_text() == "lpmethod 2\n"
    assert [path.name for path in case.glob("cplex.opt*")] == ["cplex.opt"]


def test_a_dry_run_writes_nothing(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(case.rglob("*"))
    assert run(["apply", str(case), "--dry-run"], None) == 0
    assert "Nothing was written" in capsys.readouterr().out
    assert sorted(case.rglob("*")) == before


def test_a_dry_run_of_undo_refuses_what_undo_would(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["apply", str(case), "--undo", "--dry-run"], None) == 2
    assert "nothing to take back" in capsys.readouterr().err
    assert run(["apply", str(case)], None) == 0
    before = sorted(case.rglob("*"))
    assert run(["apply", str(case), "--undo", "--dry-run"], None) == 0
    assert "would be gone, as before. Nothing was written." in capsys.readouterr().out
    assert sorted(case.rglob("*")) == before


def test_the_command_that_it_prints_takes_it_back(
    case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "App Data").mkdir()
    assert run(["apply", str(case), "--to", str(tmp_path / "App Data")], None) == 0
    command = capsys.readouterr().out.partition("To undo: times-doctor ")[2]
    assert run(shlex.split(command), None) == 0
    assert list((tmp_path / "App Data").iterdir()) == []


def test_a_copy_of_a_scanned_folder_is_applied_to_itself(case: Path, tmp_path: Path) -> None:
    shutil.copytree(case, tmp_path / "copy")
    assert run(["apply", str(tmp_path / "copy")], None) == 0
    assert (tmp_path / "copy" / "cplex.opt").is_file()
    assert not (case / "cplex.opt").exists()


def test_in_a_folder_of_vedas_it_says_what_veda_may_do(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (case / "vtrun.cmd").write_text("")
    assert run(["apply", str(case)], None) == 0
    assert "VEDA wrote this folder" in capsys.readouterr().out


def test_a_scan_that_is_nowhere_here_needs_a_broker(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["apply", "261128-0000"], None) == 2
    assert "TIMES_DOCTOR_BROKER_URL" in capsys.readouterr().err
