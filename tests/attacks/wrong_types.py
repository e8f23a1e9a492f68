"""Wrong values of our keys: another type, random bytes, invalid numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from times_doctor_tasks.contract.keys import Keys

Break = Callable[[Any, str], object]


def _made(kind: Callable[[Any, str], object]) -> Break:
    def make(client: Any, key: str) -> object:
        client.delete(key)
        return kind(client, key)

    return make


_FIELDS = (
    "state",
    "attempt",
    "beat",
    "lease_ms",
    "since_ms",
    "handbacks",
    "host",
    "owner",
    "token",
    "queue",
    "body",
    "*",
)

KINDS: dict[str, Break] = {
    "text": _made(lambda client, key: client.set(key, "x")),
    "bytes": _made(lambda client, key: client.set(key, b"\xff\xfe\x00")),
    "deep": _made(lambda client, key: client.set(key, b"[" * 200_000)),
    "object": _made(lambda client, key: client.set(key, '{"schema": 1, "scan": "other", "runs": ["x"]}')),
    "list": _made(lambda client, key: client.rpush(key, b"\xff", "x", "{}")),
    "zset": _made(lambda client, key: client.zadd(key, {b"\xff": -1, "x": float("inf")})),
    "hash": _made(lambda client, key: client.hset(key, mapping=dict.fromkeys(_FIELDS, b"\xff"))),
    "negative": _made(lambda client, key: client.hset(key, mapping=dict.fromkeys(_FIELDS, "-5"))),
    "stream": _made(lambda client, key: client.xadd(key, {"x": "y"})),
    "last stream": _made(
        lambda client, key: client.xadd(key, {"e": "y"}, id="18446744073709551615-18446744073709551615")
    ),
}


def of_run(keys: Keys, scan: str, run: str) -> dict[str, str]:
    """Each key of a run and its scan, by a name for people."""
    return {
        "cancel": keys.cancel(scan),
        "ended": keys.ended(scan),
        "events": keys.events(scan),
        "aggregating": keys.aggregating(scan),
        "report": keys.report(scan),
        "run": keys.run(scan, run),
        "message": keys.message(scan, run),
        "state": keys.state(scan, run),
        "history": keys.history(scan, run),
        "progress": keys.progress(scan, run),
        "result": keys.result(scan, run),
    }


def of_team(keys: Keys, host: str) -> dict[str, str]:
    """Each key that scans share, by a name for people."""
    return {
        "scans": keys.scans(),
        "hosts": keys.hosts(),
        "card": keys.host(host),
        "control's card": keys.host(f"control@{host}"),
        "line": keys.line(),
        "needs": keys.line_needs(),
        "seats": keys.seats(),
        "held seats": keys.held_seats(),
        "asked": keys.asked(host),
    }
