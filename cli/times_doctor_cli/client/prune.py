"""`prune`: frees room in stores. Reports and files in RUN_DIR are never touched."""

from __future__ import annotations

import msgspec

from times_doctor_cli.client.session import Client
from times_doctor_tasks.blob_store.base import BlobStore
from times_doctor_tasks.blob_store.factory import open_store
from times_doctor_tasks.blob_store.pruning import prune_blobs
from times_doctor_tasks.config.settings import Settings
from times_doctor_tasks.contract.errors import UsageError

DAY_S = 86_400.0


class PrunedStore(msgspec.Struct, frozen=True):
    """What was removed from one store."""

    where: str
    blobs: int
    freed_bytes: int


def prune(settings: Settings, *, days: float) -> list[PrunedStore]:
    """Removes what was unused for `days` from the store of local scans, and from the team's if a broker is set.

    Raises:
        UsageError: an open scan of the team is older: its hosts may still need its files.
        StoreFailed: a store does not answer.
    """
    pruned = [_pruned(open_store(settings.local_store_url), days)]
    if settings.broker_url is not None:
        client = Client.open(settings, who="prune")
        _refuse_if_needed(client, days)
        pruned.append(_pruned(client.blobs, days))
    return pruned


def _pruned(store: BlobStore, days: float) -> PrunedStore:
    went = prune_blobs(store, unused_s=days * DAY_S)
    return PrunedStore(store.where, went.blobs, went.freed_bytes)


def _refuse_if_needed(client: Client, days: float) -> None:
    with client.answering():
        specs = client.store.open_specs()  # no transaction, which a server without free memory refuses
    if not specs:
        return
    oldest = min(specs, key=lambda spec: spec.created_ms)
    age_days = (client.now_ms() - oldest.created_ms) / 1000 / DAY_S
    if age_days >= days:
        raise UsageError(
            f"Scan {oldest.scan} is open for {age_days:.1f} days, and its hosts may still need its files. Give "
            f"--days {age_days + 1:.0f} or more, or cancel it."
        )
