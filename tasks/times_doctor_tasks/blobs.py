"""The blob store: files by the sha256 of their content, behind one small protocol.

A blob is written whole or not at all, under its own hash, so that an upload can be repeated and resumed at will. It
lives `BLOB_TTL_S` from its last use: being uploaded, asked for with `missing`, or opened.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, TypeAlias
from urllib.parse import unquote, urlsplit

from times_doctor_tasks.blob_content import CHUNK_BYTES, Content
from times_doctor_tasks.errors import UsageError
from times_doctor_tasks.settings import BROKER_SCHEMES, shown_url

__all__ = [
    "BLOB_TTL_S",
    "PART_TTL_S",
    "BlobStore",
    "Content",
    "OnSent",
    "OpenBlob",
    "Sent",
    "StoredBlob",
    "Usage",
    "open_store",
    "save",
    "shown_store",
]

#: Life of a blob after its last use, seconds (14 days).
BLOB_TTL_S = 14 * 86_400
#: Life of what an upload left that never became complete, seconds (6 hours): as long it can be resumed.
PART_TTL_S = 6 * 3600
#: The kinds of store there are, as a person writes them. `s3://bucket/prefix` is to come.
KNOWN = "redis (the broker itself), redis://, rediss:// or redis+socket:// (a server of its own), file:///folder"

OnSent: TypeAlias = Callable[[int, int], None]
"""Told now and then while an upload lasts: bytes sent, bytes to send, both before compression."""

OpenBlob: TypeAlias = Callable[[str], BinaryIO]
"""Name of a blob -> its content."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What an upload sent: blobs, their bytes, and the bytes that travelled (less, where a store compresses)."""

    blobs: int = 0
    size_bytes: int = 0
    moved_bytes: int = 0

    def __add__(self, other: Sent) -> Sent:
        return Sent(self.blobs + other.blobs, self.size_bytes + other.size_bytes, self.moved_bytes + other.moved_bytes)


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """A blob that is there: what it takes, and when it was last used (the store's clock)."""

    name: str
    stored_bytes: int
    used_ms: int


@dataclass(frozen=True, slots=True)
class Usage:
    """How full a store is. `limit` says what `room_bytes` comes from, in words."""

    used_bytes: int
    room_bytes: int
    limit: str


class BlobStore(Protocol):
    """Where snapshots and artefacts live. Names are sha256, hex. Safe to use from several threads.

    Every method may raise StoreFailed: StoreUnreachable where a later try may succeed.
    """

    @property
    def where(self) -> str:
        """The store's place, fit for people and logs: without credentials."""

    def missing(self, names: Iterable[str]) -> set[str]:
        """Those of `names` that the store does not have whole; the others are used, so they live on."""

    def put(self, blobs: Mapping[str, Content], on_sent: OnSent | None = None) -> Sent:
        """Stores what is missing, in order; when it returns, every blob is there whole.

        When it fails, blobs that were sent before stay for a while, so that a repetition is short; for want of room
        what was sent is taken back. Blobs that were there before are never touched.

        Raises:
            StoreFull: there is no room.
            ContentChanged: a content does not have the hash that is its name.
            OSError: a file cannot be read.
        """

    def open(self, name: str) -> BinaryIO:
        """The content of a blob, to be closed by the caller.

        Raises:
            BlobGone: it is not there (expired, pruned, or never arrived).
            BlobDamaged: while reading, before the last byte: it is not what its name says.
        """

    def opener(self, names: Sequence[str]) -> OpenBlob:
        """`open` for many blobs, fast if they are opened about in this order: a far store reads ahead."""

    def stored(self) -> list[StoredBlob]:
        """The whole blobs, those longest without use first; not those that expire by themselves before long."""

    def drop(self, blobs: Collection[StoredBlob]) -> tuple[int, int]:
        """Removes those that nobody used since they were listed: how many went, and their bytes."""

    def tidy(self) -> None:
        """Removes expired leftovers of uploads, and mends the accounts."""

    def usage(self) -> Usage:
        """How full it is."""

    def close(self) -> None:
        """Lets go of connections."""


def open_store(
    url: str,
    *,
    broker_url: str | None = None,
    prefix: str = "td",
    quota_bytes: int | None = None,
    ttl_s: float = BLOB_TTL_S,
) -> BlobStore:
    """The store that a URL names. Connects to nothing yet.

    Args:
        url: `redis` for the broker itself, else one of `KNOWN`.
        broker_url: What `redis` stands for.
        prefix: Of keys in Redis (a tenant).
        quota_bytes: The most it may take in Redis, instead of the smaller of 1 GiB and 25 % of maxmemory.
        ttl_s: Life of a blob after its last use.

    Raises:
        UsageError: no such kind of store.
    """
    if url == "redis":
        if broker_url is None:
            raise UsageError("The store 'redis' is the broker itself, and no broker is configured.")
        url = broker_url
    scheme = url.partition(":")[0]
    if scheme == "file":
        from times_doctor_tasks.blob_files import FileBlobs

        return FileBlobs(_folder(url))
    if scheme in BROKER_SCHEMES:
        from times_doctor_tasks.blob_redis import RedisBlobs  # only who has such a store pays for the import

        return RedisBlobs(url, prefix=prefix, quota_bytes=quota_bytes, ttl_s=ttl_s)
    raise UsageError(f"The store {shown_store(url)!r} is of no kind we know: expected {KNOWN}.")


def shown_store(url: str) -> str:
    """A store's URL fit for people and logs, also one that a person got wrong.

    >>> shown_store("redis://u:secret@h:6379/0?socket_timeout=5")
    'redis://u:***@h:6379/0'
    >>> shown_store("redis://:sec/ret@h:6379/0")
    'redis://***'
    """
    place = url.partition("?")[0]
    try:
        shown = shown_url(place)
    except ValueError:  # brackets that do not close
        shown = place + "@"
    return f"{place.partition(':')[0]}://***" if "@" in shown and "***@" not in shown else shown


def save(store: BlobStore, name: str, target: Path) -> None:
    """Writes a blob to `target`, through a temporary name.

    Raises:
        StoreFailed: see `BlobStore.open`; `target` is then as it was.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with store.open(name) as content, part.open("wb") as out:
            shutil.copyfileobj(content, out, CHUNK_BYTES)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _folder(url: str) -> Path:
    parts = urlsplit(url)
    if sys.platform == "win32":
        from urllib.request import url2pathname  # drive letters and \\server\share; heavy to import

        return Path(url2pathname(f"//{parts.netloc}{parts.path}" if parts.netloc else parts.path))
    if parts.netloc not in ("", "localhost") or not parts.path.strip("/"):
        raise UsageError(
            f"The store {shown_store(url)!r} names no folder of this machine: expected file:///folder with three "
            "slashes, where the share is mounted."
        )
    return Path(unquote(parts.path))
