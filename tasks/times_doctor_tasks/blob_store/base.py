"""The protocol of all blob stores, and the results of its methods.

A blob is written whole or not at all, under its own hash, so that an upload can be repeated and resumed at will. It
lives `BLOB_TTL_S` from its last use: being uploaded, asked for with `missing`, or opened.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import BinaryIO, Protocol, TypeAlias

import msgspec

from times_doctor_tasks.blob_store.content import Content
from times_doctor_tasks.blob_store.transfer_progress import OnSent
from times_doctor_tasks.config.settings import shown_url
from times_doctor_tasks.contract.errors import StoreFailed

#: Life of a blob after its last use, seconds (14 days).
BLOB_TTL_S = 14 * 86_400
#: Seconds that an incomplete upload is kept (6 hours): it can be resumed until then.
PART_TTL_S = 6 * 3600

OpenBlob: TypeAlias = Callable[[str], BinaryIO]
"""Name of a blob -> its content."""


class Sent(msgspec.Struct, frozen=True):
    """What an upload sent: blobs, their bytes, and the bytes that were sent (less, if a store compresses)."""

    blobs: int = 0
    size_bytes: int = 0
    moved_bytes: int = 0

    def __add__(self, other: Sent) -> Sent:
        return Sent(self.blobs + other.blobs, self.size_bytes + other.size_bytes, self.moved_bytes + other.moved_bytes)


class StoredBlob(msgspec.Struct, frozen=True):
    """A stored blob: its size, and its last use (the store's clock)."""

    name: str
    stored_bytes: int
    used_ms: int


class Usage(msgspec.Struct, frozen=True):
    """How full a store is. `limit` names what limits `room_bytes`, as text."""

    used_bytes: int
    room_bytes: int
    limit: str


class StoreSight(msgspec.Struct, frozen=True):
    """A store as one machine sees it."""

    where: str
    """See `BlobStore.where`."""
    identity: str = ""
    """See `BlobStore.identity`; empty where it is not known."""
    fault: str = ""
    """Why it does not work, as text; empty if it does."""


def see_store(store: BlobStore) -> StoreSight:
    """A store as this machine sees it now; with its fault if it fails."""
    try:
        return StoreSight(store.where, store.identity())
    except StoreFailed as error:
        return StoreSight(store.where, fault=str(error))


class BlobStore(Protocol):
    """A store of snapshots and artefacts. Names are sha256, hex. Safe to use from several threads.

    Every method may raise StoreFailed: StoreUnreachable if a later try may succeed.
    """

    @property
    def where(self) -> str:
        """The store's place for messages and logs, without credentials."""

    def identity(self) -> str:
        """The store's identity, whatever its URL on each machine: a mark in the store itself.

        The first process that asks creates it. A store that lost its data gets a new one.
        """

    def missing(self, names: Iterable[str]) -> set[str]:
        """Those of `names` that are missing or incomplete in the store; for the others this counts as a use."""

    def put(self, blobs: Mapping[str, Content], on_sent: OnSent | None = None) -> Sent:
        """Stores missing blobs, in order; when it returns, every blob is complete in the store.

        When it fails, blobs that were sent before stay for a while, so that a repetition is short; if space is short,
        or `on_sent` raises `Unwanted`, sent blobs are removed. Earlier blobs are never touched.

        Raises:
            StoreFull: there is no room.
            ContentChanged: a content does not have the hash that is its name.
            OSError: a file cannot be read.
        """

    def open(self, name: str) -> BinaryIO:
        """The content of a blob; the caller must close it.

        Raises:
            BlobGone: it is not there (expired, pruned, or never arrived).
            BlobDamaged: while reading, before the last byte: its hash is wrong.
        """

    def opener(self, names: Sequence[str]) -> OpenBlob:
        """`open` for many blobs, fast if they are opened roughly in this order: a far store reads ahead."""

    def stored(self) -> list[StoredBlob]:
        """The complete blobs, least recently used first; without those that will soon expire."""

    def drop(self, blobs: Collection[StoredBlob]) -> tuple[int, int]:
        """Removes those that were not used since they were listed; returns number and bytes."""

    def tidy(self) -> None:
        """Removes expired leftovers of uploads, and corrects the accounts."""

    def usage(self) -> Usage:
        """How full it is."""

    def close(self) -> None:
        """Closes the connections."""


def shown_store(url: str) -> str:
    """A store's URL for messages and logs, even if it is malformed.

    >>> shown_store("redis://u:secret@h:6379/0?socket_timeout=5")
    'redis://u:***@h:6379/0'
    >>> shown_store("redis://:sec/ret@h:6379/0")
    'redis://***'
    """
    return shown_url(url.partition("?")[0])
