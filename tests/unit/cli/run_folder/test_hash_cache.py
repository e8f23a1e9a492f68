from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from times_doctor_cli.run_folder import hash_cache
from times_doctor_cli.run_folder.hash_cache import FileChanged, FileUnreadable, HashCache
from times_doctor_tasks.blob_store.transfer_progress import Tally


def make_file(path: Path, content: bytes, *, age_s: float = 3600) -> Path:
    path.write_bytes(content)
    moment = time.time() - age_s
    os.utime(path, (moment, moment))
    return path


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    seen: list[Path] = []
    original = hash_cache._hash_file

    def spy(path: Path, tally: Tally) -> object:
        seen.append(path)
        return original(path, tally)

    monkeypatch.setattr(hash_cache, "_hash_file", spy)
    return seen


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    # ctime cannot be set back: without this every file a test has just made counts as too fresh.
    monkeypatch.setattr(hash_cache, "SETTLE_S", 0.0)


def test_hash_is_the_sha256_of_the_content(tmp_path: Path) -> None:
    file = make_file(tmp_path / "a.dd", b"SET R / REG1 /;\n")
    result = HashCache(None).hash_files([file])
    assert result[file].sha256 == hashlib.sha256(b"SET R / REG1 /;\n").hexdigest()
    assert result[file].size_bytes == 16


def test_unchanged_files_are_not_read_again_by_a_later_scan(tmp_path: Path, reads: list[Path], settled: None) -> None:
    files = [make_file(tmp_path / f"{n}.dd", str(n).encode()) for n in range(5)]
    first = HashCache(tmp_path / "cache", tmp_path).hash_files(files)
    reads.clear()
    assert HashCache(tmp_path / "cache", tmp_path).hash_files(files) == first
    assert reads == []


def test_only_the_changed_file_is_read_again(tmp_path: Path, reads: list[Path], settled: None) -> None:
    one, two = make_file(tmp_path / "1.dd", b"one"), make_file(tmp_path / "2.dd", b"two")
    HashCache(tmp_path / "cache").hash_files([one, two])
    make_file(two, b"TWO")
    reads.clear()
    result = HashCache(tmp_path / "cache").hash_files([one, two])
    assert reads == [two]
    assert result[two].sha256 == hashlib.sha256(b"TWO").hexdigest()


def test_a_change_that_keeps_size_and_mtime_is_seen(tmp_path: Path, settled: None) -> None:
    file = make_file(tmp_path / "a.dd", b"aaaa")
    stat = file.stat()
    cache = HashCache(tmp_path / "cache")
    cache.hash_files([file])
    other = make_file(tmp_path / "b.dd", b"bbbb")
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    other.replace(file)
    assert cache.hash_files([file])[file].sha256 == hashlib.sha256(b"bbbb").hexdigest()


def test_a_file_hashed_right_after_its_change_is_not_trusted_later(tmp_path: Path, reads: list[Path]) -> None:
    file = make_file(tmp_path / "a.dd", b"fresh", age_s=0)
    HashCache(tmp_path / "cache").hash_files([file])
    reads.clear()
    HashCache(tmp_path / "cache").hash_files([file])
    assert reads == [file]


def test_a_file_that_changes_while_it_is_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = make_file(tmp_path / "a.dd", b"x" * 100)
    original = hash_cache._stamp
    calls: list[int] = []

    def grow_after_first_look(stat: os.stat_result) -> tuple[int, int, int, int]:
        calls.append(1)
        if len(calls) == 1:
            with file.open("ab") as stream:
                stream.write(b"more")
        return original(stat)

    monkeypatch.setattr(hash_cache, "_stamp", grow_after_first_look)
    with pytest.raises(FileChanged, match=r"a\.dd.*changed while it was read"):
        HashCache(None).hash_files([file])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileUnreadable, match=r"gone\.dd.*No such file"):
        HashCache(None).hash_files([tmp_path / "gone.dd"])


def test_a_broken_memory_is_ignored(tmp_path: Path, settled: None) -> None:
    file = make_file(tmp_path / "a.dd", b"a")
    folder = tmp_path / "cache"
    HashCache(folder).hash_files([file])
    (memory,) = folder.iterdir()
    memory.write_bytes(b'{"half a docum')
    assert HashCache(folder).hash_files([file])[file].size_bytes == 1


def test_a_cache_folder_that_cannot_be_made_only_costs_time(tmp_path: Path) -> None:
    blocker = tmp_path / "cache"
    blocker.write_bytes(b"")
    file = make_file(tmp_path / "a.dd", b"a")
    assert HashCache(blocker / "below").hash_files([file])[file].size_bytes == 1


def test_memories_of_models_nobody_scans_any_more_are_dropped(tmp_path: Path, settled: None) -> None:
    folder = tmp_path / "cache"
    folder.mkdir()
    old = make_file(folder / "hashes-old.json", b"{}", age_s=hash_cache.KEEP_S + 60)
    HashCache(folder).hash_files([make_file(tmp_path / "a.dd", b"a")])
    assert not old.exists()


def test_reading_says_how_far_it_is_piece_by_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hash_cache, "_CHUNK_BYTES", 4)
    files = [make_file(tmp_path / "a", b"0123456789"), make_file(tmp_path / "b", b"01")]
    told: list[tuple[int, int]] = []
    HashCache(None).hash_files(files, on_read=lambda done, total: told.append((done, total)))
    assert len(told) == 4
    assert told == sorted(told)
    assert told[-1] == (12, 12)
