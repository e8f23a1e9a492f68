"""The format of a blob in Redis: a head that lists its chunks, and each chunk as one zstd frame."""

from __future__ import annotations

import hashlib
import sys

import msgspec

from times_doctor_tasks.blob_store.content import CHUNK_BYTES

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

#: Level 1: TIMES data shrink to 0.28 at 450 MB/s a core; level 3 gains nothing there and takes half as long again
#: (measured). Incompressible data (GDX) passes at over 5 GB/s, in a frame 14 bytes longer.
LEVEL = 1
#: Hexadecimal digits of a chunk's digest.
DIGEST_DIGITS = 32
#: Most chunks a head may list: 100 GB.
MAX_CHUNKS = 100_000
#: Most bytes that are read of a chunk's frame, and of a head.
MAX_FRAME_BYTES, MAX_HEAD_BYTES = 1 << 20, 8 << 20


class BlobHead(msgspec.Struct, frozen=True):
    """A whole blob: its size, and (digest, stored bytes) of each chunk in order."""

    size_bytes: int
    chunks: tuple[tuple[str, int], ...]
    schema: int = 1

    @property
    def digests(self) -> list[str]:
        """The chunks to keep, each once."""
        return list(dict.fromkeys(digest for digest, _ in self.chunks))


def chunk_digest(chunk: bytes) -> str:
    """The digest of a chunk within its blob; for a blob of one chunk the beginning of its name."""
    return hashlib.sha256(chunk).hexdigest()[:DIGEST_DIGITS]


def pack(chunk: bytes) -> bytes:
    """The zstd frame of a chunk."""
    return zstd.compress(chunk, level=LEVEL)


def unpack(frame: bytes) -> bytes:
    """The chunk of a zstd frame; at most the size of a chunk, whatever the frame claims.

    Raises:
        ValueError: it is not one whole frame of at most a chunk.
    """
    decompressor = zstd.ZstdDecompressor()
    try:
        chunk = decompressor.decompress(frame, max_length=CHUNK_BYTES + 1)
    except zstd.ZstdError as error:
        raise ValueError(str(error)) from error
    if len(chunk) > CHUNK_BYTES or not decompressor.eof or decompressor.unused_data:
        raise ValueError("not one frame of at most a chunk")
    return chunk


def encode_head(head: BlobHead) -> bytes:
    """A head as it is stored."""
    return msgspec.json.encode(head)


def decode_head(raw: bytes) -> BlobHead:
    """A head as it was stored.

    Raises:
        ValueError: it is none (msgspec's errors are ValueErrors).
    """
    try:
        head = msgspec.json.decode(raw, type=BlobHead)
    except RecursionError as error:
        raise ValueError("too deep") from error
    if len(head.chunks) > MAX_CHUNKS or len(head.chunks) != -(-head.size_bytes // CHUNK_BYTES):
        raise ValueError("not as many chunks as its size takes")
    if not all(len(digest) == DIGEST_DIGITS and digest.isalnum() and stored > 0 for digest, stored in head.chunks):
        raise ValueError("names of chunks that are none")
    return head
