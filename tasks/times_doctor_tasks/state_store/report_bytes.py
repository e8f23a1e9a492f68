"""A report as it lies in Redis: the documents of many runs are alike, and a zlib stream has a tenth of their bytes."""

from __future__ import annotations

import zlib

#: Most bytes of a report that are ever unpacked: 100,000 runs.
MAX_BYTES = 512 << 20
#: What every document begins with, and no zlib stream.
_JSON = b"{"


def packed(document: bytes) -> bytes:
    """The zlib stream of a report's JSON."""
    return zlib.compress(document)


def unpacked(raw: bytes) -> bytes:
    """The JSON of a report, packed or not; what is neither stays as it is, and decodes as nothing."""
    if raw.startswith(_JSON):
        return raw
    try:
        return zlib.decompressobj().decompress(raw, MAX_BYTES)
    except zlib.error:
        return raw
