"""The Lua scripts of the blob store in Redis, one typed method each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from times_doctor_tasks.keys import Keys

if TYPE_CHECKING:
    import redis

#: Later than any expiry, and still exact as a Lua number.
_ALWAYS_MS = 1 << 53
_VERBS = ("reserve", "commit", "renew", "drop", "recount")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a server the store may take, and for how long."""

    quota_bytes: int
    quota_share: float
    """Of the server's maxmemory; the smaller of the two counts."""
    free_share: float
    """Of the server's maxmemory, that no upload touches, whatever the quota says."""
    ttl_ms: int
    part_ttl_ms: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk on its way: its blob, its digest, its frame."""

    blob: str
    digest: str
    frame: bytes


@dataclass(frozen=True, slots=True)
class Reservation:
    """RESERVE's answer. `refused` is empty, or what limits: `quota` or `memory`; `there`: one flag per chunk."""

    refused: str
    expiry_ms: int
    needed_bytes: int
    room_bytes: int
    used_bytes: int
    quota_bytes: int
    there: tuple[bool, ...]


@cache
def source(verb: str) -> str:
    """Lua source of one verb, ready for EVAL: `#!lua ...` first, then what all share, then its own."""
    folder = files("times_doctor_tasks") / "lua"
    first, _, rest = (folder / f"blob_{verb}.lua").read_text("utf-8").partition("\n")
    return f"{first}\n{(folder / 'blob_prelude.lua').read_text('utf-8')}{rest}"


class BlobScripts:
    """Calls may raise `redis.RedisError`."""

    def __init__(self, client: redis.Redis, keys: Keys, limits: Limits) -> None:
        self._scripts: dict[str, Any] = {verb: client.register_script(source(verb)) for verb in _VERBS}
        self._keys = keys
        self._accounts = [keys.blobs(), keys.blob_bytes()]
        self.limits = limits
        self._client: Any = client

    def reserve(self, chunks: Sequence[Chunk]) -> Reservation:
        """RESERVE room for `chunks` (none: only asks how much there is). See lua/blob_reserve.lua."""
        limits = self.limits
        args: list[Any] = [limits.quota_bytes, limits.quota_share, limits.free_share]
        args += [limits.part_ttl_ms, max(limits.ttl_ms, limits.part_ttl_ms)]
        for chunk in chunks:
            args += [chunk.blob, len(chunk.frame)]
        keys = [self._keys.blob_chunk(chunk.blob, chunk.digest) for chunk in chunks]
        answer = self._scripts["reserve"](keys=self._accounts + keys, args=args)
        return Reservation(
            refused="" if answer[0] == b"ok" else answer[0].decode(),
            expiry_ms=answer[1],
            needed_bytes=answer[2],
            room_bytes=answer[3],
            used_bytes=answer[4],
            quota_bytes=answer[5],
            there=tuple(flag == ord("1") for flag in answer[6]),
        )

    def commit(self, heads: Sequence[tuple[str, bytes, Sequence[str]]]) -> tuple[int, set[str]]:
        """COMMIT blobs (name, head, distinct digests): when they expire, and which lack a chunk after all."""
        keys = list(self._accounts)
        args: list[Any] = [self.limits.part_ttl_ms, self.limits.ttl_ms]
        for name, head, digests in heads:
            keys += self._keys_of(name, digests)
            args += [name, head, len(digests)]
        expiry_ms, *broken = self._scripts["commit"](keys=keys, args=args)
        return expiry_ms, {name.decode() for name in broken}

    def renew(self, blobs: Iterable[tuple[str, Sequence[str]]]) -> set[str]:
        """RENEW blobs (name, distinct digests): which are not whole."""
        keys = list(self._accounts)
        args: list[Any] = [self.limits.ttl_ms]
        for name, digests in blobs:
            keys += self._keys_of(name, digests)
            args += [name, len(digests)]
        return {name.decode() for name in self._scripts["renew"](keys=keys, args=args)}

    def drop(self, blobs: Iterable[tuple[str, Iterable[str], int | None]]) -> list[int | None]:
        """DROP blobs (name, digests, expiry_ms): bytes given back of each, or None if it expires later than that."""
        pipe = self._client.pipeline(transaction=False)
        for name, digests, expiry_ms in blobs:
            keys = self._accounts + self._keys_of(name, digests)
            latest_ms = _ALWAYS_MS if expiry_ms is None else expiry_ms
            self._scripts["drop"](keys=keys, args=[name, latest_ms], client=pipe)
        return [None if freed < 0 else freed for freed in pipe.execute()]

    def recount(self) -> int:
        """RECOUNT: bytes in use."""
        return int(self._scripts["recount"](keys=self._accounts))

    def _keys_of(self, name: str, digests: Iterable[str]) -> list[str]:
        return [self._keys.blob(name), *(self._keys.blob_chunk(name, digest) for digest in digests)]
