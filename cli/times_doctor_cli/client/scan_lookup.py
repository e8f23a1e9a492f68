"""Finds the scan that a user names: an id, the beginning of one, or `last`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from times_doctor_cli.client.session import Client
from times_doctor_tasks.contract.errors import UsageError
from times_doctor_tasks.contract.messages import ScanSpec
from times_doctor_tasks.state_store.fair_order import person_of

#: The user's newest scan.
LAST = "last"
_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
#: Most ids named if several begin alike.
_MOST = 5


def looks_like_scan(text: str) -> bool:
    """Whether `text` could be an id, the beginning of one, or `last`, and not a path with folders."""
    return _ID.fullmatch(text) is not None


def find_scan(client: Client, text: str, *, me: str) -> ScanSpec:
    """The scan that `text` names.

    `last` is the newest scan of `me` (user@host), else of that user on any host; never a colleague's, which a hasty
    `cancel last` would stop.

    Raises:
        UsageError: there is none, or several begin so.
        BrokerUnavailable: the broker does not answer.
    """
    with client.answering():
        if text == LAST:
            return _last(client.store.specs(client.store.scans()), me)
        if not looks_like_scan(text):
            raise UsageError(f"{text!r} is no scan id. Expected one like 261123-142305-a1f3, its prefix, or 'last'.")
        exact = client.store.scan(text)
        if exact is not None:
            return exact
        found = [scan for scan in client.store.scans() if scan.startswith(text)]
        spec = client.store.scan(found[0]) if len(found) == 1 else None
    if spec is not None:
        return spec
    if len(found) > 1:
        raise UsageError(f"{text!r} begins {len(found)} scan ids: {', '.join(found[:_MOST])}. Type more of it.")
    raise UsageError(f"No scan {text!r} at {client.shown_broker!r}. `times-doctor list` shows which there are.")


def _last(specs: Sequence[ScanSpec], me: str) -> ScanSpec:
    """`specs`, newest first."""
    user = person_of(me)
    for is_mine in (lambda spec: spec.client == me, lambda spec: person_of(spec.client) == user):
        mine = next(filter(is_mine, specs), None)
        if mine is not None:
            return mine
    raise UsageError(f"{user!r} has no scan on this broker. `times-doctor list` shows all; name one by its id.")
