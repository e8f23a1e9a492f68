"""Blobs out of Redis: many small ones in few round trips, large ones a few chunks at a time."""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence
from typing import Any, BinaryIO

import redis

from times_doctor_tasks.blob_store.chunk_codec import (
    MAX_FRAME_BYTES,
    MAX_HEAD_BYTES,
    BlobHead,
    decode_head,
    unpack,
)
from times_doctor_tasks.blob_store.content import check_blob_name, checked_stream
from times_doctor_tasks.blob_store.errors import BlobDamaged, BlobGone
from times_doctor_tasks.blob_store.redis_scripts import BlobScripts
from times_doctor_tasks.blob_store.redis_server import bounded, translated
from times_doctor_tasks.contract.keys import Keys

#: How far to read ahead: blobs, and stored bytes of those of one chunk.
AHEAD_BLOBS = 256
AHEAD_BYTES = 8 << 20
#: Bytes of a head that is read ahead: of a blob of some 80 MB. A longer one is read separately.
AHEAD_HEAD_BYTES = 4096
#: Chunks of a large blob in one round trip.
AHEAD_CHUNKS = 4


class Fetch:
    """Opens blobs; reads ahead the next ones in `names`."""

    def __init__(self, client: redis.Redis, scripts: BlobScripts, keys: Keys, where: str, names: Sequence[str]) -> None:
        self._client: Any = client
        self._scripts = scripts
        self._keys = keys
        self._where = where
        self._names = list(dict.fromkeys(names))
        self._place = {name: place for place, name in enumerate(self._names)}
        self._ready: dict[str, tuple[BlobHead, bytes | None]] = {}
        self._lock = threading.Lock()

    def __call__(self, name: str) -> BinaryIO:
        """See `BlobStore.open`."""
        check_blob_name(name)
        with self._lock, translated(self._where):
            if name not in self._ready:
                place = self._place.get(name)
                self._look([name] if place is None else self._names[place : place + AHEAD_BLOBS])
            found = self._ready.pop(name, None)
        if found is None:
            raise BlobGone(name, self._where)
        head, frame = found

        def on_damage() -> Exception:
            return self._damaged(name, head)

        chunks = self._chunks(name, head, frame)
        return checked_stream(name, chunks, on_damage, chunks.close)

    def _look(self, names: Sequence[str]) -> None:
        """Fetches the first of `names`, and the next ones up to `AHEAD_BYTES`."""
        heads: dict[str, BlobHead] = {}
        stored_bytes = 0
        raws = bounded(self._client, [self._keys.blob(name) for name in names], AHEAD_HEAD_BYTES)
        if len(raws[0] or b"") > AHEAD_HEAD_BYTES:
            raws = bounded(self._client, [self._keys.blob(names[0])], MAX_HEAD_BYTES)
        for name, raw in zip(names, raws, strict=False):
            if raw is None or (name != names[0] and len(raw) > AHEAD_HEAD_BYTES):  # the first is whole, others are cut
                continue
            head = self._read_head(name, raw)
            stored_bytes += head.chunks[0][1] if len(head.chunks) == 1 else 0
            if heads and stored_bytes > AHEAD_BYTES:
                break
            heads[name] = head
        small = [name for name, head in heads.items() if len(head.chunks) == 1]
        keys = [self._keys.blob_chunk(name, heads[name].chunks[0][0]) for name in small]
        renewals = self._scripts.renew((name, head.digests) for name, head in heads.items())
        answers = self._scripts.together(
            renewals, lambda pipe: [pipe.getrange(key, 0, MAX_FRAME_BYTES) for key in keys]
        )
        frames = dict(zip(small, answers, strict=False))
        gone = {name.decode() for broken in answers[len(keys) :] for name in broken}
        self._ready = {name: (head, frames.get(name)) for name, head in heads.items() if name not in gone}

    def _read_head(self, name: str, raw: bytes) -> BlobHead:
        try:
            return decode_head(raw)
        except ValueError as error:
            raise self._damaged(name, BlobHead(0, ())) from error

    def _chunks(self, name: str, head: BlobHead, frame: bytes | None) -> Generator[bytes]:
        if frame is not None:
            yield self._unpacked(name, head, frame)
            return
        for first in range(0, len(head.chunks), AHEAD_CHUNKS):
            keys = [self._keys.blob_chunk(name, digest) for digest, _ in head.chunks[first : first + AHEAD_CHUNKS]]
            with translated(self._where):
                frames = bounded(self._client, keys, MAX_FRAME_BYTES)
            for part in frames:
                if part is None:
                    raise BlobGone(name, self._where)
                yield self._unpacked(name, head, part)

    def _unpacked(self, name: str, head: BlobHead, frame: bytes) -> bytes:
        try:
            return unpack(frame)
        except ValueError as error:
            raise self._damaged(name, head) from error

    def _damaged(self, name: str, head: BlobHead) -> Exception:
        with translated(self._where):
            self._scripts.drop([(name, head.digests, None)])
        return BlobDamaged(name, self._where)
