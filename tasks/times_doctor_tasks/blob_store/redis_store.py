"""Blobs in Redis: in the broker itself, or in a separate server. It needs no setup, and has a quota.

A blob is a head and chunks of at most 1 MiB, each a string with its own expiry, so that no command blocks the
server long and nothing that an interrupted upload leaves stays for ever. See docs/adr/0006-blob-store.md.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, TypeVar

from times_doctor_tasks.blob_store.base import BLOB_TTL_S, PART_TTL_S, OpenBlob, Sent, StoredBlob, Usage, shown_store
from times_doctor_tasks.blob_store.chunk_codec import MAX_HEAD_BYTES, BlobHead, decode_head
from times_doctor_tasks.blob_store.content import Content, check_blob_name
from times_doctor_tasks.blob_store.errors import megabytes
from times_doctor_tasks.blob_store.redis_download import Fetch
from times_doctor_tasks.blob_store.redis_scripts import SLICE_KEYS, BlobScripts, Limits
from times_doctor_tasks.blob_store.redis_server import bounded, connect_store, translated
from times_doctor_tasks.blob_store.redis_upload import Upload
from times_doctor_tasks.blob_store.transfer_progress import OnSent
from times_doctor_tasks.contract.errors import StoreFailed
from times_doctor_tasks.contract.keys import Keys

_T = TypeVar("_T")

#: The most a store takes of its server: this many bytes, and this share of maxmemory where there is one.
QUOTA_BYTES = 1 << 30
QUOTA_SHARE = 0.25
#: The share of maxmemory that uploads leave free, so that beats, finishes and reports go on.
FREE_SHARE = 0.1
#: Life of a store's mark after it was last asked for, seconds (30 days).
IDENTITY_TTL_S = 30 * 86_400
#: How often to send blobs that vanish during their upload (pruned, or removed by another upload).
ROUNDS = 3


class RedisBlobs:
    """Blobs as keys under a prefix."""

    def __init__(
        self, url: str, *, prefix: str = "td", quota_bytes: int | None = None, ttl_s: float = BLOB_TTL_S
    ) -> None:
        """See `open_store`."""
        self._client: Any = connect_store(url)
        self._where = shown_store(url)
        self._keys = Keys(prefix)
        limits = Limits(
            quota_bytes=quota_bytes or QUOTA_BYTES,
            quota_share=1.0 if quota_bytes else QUOTA_SHARE,
            free_share=FREE_SHARE,
            ttl_ms=int(ttl_s * 1000),
            part_ttl_ms=int(min(ttl_s, PART_TTL_S) * 1000),
        )
        self._scripts = BlobScripts(self._client, self._keys, limits)

    @property
    def where(self) -> str:
        """The server's URL, without credentials."""
        return self._where

    def identity(self) -> str:
        """A key beside the blobs, which lives as long as it is read."""
        key = self._keys.blob_store()
        with translated(self._where):
            pipe = self._client.pipeline(transaction=True)
            pipe.set(key, secrets.token_hex(8), nx=True)
            pipe.expire(key, IDENTITY_TTL_S)
            pipe.get(key)
            return str(pipe.execute()[-1].decode())

    def missing(self, names: Iterable[str]) -> set[str]:
        """Those that have no head, or lack a chunk."""
        asked = dict.fromkeys(names)
        with translated(self._where):
            heads = self._all_heads(asked)
            return {name for name in asked if name not in heads} | self._renew(heads)

    def put(self, blobs: Mapping[str, Content], on_sent: OnSent | None = None) -> Sent:
        """Sends what is missing; a blob gets its full life when all of them are there."""
        sent = Sent()
        with translated(self._where):
            heads = self._all_heads(blobs)
            lacking = {name for name in blobs if name not in heads}
            for _ in range(ROUNDS):
                if lacking:
                    upload = Upload(self._client, self._scripts, self._keys, self._where, on_sent)
                    others = [(name, head.digests) for name, head in heads.items() if name not in lacking]
                    sent += upload.send({name: content for name, content in blobs.items() if name in lacking}, others)
                    lacking = upload.broken
                else:
                    lacking = self._renew(heads)
                if not lacking:
                    return sent
        raise StoreFailed(f"The store at {self._where!r} loses blobs as fast as they are sent. Does it evict keys?")

    def open(self, name: str) -> BinaryIO:
        """Reads a blob a few chunks at a time."""
        return self.opener([name])(name)

    def opener(self, names: Sequence[str]) -> OpenBlob:
        """Reads ahead in the order of `names`: a few round trips for hundreds of small blobs."""
        return Fetch(self._client, self._scripts, self._keys, self._where, names)

    def stored(self) -> list[StoredBlob]:
        """Every blob in the index that has a head."""
        return [blob for blob, head in self._lasting() if head]

    def drop(self, blobs: Collection[StoredBlob]) -> tuple[int, int]:
        """Removes blobs, unless their expiry has changed since."""
        gone: list[int] = []
        with translated(self._where):
            for some in _slices(list(blobs), SLICE_KEYS):
                heads = self._heads([blob.name for blob in some])
                latest_ms = {blob.name: blob.used_ms + self._scripts.limits.ttl_ms for blob in some}
                freed = self._scripts.drop([(name, heads[name].digests, latest_ms[name]) for name in heads])
                gone += [size_bytes for size_bytes in freed if size_bytes is not None]
        return len(gone), sum(gone)

    def tidy(self) -> None:
        """Leaves leftovers to their expiry, forgets blobs that were lost before theirs, and counts all again."""
        with translated(self._where):
            ttl_ms = self._scripts.limits.ttl_ms
            self._scripts.drop((blob.name, (), blob.used_ms + ttl_ms) for blob, head in self._lasting() if not head)
            self._scripts.recount()

    def usage(self) -> Usage:
        """The accounts, and the server's memory."""
        with translated(self._where):
            answer = self._scripts.reserve([])
        return Usage(answer.used_bytes, answer.room_bytes, f"quota {megabytes(answer.quota_bytes)}")

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def _all_heads(self, names: Iterable[str]) -> dict[str, BlobHead]:
        heads: dict[str, BlobHead] = {}
        for some in _slices([check_blob_name(name) for name in names], SLICE_KEYS):
            heads |= self._heads(some)
        return heads

    def _renew(self, heads: Mapping[str, BlobHead]) -> set[str]:
        """Those that lack a chunk after all; the others are renewed."""
        calls = self._scripts.renew((name, head.digests) for name, head in heads.items())
        return {name.decode() for broken in self._scripts.together(calls) for name in broken} if calls else set()

    def _heads(self, names: Sequence[str]) -> dict[str, BlobHead]:
        """The existing heads. An unreadable one is removed."""
        heads = {}
        raws = bounded(self._client, [self._keys.blob(name) for name in names], MAX_HEAD_BYTES)
        for name, raw in zip(names, raws, strict=True):
            if raw is None:
                continue
            try:
                heads[name] = decode_head(raw)
            except ValueError:
                self._scripts.drop([(name, (), None)])
        return heads

    def _lasting(self) -> list[tuple[StoredBlob, BlobHead | None]]:
        """The index, except what may belong to an upload under way, and expires with it if that breaks off."""
        rows = []
        with translated(self._where):
            seconds, _ = self._client.time()
            parts_ms = (seconds + 1) * 1000 + self._scripts.limits.part_ttl_ms
            index = self._client.zrange(self._keys.blobs(), f"({parts_ms}", "+inf", byscore=True, withscores=True)
            for some in _slices(index, SLICE_KEYS):
                names = [name.decode() for name, _ in some]
                heads = self._heads(names)
                sizes = self._client.hmget(self._keys.blob_bytes(), names)
                for (_, expiry_ms), name, size in zip(some, names, sizes, strict=True):
                    used_ms = int(expiry_ms) - self._scripts.limits.ttl_ms
                    rows.append((StoredBlob(name, int(size or 0), used_ms), heads.get(name)))
        return rows


def _slices(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    return (items[first : first + size] for first in range(0, len(items), size))
