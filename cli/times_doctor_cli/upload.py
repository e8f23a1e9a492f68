"""Sends a snapshot to the store: only what is missing there travels."""

from __future__ import annotations

import io
from pathlib import Path
from typing import BinaryIO

from times_doctor_cli.look.snapshot import Snapshot
from times_doctor_tasks.blobs import BlobStore
from times_doctor_tasks.manifest import encode_manifest, manifest_sha256


def upload(snapshot: Snapshot, store: BlobStore) -> int:
    """Sends what the store lacks, the manifest last; returns how many bytes were sent.

    Raises:
        StoreFailed: the store has no room, or a file changed while it was sent.
    """
    name = manifest_sha256(snapshot.manifest)
    sources: dict[str, Path | bytes] = {**snapshot.blobs, name: encode_manifest(snapshot.manifest)}
    missing = store.missing(sources)
    sent_bytes = 0
    for blob in sorted(missing, key=lambda blob: blob == name):
        with _open(sources[blob]) as content:
            store.put(blob, content)
            sent_bytes += content.tell()
    return sent_bytes


def _open(source: Path | bytes) -> BinaryIO:
    return io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")
