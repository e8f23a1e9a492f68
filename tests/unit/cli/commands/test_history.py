from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.run_folder.test_fingerprint import found, mps
from tests.unit.tasks.analysis.test_history import contest
from times_doctor_cli.main import run
from times_doctor_cli.reports.local_history import keep_in_history, local_history


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model file with two scans, and one scan of another like it."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("TIMES_DOCTOR_CACHE_DIR", str(tmp_path / "cache"))
    path, other = mps(tmp_path / "mine.mps"), mps(tmp_path / "other.mps")
    keep_in_history([*contest(1, model=found(path), title="mine"), *contest(2, model=found(path), title="mine")])
    keep_in_history(contest(3, "dual", "bar", model=found(other), title="other", version="21"))
    return path


def said(capsys: pytest.CaptureFixture[str], *words: object) -> list[str]:
    assert run(["history", *map(str, words)], None) == 0
    return capsys.readouterr().out.splitlines()


def test_the_list_has_a_line_for_each_model(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    header, other, mine = said(capsys)
    assert header.split() == ["model", "newest", "scans", "best", "won", "time", "version"]
    assert [mine.split()[0], *mine.split()[-8:]] == ["mine", "2", "cplex.bar", "2", "of", "2", "10.0", "s", "22"]
    assert other.startswith("other")


def test_a_model_is_shown_with_those_like_it(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(capsys, model)
    assert lines[0] == "This model: 2 scans"
    assert lines[2].split() == ["cplex.bar", "2", "of", "2", "2", "of", "2", "10.0", "s", "22"]
    assert lines[5] == "Other models like it: 1 scan"
    assert lines[7].split() == ["cplex.dual", "1", "of", "1", "1", "of", "1", "10.0", "s", "21"]


def test_a_model_is_found_by_its_name_too(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "mine")[0] == "This model: 2 scans"
    assert run(["history", "nothing"], None) == 2
    assert "Known names: mine, other." in " ".join(capsys.readouterr().err.split())


def test_a_model_is_forgotten_and_the_others_stay(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, model, "--forget") == ["4 runs forgotten on this machine."]
    assert {record.title for record in local_history()} == {"other"}
    said(capsys, "--forget")
    assert said(capsys) == ["No run is remembered on this machine. A scan adds its runs when it ends."]


def test_records_come_as_json(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = json.loads("\n".join(said(capsys, "other", "--json")))["records"]
    assert [record["profile"] for record in records] == ["bar", "dual"]


def test_a_model_that_never_ran_is_told_so(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new = mps(tmp_path / "new.mps", names="limit power", amount=5000)
    assert said(capsys, new) == ["No run of this model or one like it is remembered."]
