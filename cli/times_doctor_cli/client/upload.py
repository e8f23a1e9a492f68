"""Sends a snapshot to the store: only what is missing there."""

from __future__ import annotations

from pathlib import Path

from times_doctor_cli.run_folder.hash_cache import FileChanged, FileUnreadable
from times_doctor_cli.run_folder.snapshot import Snapshot
from times_doctor_tasks.blob_store.base import BlobStore, Sent
from times_doctor_tasks.blob_store.content import Content
from times_doctor_tasks.blob_store.errors import ContentChanged
from times_doctor_tasks.blob_store.transfer_progress import OnSent
from times_doctor_tasks.snapshot.manifest import encode_manifest, manifest_sha256


def upload(snapshot: Snapshot, store: BlobStore, on_sent: OnSent | None = None) -> Sent:
    """Sends what the store lacks, the manifest last. If the store is full, removes what it had sent.

    Raises:
        StoreFailed: the store has no room (StoreFull), or does not answer.
        FileChanged: a file changed since it was hashed.
        FileUnreadable: a file was removed, or may not be read.
    """
    name = manifest_sha256(snapshot.manifest)
    sources: dict[str, Content] = {**snapshot.blobs, name: encode_manifest(snapshot.manifest)}
    try:
        return store.put(sources, on_sent)
    except ContentChanged as error:
        changed = sources[error.args[0]]
        if isinstance(changed, Path):
            raise FileChanged(str(changed)) from error
        raise
    except OSError as error:
        raise FileUnreadable(str(error.filename), error.strerror or str(error)) from error
