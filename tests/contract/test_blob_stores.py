from __future__ import annotations

import errno
import hashlib
import os
import random
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.contract.conftest import TIGHT_BYTES, Kind
from times_doctor_tasks.blob_store.base import BLOB_TTL_S, see_store
from times_doctor_tasks.blob_store.content import CHUNK_BYTES, Content
from times_doctor_tasks.blob_store.errors import BlobDamaged, BlobGone, ContentChanged, StoreFull
from times_doctor_tasks.blob_store.factory import open_store, save
from times_doctor_tasks.blob_store.file_store import MARK
from times_doctor_tasks.blob_store.pruning import prune_blobs
from times_doctor_tasks.contract.clock import now_ms
from times_doctor_tasks.contract.errors import StoreFailed

UPLOAD = """
import sys
from pathlib import Path
from times_doctor_tasks.blob_store.factory import open_store
url, prefix, name, path = sys.argv[1:]
open_store(url, prefix=prefix).put({name: Path(path)})
"""


def named(*contents: bytes) -> dict[str, Content]:
    return {hashlib.sha256(content).hexdigest(): content for content in contents}


def noise(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def read(kind: Kind, name: str) -> bytes:
    with kind.store.open(name) as content:
        return content.read()


def feed(pipe: Path, content: bytes) -> threading.Thread:
    writer = threading.Thread(target=pipe.write_bytes, args=[content])
    writer.start()
    return writer


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
def test_a_blob_of_any_size_reads_back_as_it_was_put(kind: Kind, size: int) -> None:
    ((name, content),) = blobs = named(noise(size)).items()
    assert kind.store.put(dict(blobs)).size_bytes == size
    assert read(kind, name) == content


def test_chunks_that_repeat_within_a_blob_read_back_in_their_places(kind: Kind) -> None:
    (name,) = blobs = named(bytes(CHUNK_BYTES) + noise(CHUNK_BYTES) + bytes(2 * CHUNK_BYTES))
    kind.store.put(blobs)
    assert read(kind, name) == blobs[name]


def test_only_what_was_never_put_is_missing(kind: Kind) -> None:
    here, there = named(b"here"), named(b"there")
    kind.store.put(here)
    assert kind.store.missing([*here, *there]) == set(there)


def test_what_is_there_is_not_sent_again(kind: Kind) -> None:
    first, both = named(b"first"), named(b"first", b"second")
    assert kind.store.put(first).blobs == 1
    again = kind.store.put(both)
    assert (again.blobs, again.size_bytes) == (1, len(b"second"))
    assert kind.store.put(both).moved_bytes == 0


def test_an_upload_tells_how_far_it_is(kind: Kind) -> None:
    told: list[tuple[int, int]] = []
    blobs = named(*(noise(CHUNK_BYTES * 3, seed) for seed in range(4)))
    kind.store.put(blobs, lambda *progress: told.append(progress))
    assert len(told) >= 2
    assert told == sorted(told)
    assert told[-1] == (12 * CHUNK_BYTES, 12 * CHUNK_BYTES)


def test_an_upload_of_one_large_blob_tells_how_far_it_is(kind: Kind) -> None:
    told: list[tuple[int, int]] = []
    kind.store.put(named(noise(CHUNK_BYTES * 12)), lambda *progress: told.append(progress))
    assert len(told) >= 2
    assert told[-1] == (12 * CHUNK_BYTES, 12 * CHUNK_BYTES)


def test_a_blob_comes_from_a_file_and_is_saved_to_one(kind: Kind, tmp_path: Path) -> None:
    source, target = tmp_path / "a file", tmp_path / "made" / "target"
    source.write_bytes(noise(3 * CHUNK_BYTES))
    name = hashlib.sha256(source.read_bytes()).hexdigest()
    kind.store.put({name: source})
    save(kind.store, name, target)
    assert target.read_bytes() == source.read_bytes()
    assert [path.name for path in target.parent.iterdir()] == ["target"]


def test_a_blob_that_is_not_there_is_an_error_with_words(kind: Kind) -> None:
    with pytest.raises(BlobGone, match=r"expired.*Scan again"):
        kind.store.open("0" * 64)


@pytest.mark.parametrize("name", ["", "abc", "../../" + "0" * 58, "0" * 63 + "\n", "A" * 64])
def test_a_name_that_is_no_hash_reaches_no_store(kind: Kind, name: str) -> None:
    asks: list[Callable[[], object]] = [
        lambda: kind.store.missing([name]),
        lambda: kind.store.put({name: b""}),
        lambda: kind.store.open(name),
        lambda: kind.store.opener([name])(name),
    ]
    for ask in asks:
        with pytest.raises(StoreFailed, match="not the name of a blob"):
            ask()


def test_a_file_that_is_not_there_is_named(kind: Kind, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="gone"):
        kind.store.put({"0" * 64: tmp_path / "gone"})


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are POSIX")
def test_a_file_that_changes_while_it_is_sent_is_an_error_and_leaves_no_blob(kind: Kind, tmp_path: Path) -> None:
    pipe, content = tmp_path / "pipe", noise(10 * CHUNK_BYTES)  # more than travels at a time
    (name,) = named(content)
    os.mkfifo(pipe)
    writer = feed(pipe, content[:-1] + b"!")
    with pytest.raises(ContentChanged, match="changed while it was sent"):
        kind.store.put({name: pipe})
    writer.join()
    assert kind.store.missing([name]) == {name}
    assert kind.store.usage().used_bytes == 0
    kind.store.put({name: content})
    assert read(kind, name) == content


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are POSIX")
def test_an_upload_killed_half_way_leaves_no_blob_and_can_be_repeated(kind: Kind, tmp_path: Path) -> None:
    pipe, content = tmp_path / "pipe", noise(12 * CHUNK_BYTES)
    (name,) = named(content)
    os.mkfifo(pipe)
    client = subprocess.Popen([sys.executable, "-c", UPLOAD, kind.url, kind.prefix, name, str(pipe)])
    with pipe.open("wb") as half:
        half.write(content[: 10 * CHUNK_BYTES])  # returns when the client has read most of it
        client.kill()
        client.wait()
    assert kind.store.missing([name]) == {name}
    assert kind.store.put({name: content}).blobs == 1
    assert read(kind, name) == content


def test_many_clients_may_send_the_same_blobs_at_once(kind: Kind) -> None:
    blobs = named(*(noise(CHUNK_BYTES * 2, seed) for seed in range(4)), *(b"%d" % n for n in range(50)))
    stores = [open_store(kind.url, prefix=kind.prefix) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda store: store.put(blobs), stores))
    assert all(read(kind, name) == content for name, content in blobs.items())
    used_bytes = kind.store.usage().used_bytes
    assert used_bytes == sum(blob.stored_bytes for blob in kind.store.stored())
    assert used_bytes < 1.01 * sum(len(content) for content in blobs.values() if isinstance(content, bytes)) + 50_000
    for store in stores:
        store.close()


