from __future__ import annotations

import hashlib
import io
import os
import stat
from pathlib import Path
from typing import BinaryIO

import pytest

from times_doctor_tasks.snapshot.manifest import HostileName, Manifest, StagedFile
from times_doctor_tasks.snapshot.staging import BlobMismatch, copy_workdir_files, remove_staged, stage, verify_staged

CONTENT = {
    "model/case.run": b"$include base.dd\r\n",
    "model/base.dd": b"SET R / REG1 /;\n",
    "source/initsys.mod": b"* nothing\n",
    "cwd/gamssave/base_p.gdx": b"\x00gdx",
}


def make_manifest(content: dict[str, bytes]) -> Manifest:
    files = tuple(
        StagedFile(path=path, size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
        for path, data in sorted(content.items())
    )
    return Manifest(driver="model/case.run", files=files)


def fetch(sha256: str) -> BinaryIO:
    return io.BytesIO({hashlib.sha256(data).hexdigest(): data for data in CONTENT.values()}[sha256])


@pytest.fixture
def target(tmp_path: Path) -> Path:
    target = tmp_path / "snapshots" / "abc"
    stage(make_manifest(CONTENT), fetch, target)
    return target


def test_the_tree_holds_every_file_byte_for_byte(target: Path) -> None:
    assert {path: (target / path).read_bytes() for path in CONTENT} == CONTENT


def test_the_tree_is_read_only(target: Path) -> None:
    assert stat.S_IMODE((target / "model/base.dd").stat().st_mode) == 0o444
    assert stat.S_IMODE((target / "model").stat().st_mode) == 0o555


def test_nothing_is_left_beside_the_tree(target: Path) -> None:
    assert [entry.name for entry in target.parent.iterdir()] == ["abc"]


def test_blobs_may_be_files(tmp_path: Path) -> None:
    def fetch_path(sha256: str) -> Path:
        path = tmp_path / sha256
        path.write_bytes(fetch(sha256).read())
        return path

    stage(make_manifest(CONTENT), fetch_path, tmp_path / "tree")
    assert verify_staged(tmp_path / "tree")


def test_an_untouched_tree_is_good_for_reuse(target: Path) -> None:
    assert verify_staged(target)


def test_a_tree_that_is_not_there_is_not_good(tmp_path: Path) -> None:
    assert not verify_staged(tmp_path / "none")


def write_through(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().upper())


def keep_the_times(path: Path) -> None:
    before = path.stat()
    write_through(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def put_another_in_place(path: Path) -> None:
    path.parent.chmod(0o755)
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    other.replace(path)


def delete(path: Path) -> None:
    path.parent.chmod(0o755)
    path.unlink()


def add_a_file(path: Path) -> None:
    path.parent.chmod(0o755)
    path.with_name("more.dd").write_bytes(b"")


def add_a_link(path: Path) -> None:
    path.parent.chmod(0o755)
    path.with_name("link").symlink_to("/")


@pytest.mark.parametrize(
    "change", [write_through, keep_the_times, put_another_in_place, delete, add_a_file, add_a_link]
)
def test_a_touched_tree_is_not_good_for_reuse(target: Path, change: object) -> None:
    assert callable(change)
    change(target / "model/base.dd")
    assert not verify_staged(target)


def test_a_tree_without_its_record_is_not_good_for_reuse(target: Path) -> None:
    (target / ".staged.json").unlink()
    assert not verify_staged(target)


@pytest.mark.parametrize("content", [b"other content here", b"SET R / REG1 /;\nand more of it", b""])
def test_a_blob_with_other_content_leaves_nothing(tmp_path: Path, content: bytes) -> None:
    wrong = hashlib.sha256(CONTENT["model/base.dd"]).hexdigest()

    def fetch_wrong(sha256: str) -> BinaryIO:
        return io.BytesIO(content) if sha256 == wrong else fetch(sha256)

    with pytest.raises(BlobMismatch, match=r"model/base\.dd"):
        stage(make_manifest(CONTENT), fetch_wrong, tmp_path / "in" / "tree")
    assert list((tmp_path / "in").iterdir()) == []


def test_a_blob_that_cannot_be_had_leaves_nothing(tmp_path: Path) -> None:
    def fetch_nothing(sha256: str) -> BinaryIO:
        raise ConnectionError(sha256)

    with pytest.raises(ConnectionError):
        stage(make_manifest(CONTENT), fetch_nothing, tmp_path / "in" / "tree")
    assert list((tmp_path / "in").iterdir()) == []


def test_a_hostile_manifest_writes_nothing(tmp_path: Path) -> None:
    content = dict(CONTENT) | {"../escaped.dd": CONTENT["model/base.dd"]}
    with pytest.raises(HostileName, match="escaped"):
        stage(make_manifest(content), fetch, tmp_path / "in" / "tree")
    assert list(tmp_path.iterdir()) == []


def test_staging_over_an_untouched_tree_keeps_it(target: Path) -> None:
    inode = (target / "model/base.dd").stat().st_ino
    stage(make_manifest(CONTENT), fetch, target)
    assert (target / "model/base.dd").stat().st_ino == inode
    assert [entry.name for entry in target.parent.iterdir()] == ["abc"]


def test_staging_over_a_touched_tree_is_an_error_until_it_is_removed(target: Path) -> None:
    add_a_file(target / "model/base.dd")
    with pytest.raises(FileExistsError, match="not an untouched snapshot"):
        stage(make_manifest(CONTENT), fetch, target)
    remove_staged(target)
    assert not target.exists()
    stage(make_manifest(CONTENT), fetch, target)
    assert verify_staged(target)


def test_removing_a_link_leaves_what_it_points_to(target: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(target)
    remove_staged(link)
    assert not link.is_symlink()
    assert verify_staged(target)


def test_files_of_the_working_directory_are_copied_and_writable(target: Path, tmp_path: Path) -> None:
    workdir = tmp_path / "run"
    workdir.mkdir()
    copy_workdir_files(target, workdir)
    copied = workdir / "gamssave/base_p.gdx"
    copied.write_bytes(b"new")
    assert (target / "cwd/gamssave/base_p.gdx").read_bytes() == b"\x00gdx"
    assert verify_staged(target)


def test_a_tree_without_working_directory_files_copies_nothing(tmp_path: Path) -> None:
    content = {"model/case.run": CONTENT["model/case.run"]}
    stage(make_manifest(content), fetch, tmp_path / "tree")
    copy_workdir_files(tmp_path / "tree", tmp_path / "run")
    assert not (tmp_path / "run").exists()
