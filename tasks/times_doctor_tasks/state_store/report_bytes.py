"""The form of a report in Redis: the documents of many runs are similar, so zlib packs them to a tenth."""

from __future__ import annotations

import zlib

#: Most bytes of a report that are packed, and so unpacked: 40,000 runs. A worker must stay below 200 MB.
MAX_BYTES = 128 << 20
#: The first byte of every JSON document, and of no zlib stream.
_JSON = b"{"


def packed(document: bytes) -> bytes:
    """The zlib stream of a report's JSON; a too large one is unchanged."""
    return zlib.compress(document) if len(document) <= MAX_BYTES else document


def unpacked(raw: bytes) -> bytes:
    """The JSON of a report, packed or not; other bytes are unchanged, and cannot be decoded."""
    if raw.startswith(_JSON):
        return raw
    try:
        return zlib.decompressobj().decompress(raw, MAX_BYTES)
    except zlib.error:
        return raw