def test_many_blobs_open_in_any_order(kind: Kind) -> None:
    blobs = named(*(b"%d" % n for n in range(400)), noise(CHUNK_BYTES * 9))
    kind.store.put(blobs)
    names = list(blobs)
    open_blob = kind.store.opener(names)
    for name in (*names, *names[300:302], *reversed(names[:5])):
        with open_blob(name) as content:
            assert content.read() == blobs[name]


def test_a_blob_may_be_closed_before_it_was_read(kind: Kind) -> None:
    (name,) = blobs = named(noise(CHUNK_BYTES * 3))
    kind.store.put(blobs)
    kind.store.open(name).close()
    with kind.store.open(name) as content:
        assert content.read(10) == noise(CHUNK_BYTES * 3)[:10]


@pytest.mark.parametrize("chunks", [1, 3])
def test_a_damaged_blob_is_not_read_to_its_end_and_is_missing_then(kind: Kind, chunks: int) -> None:
    (name,) = blobs = named(noise(chunks * CHUNK_BYTES - 5))
    kind.store.put(blobs)
    kind.damage(name)
    with kind.store.open(name) as content, pytest.raises(BlobDamaged, match="Scan again"):
        content.read()
    assert kind.store.missing([name]) == {name}
    kind.store.put(blobs)
    assert read(kind, name) == blobs[name]


