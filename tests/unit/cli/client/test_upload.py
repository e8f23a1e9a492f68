from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from times_doctor_cli.client.upload import upload
from times_doctor_cli.run_folder.hash_cache import FileChanged, FileUnreadable
from times_doctor_cli.run_folder.snapshot import Snapshot
from times_doctor_tasks.blob_store.file_store import FileBlobs
from times_doctor_tasks.snapshot.manifest import Manifest, StagedFile, decode_manifest, manifest_sha256


def make_snapshot(*files: Path) -> Snapshot:
    hashes = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    staged = tuple(
        StagedFile(path=f"model/{path.name}", size_bytes=path.stat().st_size, sha256=sha256)
        for path, sha256 in hashes.items()
    )
    return Snapshot(Manifest(driver=staged[0].path, files=staged), {sha256: path for path, sha256 in hashes.items()})


@pytest.fixture
def model(tmp_path: Path) -> list[Path]:
    files = [tmp_path / "a.run", tmp_path / "b.dd"]
    for path in files:
        path.write_text(f"* {path.name}\n")
    return files


def test_a_snapshot_is_sent_with_its_manifest_and_only_once(tmp_path: Path, model: list[Path]) -> None:
    store, snapshot = FileBlobs(tmp_path / "store"), make_snapshot(*model)
    assert upload(snapshot, store).blobs == 3
    with store.open(manifest_sha256(snapshot.manifest)) as content:
        assert decode_manifest(content.read()) == snapshot.manifest
    model[1].write_text("* changed\n")
    assert upload(make_snapshot(*model), store).blobs == 2


def test_a_file_that_changed_since_it_was_hashed_is_named(tmp_path: Path, model: list[Path]) -> None:
    snapshot = make_snapshot(*model)
    model[1].write_text("* changed\n")
    with pytest.raises(FileChanged, match=r"b\.dd"):
        upload(snapshot, FileBlobs(tmp_path / "store"))


def test_a_file_that_went_away_is_named(tmp_path: Path, model: list[Path]) -> None:
    snapshot = make_snapshot(*model)
    model[1].unlink()
    with pytest.raises(FileUnreadable, match=r"b\.dd"):
        upload(snapshot, FileBlobs(tmp_path / "store"))
