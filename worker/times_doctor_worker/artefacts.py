"""Files of a run that go back to whoever asked: into the store, the huge ones by head and tail."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from times_doctor_tasks.blobs import BlobStore, sha256_of
from times_doctor_tasks.messages import Artefact

#: Larger files keep only their two ends.
MAX_BYTES = 50 * 1024 * 1024
#: Bytes kept of each end of a larger file.
END_BYTES = 5 * 1024 * 1024


def keep_artefacts(store: BlobStore, paths: Sequence[Path]) -> list[Artefact]:
    """Puts the files into the store, smallest first, so that a full store keeps the most telling ones."""
    kept = []
    for path in sorted(paths, key=lambda path: path.stat().st_size):
        size_bytes = path.stat().st_size
        with _content(path, size_bytes) as content:
            name = sha256_of(content)
            kept_bytes = content.tell()
            content.seek(0)
            store.put(name, content)
        kept.append(Artefact(name=path.name, sha256=name, size_bytes=size_bytes, kept_bytes=kept_bytes))
    return kept


def _content(path: Path, size_bytes: int) -> BinaryIO:
    if size_bytes <= MAX_BYTES:
        return path.open("rb")
    with path.open("rb") as whole:
        head = whole.read(END_BYTES)
        whole.seek(size_bytes - END_BYTES)
        tail = whole.read()
    left_out = size_bytes - len(head) - len(tail)
    return io.BytesIO(head + f"\n*** {left_out} bytes left out by times-doctor ***\n".encode() + tail)
