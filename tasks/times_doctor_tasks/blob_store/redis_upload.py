"""One upload into Redis: batches of chunks, each reserved, and sent and committed in one go."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import redis
from redis.exceptions import OutOfMemoryError

from times_doctor_tasks.blob_store.base import Sent
from times_doctor_tasks.blob_store.chunk_codec import DIGEST_DIGITS, BlobHead, chunk_digest, encode_head, pack
from times_doctor_tasks.blob_store.content import CHUNK_BYTES, Content, chunks_of, size_of
from times_doctor_tasks.blob_store.errors import ContentChanged, StoreFull, Unwanted, megabytes
from times_doctor_tasks.blob_store.redis_scripts import BlobScripts, Chunk, Reservation
from times_doctor_tasks.blob_store.redis_server import full_server
from times_doctor_tasks.blob_store.transfer_progress import OnSent
from times_doctor_tasks.contract.keys import Keys

#: A batch is sent when it has this many bytes, or chunks: two round trips each, and a fraction of a small quota.
BATCH_BYTES = 8 << 20
BATCH_CHUNKS = 256


class Batch(msgspec.Struct, frozen=True):
    """One batch: chunks, and the heads that they complete (name, head, distinct digests)."""

    chunks: list[Chunk]
    heads: list[tuple[str, bytes, list[str]]]
    read_bytes: int
    """Of all batches so far, before compression."""
    is_last: bool = False


class Upload:
    """Sends blobs; used once. Methods may raise `redis.RedisError`."""

    def __init__(
        self, client: redis.Redis, scripts: BlobScripts, keys: Keys, where: str, on_sent: OnSent | None
    ) -> None:
        self._client: Any = client
        self._scripts = scripts
        self._keys = keys
        self._where = where
        self._on_sent = on_sent
        self._total = (0, 0)  # blobs and bytes still to send
        self._read_bytes = 0
        self._reserved_bytes = 0
        self._moved_bytes = 0
        self._digests: dict[str, list[str]] = {}
        self.broken: set[str] = set()
        """After `send`: blobs that are not whole after all (pruned, taken back by another upload meanwhile)."""
        self._expiry_ms: dict[str, int] = {}  # as we set it last: a later one means that another uses the blob

    def send(self, blobs: Mapping[str, Content], others: Sequence[tuple[str, Sequence[str]]] = ()) -> Sent:
        """Sends `blobs` in order. They live for `part_ttl_ms` until all are there; then they are renewed.

        So are `others`, which were there before and are used too: name, and distinct digests.

        Raises:
            StoreFull: no room; what was sent has been taken back.
            Unwanted: by `on_sent`; the same.
            ContentChanged: a content is not what its name says; what was sent of it has been taken back.
        """
        self._total = (len(blobs), sum(size_of(content) for content in blobs.values()))
        try:
            batches = self._batches(blobs)
            with contextlib.closing(_made_ahead(batches) if self._total[1] > BATCH_BYTES else batches) as ready:
                for batch in ready:
                    self._flush(batch, others)
        except (StoreFull, Unwanted):
            self._take_back(self._expiry_ms)
            raise
        except ContentChanged as error:
            self._take_back({error.args[0]} & set(self._expiry_ms))
            raise
        return Sent(len(blobs), self._read_bytes, self._moved_bytes)

    def _batches(self, blobs: Mapping[str, Content]) -> Generator[Batch]:
        chunks: list[Chunk] = []
        heads: list[tuple[str, bytes, list[str]]] = []
        batch_bytes = read_bytes = 0
        for name, content in blobs.items():
            head: list[tuple[str, int]] = []
            size_bytes = 0
            digests = self._digests.setdefault(name, [])
            for raw in chunks_of(name, content):
                alone = not head and len(raw) < CHUNK_BYTES  # its hash is known: no need to compute it twice
                digest = name[:DIGEST_DIGITS] if alone else chunk_digest(raw)
                frame = pack(raw)
                size_bytes += len(raw)
                read_bytes += len(raw)
                head.append((digest, len(frame)))
                if digest not in digests:
                    digests.append(digest)
                    chunks.append(Chunk(name, digest, frame))
                    batch_bytes += len(frame)
                if batch_bytes >= BATCH_BYTES or len(chunks) >= BATCH_CHUNKS:
                    yield Batch(chunks, heads, read_bytes)
                    chunks, heads, batch_bytes = [], [], 0
            heads.append((name, encode_head(BlobHead(size_bytes, tuple(head))), digests))
        yield Batch(chunks, heads, read_bytes, is_last=True)

    def _flush(self, batch: Batch, others: Sequence[tuple[str, Sequence[str]]]) -> None:
        """Sends a batch; with the last one all blobs, and `others`, are renewed."""
        self._read_bytes = batch.read_bytes
        try:
            there = self._reserve(batch.chunks).there if batch.chunks else ()
            absent = [chunk for chunk, is_there in zip(batch.chunks, there, strict=True) if not is_there]
            self._send(absent, batch.heads, [*others, *self._digests.items()] if batch.is_last else [])
        except OutOfMemoryError as error:
            need = self._whole_need(sum(len(chunk.frame) for chunk in batch.chunks))
            raise full_server(self._where, need, self._what(), 0) from error
        if self._on_sent is not None:
            self._on_sent(self._read_bytes, self._total[1])

    def _reserve(self, chunks: list[Chunk]) -> Reservation:
        answer = self._scripts.reserve(chunks)
        if answer.refused:
            need, room = self._whole_need(answer.needed_bytes), answer.room_bytes + self._reserved_bytes
            if answer.refused == "memory":
                raise full_server(self._where, need, self._what(), room)
            limit = f"of its quota of {megabytes(answer.quota_bytes)}"
            advice = "raise its quota with TIMES_DOCTOR_STORE_QUOTA_MB"
            raise StoreFull(self._where, need, room, limit, self._what(), advice)
        self._reserved_bytes += answer.needed_bytes
        self._expiry_ms |= dict.fromkeys((chunk.blob for chunk in chunks), answer.expiry_ms)
        return answer

    def _send(
        self,
        chunks: Sequence[Chunk],
        heads: Sequence[tuple[str, bytes, list[str]]],
        used: Sequence[tuple[str, Sequence[str]]],
    ) -> None:
        """Chunks, the heads that wait for them, and the renewal of all that is `used`, in one round trip."""

        def put_chunks(pipe: Any) -> None:
            for chunk in chunks:
                key = self._keys.blob_chunk(chunk.blob, chunk.digest)
                pipe.set(key, chunk.frame, px=self._scripts.limits.part_ttl_ms)

        # A head that lacks a chunk is not written; its blob is found broken when it is renewed.
        commits = [self._scripts.commit(heads)] if heads else []
        renewals = self._scripts.renew(used)
        answers = self._scripts.together([*commits, *renewals], put_chunks)[len(chunks) :]
        self._moved_bytes += sum(len(chunk.frame) for chunk in chunks)
        if commits:
            expiry_ms = answers.pop(0)[0]
            self._expiry_ms |= dict.fromkeys((name for name, _, _ in heads), expiry_ms)
        self.broken |= {name.decode() for broken in answers for name in broken}

    def _take_back(self, names: Iterable[str]) -> None:
        drops = [(name, self._digests[name], self._expiry_ms[name]) for name in names]
        with contextlib.suppress(redis.RedisError):  # then it expires
            self._scripts.drop(drops)

    def _whole_need(self, batch_bytes: int) -> int:
        """The size of the whole upload, estimated from the compression so far."""
        so_far = self._reserved_bytes + batch_bytes
        return max(so_far, int(so_far * self._total[1] / max(self._read_bytes, 1)))

    def _what(self) -> str:
        blobs, size_bytes = self._total
        files = "1 file takes" if blobs == 1 else f"{blobs:,} files take"
        return f"{files} ({megabytes(size_bytes)} before compression) about"


def _made_ahead(batches: Generator[Batch]) -> Generator[Batch]:
    """The same batches, each read, hashed and compressed while the one before it is sent."""
    with ThreadPoolExecutor(1, thread_name_prefix="blobs") as pool:
        ahead = pool.submit(next, batches)
        while not (batch := ahead.result()).is_last:
            ahead = pool.submit(next, batches)
            yield batch
        yield batch
