from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from times_doctor_tasks.blob_store.base import Sent
from times_doctor_tasks.blob_store.content import Content
from times_doctor_tasks.blob_store.errors import StoreFull, StoreUnreachable
from times_doctor_tasks.blob_store.file_store import FileBlobs
from times_doctor_tasks.blob_store.transfer_progress import OnSent
from times_doctor_worker.execution import artefacts
from times_doctor_worker.execution.artefacts import drop_odd_files, keep_artefacts


class Failing(FileBlobs):
    """A store that fails a number of times, or for all that is larger than it has room for."""

    def __init__(self, root: Path, *, outages: int = 0, room_bytes: int = 1 << 30) -> None:
        super().__init__(root)
        self.outages = outages
        self.room_bytes = room_bytes
        self.puts = 0

    def put(self, blobs: Mapping[str, Content], on_sent: OnSent | None = None) -> Sent:
        self.puts += 1
        if self.outages:
            self.outages -= 1
            raise StoreUnreachable(self.where, "connection refused")
        size_bytes = sum(len(content) for content in blobs.values() if isinstance(content, bytes))
        if size_bytes > self.room_bytes:
            raise StoreFull(self.where, 1, 0, "of its quota", "1 file takes", "raise it")
        self.room_bytes -= size_bytes
        return super().put(blobs)


def make_files(folder: Path, **sizes: int) -> list[Path]:
    for name, size in sizes.items():
        (folder / name).write_bytes(b"x" * size)
    return [folder / name for name in sizes]


def test_all_files_travel_together(tmp_path: Path) -> None:
    store = Failing(tmp_path / "s")
    kept = keep_artefacts(store, make_files(tmp_path, listing=5_000, trace=10, log=900))
    assert [artefact.name for artefact in kept] == ["trace", "log", "listing"]
    assert store.puts == 1


def test_files_too_large_to_be_held_at_once_travel_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artefacts, "TOGETHER_BYTES", 5_000)
    store = Failing(tmp_path / "s")
    kept = keep_artefacts(store, make_files(tmp_path, listing=5_000, trace=10, log=900))
    assert [artefact.name for artefact in kept] == ["trace", "log", "listing"]
    assert store.puts == 3


def test_a_full_store_keeps_the_small_files_and_the_run_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = make_files(tmp_path, listing=5_000, trace=10, log=900)
    with caplog.at_level(logging.WARNING):
        kept = keep_artefacts(Failing(tmp_path / "s", room_bytes=1_000), files)
    assert [artefact.name for artefact in kept] == ["trace", "log"]
    assert "listing and larger files not kept" in caplog.text


def test_a_store_that_is_away_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artefacts, "PAUSE_S", 0.001)
    (artefact,) = keep_artefacts(Failing(tmp_path / "s", outages=3), make_files(tmp_path, log=900))
    assert (artefact.size_bytes, artefact.kept_bytes) == (900, 900)


def test_a_store_that_stays_away_costs_patience_but_not_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artefacts, "PATIENCE_S", 0.0)
    monkeypatch.setattr(artefacts, "PAUSE_S", 0.001)
    assert keep_artefacts(Failing(tmp_path / "s", outages=1_000), make_files(tmp_path, log=1, trace=2)) == []


def test_of_a_huge_file_the_two_ends_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artefacts, "MAX_BYTES", 100)
    monkeypatch.setattr(artefacts, "END_BYTES", 10)
    (tmp_path / "run.log").write_bytes(b"the head: " + bytes(500) + b" the tail.")
    store = FileBlobs(tmp_path / "s")
    (artefact,) = keep_artefacts(store, [tmp_path / "run.log"])
    with store.open(artefact.sha256) as content:
        assert content.read() == b"the head: \n*** 500 bytes left out by times-doctor ***\n the tail."
    assert artefact.size_bytes == 520


def test_what_is_neither_file_nor_folder_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    (folder / "below").mkdir(parents=True)
    (tmp_path / "secret").write_text("password")
    (folder / "run.lst").write_text("listing")
    (folder / "run.log").symlink_to(tmp_path / "secret")
    (folder / "loop").symlink_to("loop")
    os.mkfifo(folder / "trace.txt")
    drop_odd_files(folder)
    assert {path.name for path in folder.iterdir()} == {"below", "run.lst"}
    assert (tmp_path / "secret").is_file()
    drop_odd_files(tmp_path / "gone")