def test_a_store_without_room_says_how_much_is_needed_and_takes_nothing(kind: Kind) -> None:
    before = named(b"before")
    kind.store.put(before)
    blobs = named(*(noise(TIGHT_BYTES // 3, seed) for seed in range(6)))
    tight = kind.open_tight()
    with pytest.raises(StoreFull) as caught:
        tight.put(before | blobs)
    assert re.search(r"6 files take .*80\d\.\d kB, free are [34]\d\d\.\d kB", str(caught.value))
    assert re.search(r"times-doctor prune.*TIMES_DOCTOR_STORE_URL", str(caught.value))
    assert tight.missing(before | blobs) == set(blobs)
    assert tight.usage().used_bytes == sum(blob.stored_bytes for blob in tight.stored())
    assert tight.put(dict(list(blobs.items())[:2])).blobs == 2


def test_prune_removes_what_nobody_used_for_long(kind: Kind) -> None:
    old, young = named(b"old"), named(b"young")
    kind.store.put(old | young)
    kind.age(next(iter(old)), 5 * 86_400)
    assert [blob.name for blob in kind.store.stored()] == [*old, *young]
    assert prune_blobs(kind.store).blobs == 0
    pruned = prune_blobs(kind.store, unused_s=4 * 86_400)
    assert pruned.blobs == 1
    assert pruned.freed_bytes > 0
    assert kind.store.missing([*old, *young]) == set(old)


@pytest.mark.parametrize("use", ["missing", "put", "open"])
def test_a_blob_that_is_used_is_young_again(kind: Kind, use: str) -> None:
    (name,) = blobs = named(b"used")
    kind.store.put(blobs)
    kind.age(name, 10 * 86_400)
    if use == "open":
        assert read(kind, name) == b"used"
    elif use == "put":
        assert kind.store.put(blobs).blobs == 0
    else:
        kind.store.missing([name])
    assert prune_blobs(kind.store, unused_s=86_400).blobs == 0
    assert prune_blobs(kind.store, at_ms=now_ms() + 2 * BLOB_TTL_S * 1000).blobs == 1


def test_a_blob_used_after_it_was_listed_is_not_dropped(kind: Kind) -> None:
    (name,) = blobs = named(b"listed")
    kind.store.put(blobs)
    kind.age(name, 10 * 86_400)
    listed = kind.store.stored()
    kind.store.missing([name])
    assert kind.store.drop(listed) == (0, 0)
    assert read(kind, name) == b"listed"


def test_a_store_has_one_mark_for_all_who_ask_at_once_and_keeps_it(kind: Kind) -> None:
    stores = [open_store(kind.url, prefix=kind.prefix) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        marks = set(pool.map(lambda store: store.identity(), stores))
    assert marks == {kind.store.identity()}
    assert len(marks.pop()) == 16
    for store in stores:
        store.close()


def test_the_mark_of_a_store_is_no_blob(kind: Kind) -> None:
    kind.store.identity()
    kind.store.tidy()
    assert (kind.store.stored(), kind.store.usage().used_bytes) == ([], 0)
    prune_blobs(kind.store, unused_s=-3600)
    before = kind.store.identity()
    assert kind.store.identity() == before


def test_one_folder_is_one_store_by_whatever_path_and_two_are_two(tmp_path: Path) -> None:
    share, other, mount = tmp_path / "share", tmp_path / "other", tmp_path / "mount"
    mark = open_store(share.as_uri()).identity()
    mount.symlink_to(share)
    assert open_store(mount.as_uri()).identity() == mark
    assert open_store(other.as_uri()).identity() != mark
    assert {path.name for path in share.iterdir()} == {MARK}


def test_a_share_without_links_has_a_mark_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    mark = open_store(tmp_path.as_uri()).identity()
    assert len(mark) == 16
    assert open_store(tmp_path.as_uri()).identity() == mark


def test_a_store_that_cannot_be_looked_at_is_seen_with_its_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    seen = see_store(open_store((tmp_path / "file" / "store").as_uri()))
    assert (seen.where, seen.identity) == (str(tmp_path / "file" / "store"), "")
    assert "TIMES_DOCTOR_STORE_URL" in seen.fault
