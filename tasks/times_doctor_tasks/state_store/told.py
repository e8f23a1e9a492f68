"""The notifications of a scan, so that only one of several control workers sends each, once."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import redis

from times_doctor_tasks.contract.keys import SCAN_TTL_S
from times_doctor_tasks.state_store.reader import Records

logger = logging.getLogger(__name__)


def mark_told(store: Records, scan: str, events: Sequence[str]) -> list[str]:
    """Marks events of a scan as sent.

    Returns those that were new, for the caller to send; an empty list if an ACL forbids it.
    """
    pipe = store.client.pipeline(transaction=True)
    for event in events:
        pipe.sadd(store.keys.told(scan), event)
    pipe.expire(store.keys.told(scan), SCAN_TTL_S)
    try:
        return [event for event, added in zip(events, pipe.execute(), strict=False) if added]
    except redis.ResponseError as error:
        logger.warning("no message is sent: %s", error, extra={"action": "not_told", "scan": scan})
        return []
