"""The Lua scripts of the blob store in Redis, one typed method each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
from redis.exceptions import NoScriptError

from times_doctor_tasks.contract.keys import Keys

if TYPE_CHECKING:
    import redis

#: Later than any expiry, and still exact as a Lua number.
_ALWAYS_MS = 1 << 53
VERBS = ("reserve", "commit", "renew", "drop", "recount")
#: Keys in one call: some milliseconds of the server's time.
SLICE_KEYS = 1000

Call: TypeAlias = tuple[str, list[str], list[Any]]
"""A verb with its keys and arguments, to be made together with others."""


class Limits(msgspec.Struct, frozen=True):
    """How much of a server the store may take, and for how long."""

    quota_bytes: int
    quota_share: float
    """Of the server's maxmemory; the smaller of the two counts."""
    free_share: float
    """Of the server's maxmemory, that no upload touches, whatever the quota says."""
    ttl_ms: int
    part_ttl_ms: int


class Chunk(msgspec.Struct, frozen=True):
    """A chunk on its way: its blob, its digest, its frame."""

    blob: str
    digest: str
    frame: bytes


class Reservation(msgspec.Struct, frozen=True):
    """RESERVE's answer. `refused` is empty, or the limit: `quota` or `memory`; `there`: one flag per chunk."""

    refused: str
    expiry_ms: int
    needed_bytes: int
    room_bytes: int
    used_bytes: int
    quota_bytes: int
    there: tuple[bool, ...]


@cache
def source(verb: str) -> str:
    """Lua source of one verb, ready for EVAL: `#!lua ...`, then the shared part, then its own."""
    folder = files("times_doctor_tasks.blob_store") / "lua"
    first, _, rest = (folder / f"{verb}.lua").read_text("utf-8").partition("\n")
    return f"{first}\n{(folder / 'prelude.lua').read_text('utf-8')}{rest}"


class BlobScripts:
    """Calls may raise `redis.RedisError`."""

    def __init__(self, client: redis.Redis, keys: Keys, limits: Limits) -> None:
        self._scripts: dict[str, Any] = {verb: client.register_script(source(verb)) for verb in VERBS}
        self._keys = keys
        self._accounts = [keys.blobs(), keys.blob_bytes()]
        self.limits = limits
        self._client: Any = client

    def reserve(self, chunks: Sequence[Chunk]) -> Reservation:
        """RESERVE room for `chunks` (none: only asks how much there is). See lua/reserve.lua."""
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

    def commit(self, heads: Sequence[tuple[str, bytes, Sequence[str]]]) -> Call:
        """COMMIT blobs (name, head, distinct digests). Returns their expiry, then those that lack a chunk."""
        keys = list(self._accounts)
        args: list[Any] = [self.limits.part_ttl_ms, self.limits.ttl_ms]
        for name, head, digests in heads:
            keys += self._keys_of(name, digests)
            args += [name, head, len(digests)]
        return "commit", keys, args

    def renew(self, blobs: Iterable[tuple[str, Sequence[str]]]) -> list[Call]:
        """RENEW blobs (name, distinct digests), a few hundred per call. Returns those that are incomplete."""
        return [self._renewal(group) for group in _by_weight(blobs)]

    def together(self, calls: Sequence[Call], plain: Callable[[Any], object] = lambda _: None) -> list[Any]:
        """Makes plain commands and then calls in one round trip, and returns all the answers.

        `redis-py` would first ask whether the server knows the scripts: one more round trip each time.

        Raises:
            redis.RedisError: the first error among the answers. One raised by the pipeline itself would quote the
                command, and so the data.
        """
        answers = self._send(calls, plain)
        if any(isinstance(answer, NoScriptError) for answer in answers):
            for verb in {verb for verb, _, _ in calls}:
                self._client.script_load(source(verb))
            answers = self._send(calls, plain)  # every command may be repeated
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers

    def drop(self, blobs: Iterable[tuple[str, Iterable[str], int | None]]) -> list[int | None]:
        """DROP blobs (name, digests, expiry_ms): bytes given back of each, or None if it expires later than that."""
        calls: list[Call] = []
        for name, digests, expiry_ms in blobs:
            keys = self._accounts + self._keys_of(name, digests)
            calls.append(("drop", keys, [name, _ALWAYS_MS if expiry_ms is None else expiry_ms]))
        return [None if freed < 0 else freed for freed in self.together(calls)]

    def recount(self) -> int:
        """RECOUNT: bytes in use."""
        return int(self._scripts["recount"](keys=self._accounts))

    def _send(self, calls: Sequence[Call], plain: Callable[[Any], object]) -> list[Any]:
        pipe = self._client.pipeline(transaction=False)
        plain(pipe)
        for verb, keys, args in calls:
            pipe.evalsha(self._scripts[verb].sha, len(keys), *keys, *args)
        answers: list[Any] = pipe.execute(raise_on_error=False)
        return answers

    def _renewal(self, blobs: Iterable[tuple[str, Sequence[str]]]) -> Call:
        keys = list(self._accounts)
        args: list[Any] = [self.limits.ttl_ms]
        for name, digests in blobs:
            keys += self._keys_of(name, digests)
            args += [name, len(digests)]
        return "renew", keys, args

    def _keys_of(self, name: str, digests: Iterable[str]) -> list[str]:
        return [self._keys.blob(name), *(self._keys.blob_chunk(name, digest) for digest in digests)]


def _by_weight(blobs: Iterable[tuple[str, Sequence[str]]]) -> Iterator[list[tuple[str, Sequence[str]]]]:
    """Groups of blobs, in order, of at most `SLICE_KEYS` keys together, or of one that alone has more."""
    group: list[tuple[str, Sequence[str]]] = []
    weight = 0
    for name, digests in blobs:
        more = 1 + len(digests)
        if group and weight + more > SLICE_KEYS:
            yield group
            group, weight = [], 0
        group.append((name, digests))
        weight += more
    if group:
        yield group
