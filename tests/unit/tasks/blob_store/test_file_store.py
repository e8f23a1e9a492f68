from __future__ import annotations

import errno
import hashlib
import os
import random
import stat
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from times_doctor_tasks.blob_store.base import PART_TTL_S, shown_store
from times_doctor_tasks.blob_store.chunk_codec import BlobHead, chunk_digest, decode_head, encode_head, pack, unpack
from times_doctor_tasks.blob_store.content import CHUNK_BYTES, checked_stream, chunks_of
from times_doctor_tasks.blob_store.errors import BlobDamaged, ContentChanged, StoreFull
from times_doctor_tasks.blob_store.factory import open_store, save
from times_doctor_tasks.blob_store.file_store import FileBlobs
from times_doctor_tasks.blob_store.redis_store import RedisBlobs
from times_doctor_tasks.contract.errors import StoreFailed, UsageError


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def put(store: FileBlobs, content: bytes) -> str:
    store.put({sha256(content): content})
    return sha256(content)


@pytest.mark.parametrize("url", ["s3://key:secret@bucket/x", "http://u:secret@h/", "/mnt/share", "redi", ""])
def test_an_unknown_kind_of_store_is_named_with_those_that_are_known(url: str) -> None:
    with pytest.raises(UsageError, match=r"expected redis .*file:///folder") as caught:
        open_store(url)
    assert "secret" not in str(caught.value)


def test_the_store_redis_is_the_broker_itself() -> None:
    store = open_store("redis", broker_url="redis://u:secret@broker:6379/1")
    assert isinstance(store, RedisBlobs)
    assert store.where == "redis://u:***@broker:6379/1"
    store.close()
    with pytest.raises(UsageError, match="no broker is configured"):
        open_store("redis")


def test_a_folder_may_have_any_name_but_must_be_on_this_machine(tmp_path: Path) -> None:
    folder = tmp_path / "a folder, 100 % ours"
    assert open_store(folder.as_uri()).where == str(folder)
    for url in ("file://server/share", "file://", "file:///"):
        with pytest.raises(UsageError, match="file:///folder with three slashes"):
            open_store(url)


@pytest.mark.parametrize(
    "url", ["redis://:half/secret@h:6379/0", "redis://h:port/0?password=secret", "redis://[h/secret"]
)
def test_a_redis_url_that_cannot_be_read_is_not_shown(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_store(url)
    assert "secret" not in str(caught.value)
    assert "half" not in str(caught.value)


def test_no_password_is_shown_of_a_store() -> None:
    assert shown_store("redis://h:6379/0?password=secret") == "redis://h:6379/0"
    assert shown_store("redis://me:secret@h:6379/0") == "redis://me:***@h:6379/0"
    assert shown_store("redis://:sec/ret@h:6379/0") == "redis://***"


@pytest.mark.parametrize("chunk", [b"x", bytes(CHUNK_BYTES), random.Random(1).randbytes(CHUNK_BYTES)])
def test_a_chunk_comes_out_of_its_frame_as_it_went_in(chunk: bytes) -> None:
    assert unpack(pack(chunk)) == chunk
    assert len(pack(chunk)) <= 1 << 20


def test_a_frame_that_is_not_one_whole_chunk_is_refused() -> None:
    frame = pack(b"content")
    for bad in (b"", b"no frame", frame[:-1], frame + frame, pack(bytes(CHUNK_BYTES + 1))):
        with pytest.raises(ValueError):
            unpack(bad)


def test_a_frame_that_claims_much_takes_no_memory() -> None:
    bomb = pack(bytes(100 << 20))
    tracemalloc.start()
    with pytest.raises(ValueError):
        unpack(bomb)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 10 << 20


def test_a_head_lists_each_chunk_to_keep_once() -> None:
    first, second = chunk_digest(b"1"), chunk_digest(b"2")
    head = BlobHead(3 * CHUNK_BYTES, ((first, 10), (second, 11), (first, 10)))
    assert decode_head(encode_head(head)) == head
    assert head.digests == [first, second]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b'{"size_bytes": 1}',
        b'{"size_bytes": 1, "chunks": [["../x", 1]]}',
        b"\xff\xfe",
        b'{"size_bytes": 1, "chunks": []}',
        b'{"size_bytes": -9999999, "chunks": []}',
        b'{"size_bytes": 1, "chunks": [["%s", 1], ["%s", 1]]}' % (b"a" * 32, b"a" * 32),
        b'{"size_bytes": 1, "x": ' + b"[" * 100_000,
    ],
)
def test_a_head_that_is_none_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError):
        decode_head(raw)


