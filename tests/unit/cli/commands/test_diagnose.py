from __future__ import annotations

import json
from pathlib import Path

import pytest

from times_doctor_cli.main import run
from times_doctor_cli.reports.writers.json_report import write_json
from times_doctor_tasks.testing.documents import make_report

_MODEL = "Minimize\n cost: 1e-3 x + 3e7 y\nSubject To\n need: x >= 4\n most: x <= 3\nEnd\n"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "none.lp"
    path.write_text(_MODEL)
    return path


def test_a_model_file_is_told_at_80_columns(
    model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run(["diagnose", str(model)], None) == 0
    shown = capsys.readouterr().out
    assert "need >= 4, most <= 3 cannot hold together." in shown
    assert "What takes part in the conflict\n  row need >= 4\n  row most <= 3\n" in shown
    assert "  costs              1.0e-03  3.0e+07  3.0e+10\n" in shown
    assert "    3.00e+07  y\n" in shown
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize("is_folder", [False, True], ids=["file", "its folder"])
def test_json_has_all_of_it(model: Path, capsys: pytest.CaptureFixture[str], is_folder: bool) -> None:
    assert run(["diagnose", str(model.parent if is_folder else model), "--json"], None) == 0
    (found,) = json.loads(capsys.readouterr().out)["diagnoses"]
    assert (found["name"], found["verdict"]) == ("none.lp", "infeasible")
    assert found["conflict"] == ["row need >= 4", "row most <= 3"]


def test_the_folder_of_a_scan_tells_its_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = make_report()
    write_json(report, tmp_path / "times_doctor_out", specs={})
    assert run(["diagnose", str(tmp_path), "--json"], None) == 0
    assert [each["name"] for each in json.loads(capsys.readouterr().out)["diagnoses"]] == [r.run for r in report.runs]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere.lp"], "does not exist"),
        (["."], "holds nothing to diagnose"),
        (["none.lp", "--timeout-seconds", "0"], "--timeout-seconds 0"),
        (["none.lp", "--iis-seconds", "nan"], "--iis-seconds nan"),
        (["text.log"], "holds"),
    ],
)
def test_what_cannot_be_diagnosed_is_refused_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.log").write_text("hello\n")
    if words[0] == ".":
        (tmp_path / "text.log").rename(tmp_path / "text.doc")
    assert run(["diagnose", *words], None) == 2
    assert said in capsys.readouterr().err
