"""Every kind of blob store, with what a test does behind its back."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import Server
from times_doctor_tasks.blob_store.base import BLOB_TTL_S, BlobStore
from times_doctor_tasks.blob_store.factory import open_store
from times_doctor_tasks.blob_store.file_store import FREE_BYTES
from times_doctor_tasks.contract.keys import Keys
from times_doctor_tasks.state_store.connection import connect

#: Room of a store that is nearly full, bytes.
TIGHT_BYTES = 400_000


@dataclass
class Kind:
    """A store, and hands that reach into it."""

    url: str
    prefix: str
    store: BlobStore
    open_tight: Callable[[], BlobStore]
    """The same store with room for `TIGHT_BYTES` only."""
    damage: Callable[[str], None]
    """Changes what is stored under a name."""
    age: Callable[[str, float], None]
    """Makes a blob's last use so many seconds older."""


@pytest.fixture(params=["file", "redis"])
def kind(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kind]:
    if request.param == "file":
        yield _files(tmp_path / "the store", monkeypatch)
    else:
        yield from _redis(request.getfixturevalue("server"))


def _files(root: Path, monkeypatch: pytest.MonkeyPatch) -> Kind:
    def path(name: str) -> Path:
        return root / name[:2] / name

    def open_tight() -> BlobStore:
        free = type("Disk", (), {"free": FREE_BYTES + TIGHT_BYTES})
        monkeypatch.setattr("times_doctor_tasks.blob_store.file_store.shutil.disk_usage", lambda _: free)
        return open_store(root.as_uri())

    def damage(name: str) -> None:
        content = path(name).read_bytes()
        path(name).chmod(0o644)
        path(name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))

    def age(name: str, seconds: float) -> None:
        then = path(name).stat().st_mtime - seconds
        os.utime(path(name), (then, then))

    return Kind(root.as_uri(), "td", open_store(root.as_uri()), open_tight, damage, age)


def _redis(server: Server) -> Iterator[Kind]:
    prefix = f"t{uuid.uuid4().hex[:8]}"
    keys, client = Keys(prefix), connect(server.url)
    tight: list[BlobStore] = []

    def open_tight() -> BlobStore:
        tight.append(open_store(server.url, prefix=prefix, quota_bytes=TIGHT_BYTES + store.usage().used_bytes))
        return tight[-1]

    def damage(name: str) -> None:
        for key in client.scan_iter(f"{keys.blob(name)}:*"):
            frame = client.get(key)
            assert isinstance(frame, bytes)
            client.set(key, frame[:-1] + bytes([frame[-1] ^ 1]), keepttl=True)

    def age(name: str, seconds: float) -> None:
        client.zincrby(keys.blobs(), -seconds * 1000, name)
        for key in client.scan_iter(f"{keys.blob(name)}*"):
            client.expireat(key, int(time.time() + BLOB_TTL_S - seconds))

    store = open_store(server.url, prefix=prefix)
    yield Kind(server.url, prefix, store, open_tight, damage, age)
    client.close()
    for opened in (store, *tight):
        opened.close()
