"""The team's history: the newest 2,000 records of ended runs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence

import msgspec
import redis

from times_doctor_tasks.analysis.history import KEPT, RunRecord
from times_doctor_tasks.contract.errors import SchemaMismatch
from times_doctor_tasks.contract.messages import decode, encode
from times_doctor_tasks.state_store.reader import Records

logger = logging.getLogger(__name__)


def add_past_runs(store: Records, records: Sequence[RunRecord]) -> None:
    """Adds records, without the model's title. It is idempotent: a report may be made twice.

    If the team's ACL does not allow it yet, nothing is written: no report fails for its history.
    """
    if not records:
        return
    key = store.keys.past_runs()
    pipe = store.client.pipeline(transaction=True)
    pipe.zadd(key, {encode(msgspec.structs.replace(record, title="")): record.at_ms for record in records})
    pipe.zremrangebyrank(key, 0, -1 - KEPT)
    try:
        pipe.execute()
    except redis.ResponseError as error:
        logger.warning("the history is not kept: %s", error, extra={"action": "history_not_kept"})


def past_runs(store: Records) -> list[RunRecord]:
    """All records, oldest first; those that this version cannot read are left out."""
    return [record for _, record in _entries(store)]


def forget_past_runs(store: Records, is_meant: Callable[[RunRecord], bool] | None = None) -> None:
    """Removes the matching ones, or all."""
    key = store.keys.past_runs()
    if is_meant is None:
        store.client.delete(key)
    elif gone := [raw for raw, record in _entries(store) if is_meant(record)]:
        store.client.zrem(key, *gone)


def _entries(store: Records) -> Iterator[tuple[bytes, RunRecord]]:
    for raw in store.client.zrange(store.keys.past_runs(), 0, -1):
        try:
            yield raw, decode(raw, RunRecord)
        except SchemaMismatch:
            continue
