"""Frees space in a store: blobs that were not used for long, and parts of failed uploads."""

from __future__ import annotations

import msgspec

from times_doctor_tasks.blob_store.base import BLOB_TTL_S, BlobStore
from times_doctor_tasks.contract.clock import now_ms


class Pruned(msgspec.Struct, frozen=True):
    """Removed blobs, and their bytes."""

    blobs: int
    freed_bytes: int


def prune_blobs(store: BlobStore, *, unused_s: float = BLOB_TTL_S, at_ms: int | None = None) -> Pruned:
    """Removes blobs that were unused for `unused_s` before `at_ms`; one that is used meanwhile stays.

    Redis drops them after 14 days by itself; a folder needs this now and then. If `unused_s` is shorter than runs wait
    in a queue, scans that have not staged their snapshot yet fail.

    Raises:
        StoreFailed: the store does not answer.
    """
    latest_ms = (now_ms() if at_ms is None else at_ms) - unused_s * 1000
    store.tidy()
    blobs, freed_bytes = store.drop([blob for blob in store.stored() if blob.used_ms <= latest_ms])
    return Pruned(blobs, freed_bytes)
