"""Messages that no worker can read: stored and counted, with their runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import redis

from times_doctor_tasks.contract.errors import SchemaMismatch
from times_doctor_tasks.contract.keys import SCAN_TTL_S, Keys
from times_doctor_tasks.contract.messages import Document, decode, encode

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Dead letters that are stored; all of them are counted.
KEPT = 200
#: Bytes of a message that are stored.
HEAD_BYTES = 2048


class DeadLetter(Document, frozen=True, kw_only=True):
    """A message that no worker could read."""

    at_ms: int
    """By the clock of the host that put it aside."""
    queue: str
    reason: str
    origin: str
    """Process and machine that published it, as it says itself; empty where it does not."""
    by: str
    """The host that put it aside."""
    size_bytes: int
    scan: str = ""
    run: str = ""
    """Its run, if known."""
    head: bytes = b""
    """Its first bytes, at most `HEAD_BYTES`."""


class DeadLetters:
    """The list of dead letters under one key prefix. Every method may raise `redis.RedisError`."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    def put_aside(self, letter: DeadLetter) -> None:
        """Stores a letter and counts it; if its run exists, control will end the run."""
        k = self._keys
        for key, kind in ((k.dead(), b"list"), (k.dead_counts(), b"hash"), (k.dead_runs(), b"hash")):
            if self._client.type(key) not in (kind, b"none"):
                self._client.delete(key)  # wrong type: it cannot hold our data
        pipe = self._client.pipeline(transaction=True)
        pipe.lpush(k.dead(), encode(letter))
        pipe.ltrim(k.dead(), 0, KEPT - 1)
        pipe.expire(k.dead(), SCAN_TTL_S)
        pipe.hincrby(k.dead_counts(), letter.reason, 1)
        pipe.expire(k.dead_counts(), SCAN_TTL_S)
        if letter.run and self._client.exists(k.run(letter.scan, letter.run)):
            pipe.hset(k.dead_runs(), f"{letter.scan} {letter.run}", letter.reason)
            pipe.expire(k.dead_runs(), SCAN_TTL_S)
        pipe.execute()

    def newest(self) -> list[DeadLetter]:
        """The stored ones, newest first; invalid entries are left out."""
        letters = []
        for raw in self._list(self._keys.dead()):
            try:
                letters.append(decode(raw, DeadLetter))
            except SchemaMismatch:
                continue
        return letters

    def counts(self) -> dict[str, int]:
        """Counts by reason since the last drop."""
        return {
            reason.decode("utf-8", "replace"): int(count)
            for reason, count in self._hash(self._keys.dead_counts()).items()
            if count.isdigit()
        }

    def runs(self) -> dict[tuple[str, str], str]:
        """(scan, run) to the reason, for runs that control has not ended yet."""
        found = {}
        for member, reason in self._hash(self._keys.dead_runs()).items():
            scan, _, run = member.decode("utf-8", "replace").partition(" ")
            found[scan, run] = reason.decode("utf-8", "replace")
        return found

    def settle(self, scan: str, run: str) -> None:
        """Notes that control has ended the run."""
        self._client.hdel(self._keys.dead_runs(), f"{scan} {run}")

    def drop(self) -> int:
        """Deletes all letters and their count; returns how many were stored."""
        kept = len(self._list(self._keys.dead()))
        self._client.delete(self._keys.dead(), self._keys.dead_counts())
        return kept

    def _list(self, key: str) -> list[bytes]:
        return self._client.lrange(key, 0, -1) if self._client.type(key) == b"list" else []  # type: ignore[return-value]

    def _hash(self, key: str) -> Mapping[bytes, bytes]:
        return self._client.hgetall(key) if self._client.type(key) == b"hash" else {}  # type: ignore[return-value]
