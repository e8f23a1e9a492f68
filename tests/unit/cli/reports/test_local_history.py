from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.unit.tasks.analysis.test_history import record
from times_doctor_cli.reports.local_history import forget_local, keep_in_history, local_history
from times_doctor_tasks.config.settings import FOLDERS
from times_doctor_tasks.contract.errors import UsageError


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data"


def test_what_is_kept_is_read_again_oldest_first() -> None:
    keep_in_history([record(2, "dual"), record(1)])
    keep_in_history([record(1)])
    assert local_history() == [record(1), record(2, "dual")]


def test_scans_that_end_at_the_same_time_are_all_kept_from_the_first_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = threading.Barrier(4)

    def keep(scan: int) -> None:
        together.wait()
        keep_in_history([record(scan)])

    with ThreadPoolExecutor(4) as pool:
        for home in range(20):
            monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / str(home)))
            list(pool.map(keep, range(4)))
            assert [one.scan for one in local_history()] == ["0", "1", "2", "3"]


def test_the_oldest_records_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("times_doctor_cli.reports.local_history.KEPT", 2)
    keep_in_history([record(scan) for scan in (3, 1, 2)])
    assert [one.at_ms for one in local_history()] == [2, 3]


def test_one_model_is_forgotten_or_all() -> None:
    keep_in_history([record(1), record(2)])
    forget_local(lambda one: one.scan == "1")
    assert [one.scan for one in local_history()] == ["2"]
    forget_local()
    assert local_history() == []


def test_a_record_that_cannot_be_read_is_passed_over() -> None:
    keep_in_history([record(1)])
    with sqlite3.connect(FOLDERS.user_data_path / "history.sqlite3") as database:
        database.execute("INSERT INTO runs VALUES ('s', 'r', 0, '{\"schema\": 9}')")
    assert local_history() == [record(1)]


def test_a_database_of_a_newer_version_is_left_alone() -> None:
    keep_in_history([record(1)])
    with sqlite3.connect(FOLDERS.user_data_path / "history.sqlite3") as database:
        database.execute("PRAGMA user_version = 2")
    keep_in_history([record(2)])
    with pytest.raises(UsageError, match="newer times-doctor"):
        local_history()


def test_what_is_no_database_costs_the_history_and_no_scan(data_folder: Path) -> None:
    (path := data_folder / "times-doctor" / "history.sqlite3").parent.mkdir(parents=True)
    path.write_text("no database, and long enough to be told from one")
    keep_in_history([record(1)])
    with pytest.raises(UsageError, match="Delete it to start a new one"):
        local_history()
