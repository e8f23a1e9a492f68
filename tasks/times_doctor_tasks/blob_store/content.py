"""Content of blobs as streams of chunks; the hash is checked before the last byte is returned."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import BinaryIO, TypeAlias

from times_doctor_tasks.blob_store.errors import ContentChanged, bad_name

#: Bytes of a chunk before compression: with its header a value stays within 1 MiB, jemalloc's size class
#: (the next one is 1.25 MiB: a chunk of exactly 1 MiB would waste a fifth of the server's memory).
CHUNK_BYTES = (1 << 20) - 4096

Content: TypeAlias = Path | bytes
"""Where a blob's bytes are: a file, or the bytes themselves."""

NAME = re.compile(r"[0-9a-f]{64}")  # a sha256 in hex


def check_blob_name(name: str) -> str:
    """The name, if it is one.

    Raises:
        StoreFailed: it is not a sha256 in hex, so no path or key may be built from it.
    """
    if not NAME.fullmatch(name):
        raise bad_name(name)
    return name


def size_of(content: Content) -> int:
    """Bytes of a content, from the file system."""
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def chunks_of(name: str, content: Content) -> Iterator[bytes]:
    """The content in chunks of `CHUNK_BYTES`, the last one shorter; none for an empty content.

    Raises:
        ContentChanged: before the last chunk, if the whole does not have the hash that is its name.
        OSError: its file cannot be read.
    """

    def changed(found: str) -> None:
        raise ContentChanged(name, found)

    with io.BytesIO(content) if isinstance(content, bytes) else content.open("rb") as stream:
        yield from _checked(name, iter(lambda: stream.read(CHUNK_BYTES), b""), changed)


def checked_stream(
    name: str, chunks: Iterator[bytes], on_damage: Callable[[], Exception], on_close: Callable[[], None]
) -> BinaryIO:
    """`chunks` as a readable file. If the hash is wrong, raises the result of `on_damage` instead of the last chunk."""

    def damaged(_: str) -> None:
        raise on_damage()

    return io.BufferedReader(_ChunkStream(_checked(name, chunks, damaged), on_close), CHUNK_BYTES)


def _checked(name: str, chunks: Iterator[bytes], mismatch: Callable[[str], None]) -> Generator[bytes]:
    digest, last = hashlib.sha256(), b""
    for chunk in chunks:
        if last:
            yield last
        digest.update(chunk)
        last = chunk
    if digest.hexdigest() != name:
        mismatch(digest.hexdigest())
    if last:
        yield last


class _ChunkStream(io.RawIOBase):
    def __init__(self, chunks: Generator[bytes], on_close: Callable[[], None]) -> None:
        self._chunks = chunks
        self._on_close = on_close
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed's WriteableBuffer is private
        if not self._rest:
            self._rest = memoryview(next(self._chunks, b""))
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size

    def close(self) -> None:
        self._chunks.close()
        self._on_close()
        super().close()
