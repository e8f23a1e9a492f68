"""Reads files of any length within bounds: whole, or the two ends with a line between about the omitted part."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from times_doctor_tasks.parsers.lines import left_out

PIECE_BYTES = 1 << 20


def spans(file: BinaryIO, *, whole_bytes: int, end_bytes: int) -> list[tuple[int, int]]:
    """The parts to read of a file: all of it, or its two ends if it has more than `whole_bytes`.

    Both ends are cut at the beginning of a line, if there is one within `PIECE_BYTES`.
    """
    size_bytes = os.fstat(file.fileno()).st_size
    if size_bytes <= whole_bytes:
        return [(0, size_bytes)]
    head_end = _line_start(file, end_bytes)
    return [(0, head_end), (max(head_end, _line_start(file, size_bytes - end_bytes)), size_bytes)]


def span_pieces(file: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    """The bytes from `start` to `end`, at most `PIECE_BYTES` at a time."""
    file.seek(start)
    while start < end and (piece := file.read(min(PIECE_BYTES, end - start))):
        start += len(piece)
        yield piece


def ends(path: Path, *, whole_bytes: int, end_bytes: int) -> bytes:
    """The file, or its two ends with the line of `left_out` between.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        found = spans(file, whole_bytes=whole_bytes, end_bytes=end_bytes)
        parts = [_read(file, start, end) for start, end in found]
    return parts[0] if len(parts) == 1 else parts[0] + f"\n{left_out(found[1][0] - found[0][1])}\n".encode() + parts[1]


def longest(paths: Iterable[Path]) -> tuple[int, str]:
    """Bytes and name of the largest existing file; (0, "") if there is none."""
    sizes = [(0, "")]
    for path in paths:
        with contextlib.suppress(OSError):
            sizes.append((path.stat().st_size, path.name))
    return max(sizes)


def _read(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(end - start)


def _line_start(file: BinaryIO, place: int) -> int:
    file.seek(place)
    line = file.readline(PIECE_BYTES)
    return place + len(line) if line.endswith(b"\n") else place
