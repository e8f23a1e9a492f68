from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
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


def test_a_trace_file_replaces_an_earlier_one_and_nothing_else(
    scanned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, trace = tmp_path / "main.gms", tmp_path / "scan.trc"
    model.write_text("set a;\n")
    for path in (trace, trace, model):
        last = run(["report", str(scanned), "--trace", str(path)], None)
    assert last == 2
    assert "main.gms' is no GAMS trace file, so it is not replaced" in capsys.readouterr().err
    assert (model.read_text(), trace.read_text().count("CPLEX")) == ("set a;\n", 2)


_FIELD = Path("tests/data/field").resolve()


def test_every_log_of_a_folder_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", str(_FIELD), "--each"], None) == 0
    titles, *lines, sums = capsys.readouterr().out.splitlines()
    assert titles.split() == ["verdict", "objective", "solves", "time", "log"]
    assert [line for line in lines if line.endswith("second.log") and line.startswith("compile err")]
    assert [line for line in lines if line.endswith("first.lst") and line.split()[:2] == ["optimal", "42"]]
    assert not [line for line in lines if line.endswith("long.lst")], "it is told with its log"
    assert sums.startswith(f"{len(lines)} logs: ")


def test_every_log_of_a_folder_is_in_one_json_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", str(_FIELD), "--each", "--json"], None) == 0
    logs = json.loads(capsys.readouterr().out)["logs"]
    assert {"earlier_solve_infeasible/steps.lst", "bounds_cross_lp/scan.log"} <= {log["log"] for log in logs}


@pytest.mark.parametrize(("name", "words"), [("a.log", "is none"), (".", "holds no log")])
def test_each_needs_a_folder_with_logs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, words: str
) -> None:
    assert run(["report", str(tmp_path / name), "--each"], None) == 2
    assert words in capsys.readouterr().err


def test_a_scan_is_found_by_the_model_file_that_was_scanned(
    tmp_path: Path, make_report: MakeReport, capsys: pytest.CaptureFixture[str]
) -> None:
    for scan, driver in (("s1", "model/small.lp"), ("s2", "model/other.lp")):
        report = make_report()
        model = msgspec.structs.replace(report.spec.model, driver=driver, title=driver)
        report = msgspec.structs.replace(
            report, scan=scan, spec=msgspec.structs.replace(report.spec, scan=scan, model=model)
        )
        write_json(report, tmp_path / "times_doctor_out" / scan, specs={})
        (tmp_path / Path(driver).name).write_text("min\n")
    for words in ([], ["--markdown"], ["--json"]):
        assert run(["report", str(tmp_path / "small.lp"), *words], None) == 0
        assert "s2" not in capsys.readouterr().out.replace("less", "")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--json", "--markdown"), "--markdown and --json: give only one of them."),
        (("--open", "--each"), "--html and --each: give only one of them."),
        (("--trace", "x.trc", "--html", "--each", "--json"), "--html and --trace and --json: give only one"),
    ],
)
def test_forms_that_exclude_each_other_are_refused(
    options: tuple[str, ...], named: str, scanned: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["report", str(scanned), *options], None) == 2
    assert named in capsys.readouterr().err
