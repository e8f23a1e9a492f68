from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from times_doctor_cli.main import run
from times_doctor_cli.reports.local_scans import forget_missing, local_scans, remember
from times_doctor_cli.reports.writers.json_report import write_json
from times_doctor_tasks.config.settings import FOLDERS
from times_doctor_tasks.contract.messages import Report


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def folders(tmp_path: Path, make_report: Callable[..., Report]) -> list[Path]:
    """Two scans of this machine, the older first."""
    made = []
    for number, scan in enumerate(["261101-080000-aaaa", "261102-080000-bbbb"]):
        folder = tmp_path / "model" / "times_doctor_out" / scan
        write_json(make_report(scan=scan, created_ms=1_000 + number), folder, specs={})
        remember(folder)
        made.append(folder)
    return made


def ids() -> list[str]:
    return [saved.report.scan for saved in local_scans()]


def test_the_newest_comes_first_and_is_found_by_the_beginning_of_its_id(folders: list[Path]) -> None:
    assert ids() == ["261102-080000-bbbb", "261101-080000-aaaa"]
    found = next(local_scans("261101"), None)
    assert found is not None
    assert found.folder == folders[0]
    newest = next(local_scans(), None)
    assert newest is not None
    assert newest.folder == folders[1]
    assert next(local_scans("99"), None) is None


def test_a_scan_whose_folder_is_gone_is_passed_over_and_then_forgotten(folders: list[Path]) -> None:
    shutil.rmtree(folders[1])
    assert ids() == ["261101-080000-aaaa"]
    assert (forget_missing(), forget_missing()) == (1, 0)
    assert (FOLDERS.user_data_path / "local_scans.txt").read_text() == f"{folders[0]}\n"


def test_a_file_that_cannot_be_read_costs_no_list(folders: list[Path], data_folder: Path) -> None:
    (folders[1] / "scan_report.json").write_text("{")
    assert ids() == ["261101-080000-aaaa"]
    (data_folder / "times-doctor" / "local_scans.txt").write_bytes(b"\xff\x00\nno path\n\n")
    assert ids() == []


def test_a_home_that_cannot_be_written_costs_only_the_entry(
    folders: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(folders[0] / "scan_report.json"))
    remember(folders[0])
    assert ids() == []


def test_without_a_broker_list_and_last_are_about_this_machine(
    folders: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["list"], None) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["scan", "261102-080000-bbbb", "261101-080000-aaaa"]
    assert all(" local " in line and " won" in line for line in lines[1:])
    assert run(["report", "last"], None) == 0
    assert "261102-080000-bbbb" in capsys.readouterr().out


def test_without_a_broker_and_a_scan_list_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list"], None) == 0
    assert capsys.readouterr().out == "No scan on this machine, and no broker is set.\n"
    assert run(["report", "last"], None) == 2