def test_content_is_checked_before_its_last_chunk_is_let_through(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(bytes(CHUNK_BYTES + 1))
    chunks = chunks_of("0" * 64, path)
    assert len(next(chunks)) == CHUNK_BYTES
    with pytest.raises(ContentChanged, match="changed while it was sent"):
        next(chunks)


def test_a_stream_reads_in_any_pieces_and_closes_its_source_however_much_was_read() -> None:
    closed: list[str] = []
    chunks = [b"abc", b"defgh", b"i"]
    with checked_stream(sha256(b"abcdefghi"), iter(chunks), AssertionError, lambda: closed.append("whole")) as stream:
        assert (stream.read(2), stream.read(3), stream.read()) == (b"ab", b"cde", b"fghi")
    with checked_stream("0" * 64, iter(chunks), AssertionError, lambda: closed.append("begun")) as stream:
        assert stream.read(1) == b"a"
    with checked_stream("0" * 64, iter(chunks), AssertionError, lambda: closed.append("unread")):
        pass
    with (
        checked_stream("0" * 64, iter(chunks), lambda: StoreFailed("wrong"), lambda: closed.append("bad")) as stream,
        pytest.raises(StoreFailed, match="wrong"),
    ):
        stream.read()
    assert closed == ["whole", "begun", "unread", "bad"]


def test_a_store_full_error_says_all_of_its_numbers() -> None:
    error = StoreFull("redis://h", 1_500_000_000, 700, "of its quota of 1.1 GB", "3 files take", "do this")
    assert str(error) == (
        "The store at 'redis://h' is full: 3 files take 1.5 GB, free are 0.7 kB (of its quota of 1.1 GB). Free some "
        "with `times-doctor prune`, set TIMES_DOCTOR_STORE_URL to a store with more room (file:///shared/folder, or "
        "another redis server), or do this."
    )


def test_a_blob_that_cannot_be_saved_leaves_the_target_as_it_was(tmp_path: Path) -> None:
    store, target = FileBlobs(tmp_path / "store"), tmp_path / "out" / "f"
    name = put(store, b"content")
    save(store, name, target)
    path = tmp_path / "store" / name[:2] / name
    path.chmod(0o600)
    path.write_bytes(b"Content")
    with pytest.raises(BlobDamaged):
        save(store, name, target)
    assert target.read_bytes() == b"content"
    assert list(target.parent.iterdir()) == [target]


def test_everybody_who_may_write_to_the_folder_may_write_below_it(tmp_path: Path) -> None:
    root = tmp_path / "shared"
    root.mkdir()
    root.chmod(0o2775)
    name = put(FileBlobs(root), b"content")
    assert stat.S_IMODE((root / name[:2]).stat().st_mode) == 0o2775
    assert stat.S_IMODE((root / name[:2] / name).stat().st_mode) == 0o444


def test_the_use_of_another_persons_blob_is_noted_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FileBlobs(tmp_path)
    name = put(store, b"content")
    path = tmp_path / name[:2] / name
    os.utime(path, (1_000, 1_000))

    def refuse(_: object) -> None:
        raise PermissionError(errno.EPERM, "not the owner")

    monkeypatch.setattr("times_doctor_tasks.blob_store.file_store.os.utime", refuse)
    assert store.missing([name]) == set()
    assert time.time() - path.stat().st_mtime < 60
    assert path.read_bytes() == b"content"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are POSIX")
def test_a_blob_that_arrived_meanwhile_is_not_replaced_under_its_readers(tmp_path: Path) -> None:
    store, pipe = FileBlobs(tmp_path), tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(store.put, {sha256(b"content"): pipe})
        with pipe.open("wb") as rest:
            name = put(store, b"content")
            inode = (tmp_path / name[:2] / name).stat().st_ino
            rest.write(b"content")
        assert late.result().blobs == 1
    assert (tmp_path / name[:2] / name).stat().st_ino == inode
    assert [path.name for path in (tmp_path / name[:2]).iterdir()] == [name]


def test_what_a_killed_upload_left_is_tidied_once_it_is_old(tmp_path: Path) -> None:
    store = FileBlobs(tmp_path)
    name = put(store, b"content")
    old, young = (tmp_path / name[:2] / f".part-{age}" for age in ("old", "young"))
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - PART_TTL_S - 60,) * 2)
    store.tidy()
    assert (old.exists(), young.exists()) == (False, True)
    assert [blob.name for blob in store.stored()] == [name]


def test_files_of_others_beside_the_blobs_are_no_blobs(tmp_path: Path) -> None:
    store = FileBlobs(tmp_path)
    name = put(store, b"content")
    foreign = [tmp_path / name[:2] / other for other in (".nfs0000000000a1b2c3", "notes.txt", name.upper())]
    for path in foreign:
        path.write_bytes(b"not ours")
    assert [blob.name for blob in store.stored()] == [name]
    assert store.drop(store.stored()) == (1, 7)
    assert all(path.exists() for path in foreign)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "is full"),
        (errno.EDQUOT, "is full"),
        (errno.EIO, "does not answer"),
        (errno.EACCES, "refuses us"),
    ],
)
def test_a_disk_that_refuses_is_an_error_with_words_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    store = FileBlobs(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("times_doctor_tasks.blob_store.file_store.os.fsync", fail)
        with pytest.raises(StoreFailed, match=words):
            put(store, b"content")
    assert store.missing([sha256(b"content")]) == {sha256(b"content")}
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
