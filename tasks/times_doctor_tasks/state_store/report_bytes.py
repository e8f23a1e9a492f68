"""A report as it lies in Redis: the documents of many runs are alike, and a zlib stream has a tenth of their bytes."""

from __future__ import annotations

import zlib

#: Most bytes of a report that are packed, and so ever unpacked: 40,000 runs. A worker must stay below 200 MB.
MAX_BYTES = 128 << 20
#: What every document begins with, and no zlib stream.
_JSON = b"{"


def packed(document: bytes) -> bytes:
    """The zlib stream of a report's JSON; one that is too large stays as it is."""
    return zlib.compress(document) if len(document) <= MAX_BYTES else document


def unpacked(raw: bytes) -> bytes:
    """The JSON of a report, packed or not; what is neither stays as it is, and decodes as nothing."""
    if raw.startswith(_JSON):
        return raw
    try:
        return zlib.decompressobj().decompress(raw, MAX_BYTES)
    except zlib.error:
        return raw
