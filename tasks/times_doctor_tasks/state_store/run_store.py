"""The verbs of the protocol, one typed method each. With `records.py`, what it reads, the only code that speaks Redis.

Every method may raise `redis.RedisError`. The worker retries CLAIM and FINISH on all of them (OOM, READONLY and
LOADING are answers, not lost connections); the client turns them into `BrokerUnavailable` at its edge.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from times_doctor_tasks.contract.cancel_flag import StopRequest
from times_doctor_tasks.contract.clock import now_ms
from times_doctor_tasks.contract.hosts import HostCard
from times_doctor_tasks.contract.keys import EVENTS_MAX, SCAN_TTL_S
from times_doctor_tasks.contract.messages import (
    AnyEvent,
    Extended,
    ProgressMade,
    Report,
    Reported,
    RunResult,
    RunSpec,
    ScanSpec,
    decode,
    encode,
)
from times_doctor_tasks.contract.states import RunState, ScanMode, StopReason, Verdict
from times_doctor_tasks.state_store.done_mark import DoneMark
from times_doctor_tasks.state_store.reader import Records, initial_state
from times_doctor_tasks.state_store.reader import RunStatus as RunStatus  # what the verbs are told was seen
from times_doctor_tasks.state_store.scripts import register

if TYPE_CHECKING:
    import redis

_END_OF_RACE = StopRequest(StopReason.BEATEN, now=True).flag()


@dataclass(frozen=True, slots=True)
class Fence:
    """Who may write a run's state: the attempt, and a token that only its owner knows."""

    attempt: int
    token: str


@dataclass(frozen=True, slots=True)
class Owned:
    """CLAIM: the run is yours. `cancel` is the cancel flag as it stood, empty if none."""

    fence: Fence
    cancel: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """CLAIM: it has ended; a copy of its message only has to return."""

    state: RunState


@dataclass(frozen=True, slots=True)
class Leased:
    """CLAIM: another host works on it."""

    host: str


@dataclass(frozen=True, slots=True)
class Parked:
    """CLAIM: no room here now; the host's PICK brings it back."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """CLAIM: no such run (expired, or another prefix)."""


Claim = Owned | Done | Leased | Parked | Unknown


@dataclass(frozen=True, slots=True)
class Beat:
    """BEAT's answer: whether the run is still ours, and the cancel flag (`<stop reason>[ now]` or empty)."""

    ours: bool
    cancel: str = ""


@dataclass(frozen=True, slots=True)
class Room:
    """Threads and megabytes: what a run needs, or what a host has free."""

    threads: int
    mem_mb: int


class RunStore(Records):
    """Scans, runs, hosts and events under one key prefix, with the verbs that change them."""

    def __init__(self, client: redis.Redis, prefix: str = "td") -> None:
        super().__init__(client, prefix)
        self._scripts = register(client)

    # -- client ---------------------------------------------------------------------------------------------------

    def submit(self, spec: ScanSpec, runs: Sequence[RunSpec]) -> None:
        """Writes a scan and its runs in one transaction, before anything is published."""
        pipe = self.client.pipeline(transaction=True)
        pipe.zremrangebyscore(self.keys.scans(), "-inf", spec.created_ms - SCAN_TTL_S * 1000)
        pipe.set(self.keys.scan(spec.scan), encode(spec), ex=SCAN_TTL_S)
        for run in runs:
            pipe.set(self.keys.run(spec.scan, run.run), encode(run), ex=SCAN_TTL_S)
        pipe.zadd(self.keys.scans(), {spec.scan: spec.created_ms})
        pipe.expire(self.keys.scans(), SCAN_TTL_S)
        pipe.execute()

    def keep_message(self, scan: str, run: str, message: dict[str, bytes]) -> None:
        """Keeps the exact message of a run, so that recovery can publish the same one again."""
        key = self.keys.message(scan, run)
        pipe = self.client.pipeline(transaction=True)
        pipe.hset(key, mapping=message)
        pipe.expire(key, SCAN_TTL_S)
        pipe.execute()

    def ask_cancel(self, scan: str, runs: Iterable[str], request: StopRequest) -> None:
        """Sets the cancel flag of `runs` (`*` = all of the scan)."""
        key = self.keys.cancel(scan)
        pipe = self.client.pipeline(transaction=True)
        pipe.hset(key, mapping=dict.fromkeys(runs, request.flag()))
        pipe.expire(key, SCAN_TTL_S)
        pipe.execute()

    # -- the protocol ---------------------------------------------------------------------------------------------

    def claim(
        self,
        spec: ScanSpec,
        run: RunSpec,
        *,
        host: str,
        token: str,
        need: Room,
        free: Room,
        instance: str = "",
        closed: str = "",
    ) -> Claim:
        """CLAIM: may `host` run this now? See lua/claim.lua.

        Args:
            instance: Which start of the host's worker asks.
            closed: Why the host takes nothing of this kind now: the run is parked there with these words.
        """
        k, scan = self.keys, spec.scan
        mine = [run.run, f"{scan} {run.run}", host, token, initial_state(spec, run.run)]
        bounds = [int(spec.lease_s * 1000), SCAN_TTL_S, EVENTS_MAX]
        room = [need.threads, need.mem_mb, free.threads, free.mem_mb]
        answer = self._scripts["claim"](
            keys=[
                k.state(scan, run.run),
                k.run(scan, run.run),
                k.cancel(scan),
                k.parked(host),
                k.parked_needs(host),
                k.events(scan),
                k.history(scan, run.run),
            ],
            args=[*mine, *bounds, *room, run.priority, instance, closed],
        )
        return _claim_answer(answer, token)

    def beat(self, spec: ScanSpec, run: str, fence: Fence, *, state: RunState) -> Beat:
        """BEAT: renew the lease, learn of a cancel flag. `state` is where the owner believes the run to be."""
        k = self.keys
        answer = self._scripts["beat"](
            keys=[k.state(spec.scan, run), k.cancel(spec.scan), k.events(spec.scan)],
            args=[run, fence.attempt, fence.token, int(spec.lease_s * 1000), SCAN_TTL_S, EVENTS_MAX, state],
        )
        return Beat(ours=answer[0] == b"ok", cancel=answer[1].decode() if len(answer) > 1 else "")

    def advance(self, spec: ScanSpec, run: str, fence: Fence, after: RunState) -> bool:
        """ADVANCE: the owner goes to the next state; False when the run is not his any more.

        Raises:
            ValueError: the table of transitions forbids it (a defect of the caller).
        """
        k = self.keys
        answer = self._scripts["advance"](
            keys=[k.state(spec.scan, run), k.events(spec.scan)],
            args=[run, fence.attempt, fence.token, after, int(spec.lease_s * 1000), SCAN_TTL_S, EVENTS_MAX],
        )
        if answer[0] == b"not allowed":
            raise ValueError(f"run {run!r} cannot go from {answer[1].decode()!r} to {after.value!r}")
        return bool(answer[0] == b"ok")

    def finish(self, spec: ScanSpec, result: RunResult, fence: Fence) -> int:
        """FINISH: end the run, once, as its owner.

        Returns:
            For the winner, however often he asks, how many runs of the scan have ended (reused ones not counted); for
            anybody else 0.
        """
        run = result.run
        answer = self._scripts["finish"](
            keys=self._ending_keys(spec, run),
            args=[
                run,
                fence.attempt,
                fence.token,
                result.state,
                encode(result),
                SCAN_TTL_S,
                EVENTS_MAX,
                result.verdict or "",
                _END_OF_RACE if spec.race and result.verdict is Verdict.OPTIMAL else "",
                *_chain(spec),
            ],
        )
        return int(answer[1]) if answer[0] == b"won" else 0

    def conclude(self, spec: ScanSpec, result: RunResult, *, seen: RunStatus | None = None) -> bool:
        """CONCLUDE: end a run nobody owns, or (with `seen`) one whose owner has not beaten since."""
        run = result.run
        answer = self._scripts["conclude"](
            keys=self._ending_keys(spec, run),
            args=[
                run,
                result.state,
                encode(result),
                SCAN_TTL_S,
                EVENTS_MAX,
                initial_state(spec, run),
                seen.attempt if seen else "",
                seen.beat if seen else "",
                *_chain(spec),
            ],
        )
        return bool(answer[0] == b"concluded")

    def release(self, spec: ScanSpec, run: str, fence: Fence, *, reason: str, counted: bool = False) -> bool:
        """RELEASE: hand the run back; publish its message afterwards. `counted`: the attempt counts all the same."""
        k = self.keys
        answer = self._scripts["release"](
            keys=[k.state(spec.scan, run), k.events(spec.scan), k.history(spec.scan, run)],
            args=[run, fence.attempt, fence.token, reason, SCAN_TTL_S, EVENTS_MAX, 0 if counted else 1],
        )
        return bool(answer[0] == b"ok")

    def requeued(self, spec: ScanSpec, run: str, *, seen: RunStatus, reason: str) -> bool:
        """REQUEUED: mark a silent owner's run as queued, after its message was published again."""
        k = self.keys
        answer = self._scripts["requeued"](
            keys=[k.state(spec.scan, run), k.events(spec.scan)],
            args=[run, seen.attempt, seen.beat, reason, SCAN_TTL_S, EVENTS_MAX],
        )
        return bool(answer[0] == b"ok")

    def parked(self, host: str) -> list[tuple[str, str, Room]]:
        """Runs parked at `host`, best first: (scan, run, need)."""
        members = self.client.zrange(self.keys.parked(host), 0, -1)
        if not members:
            return []
        needs = self.client.hmget(self.keys.parked_needs(host), members)
        rows = []
        for member, need in zip(members, needs, strict=True):
            scan, run = member.decode().split(" ", 1)
            threads, mem_mb = (need or b"1 0").split()
            rows.append((scan, run, Room(int(threads), int(mem_mb))))
        return rows

    def unpark(self, host: str, scan: str, run: str) -> bool:
        """UNPARK: take one parked run off the list; True for the one caller who got it."""
        k = self.keys
        taken = self._scripts["unpark"](
            keys=[k.parked(host), k.parked_needs(host), k.state(scan, run), k.events(scan)],
            args=[f"{scan} {run}", run, SCAN_TTL_S, EVENTS_MAX],
        )
        return bool(taken)

    # -- events ---------------------------------------------------------------------------------------------------

    def tell(self, scan: str, event: AnyEvent) -> None:
        """Adds an event; a `ProgressMade` is also kept as the run's newest look."""
        pipe = self.client.pipeline(transaction=False)
        if isinstance(event, ProgressMade):
            pipe.set(self.keys.progress(scan, event.run), encode(event), ex=SCAN_TTL_S)
        self._add_event(pipe, scan, event)
        pipe.execute()

    # -- hosts ----------------------------------------------------------------------------------------------------

    def register_host(self, card: HostCard, *, ttl_s: int) -> None:
        """Says that a host lives; to be repeated well within `ttl_s`."""
        pipe = self.client.pipeline(transaction=True)
        pipe.set(self.keys.host(card.host), encode(card), ex=ttl_s)
        pipe.zadd(self.keys.hosts(), {card.host: now_ms()})
        pipe.expire(self.keys.hosts(), SCAN_TTL_S)
        pipe.execute()

    def drop_host(self, host: str) -> None:
        """A host says goodbye."""
        pipe = self.client.pipeline(transaction=True)
        pipe.delete(self.keys.host(host))
        pipe.zrem(self.keys.hosts(), host)
        pipe.execute()

    # -- the report -----------------------------------------------------------------------------------------------

    def extend(self, spec: ScanSpec, runs: Sequence[RunSpec]) -> ScanSpec | None:
        """EXTEND: add a round to a scan that has no report yet; see lua/extend.lua.

        Args:
            spec: The scan as the round was worked out from.

        Returns:
            The scan with it, for the one caller who added it; None when its runs are not those of `spec` any more.
        """
        k, scan = self.keys, spec.scan
        raw = self.client.get(k.scan(scan))
        if raw is None or decode(raw, ScanSpec).runs != spec.runs:
            return None
        # As JSON: a newer version's fields stay.
        document = msgspec.json.decode(raw)
        document["runs"] += [run.run for run in runs]
        extended = msgspec.json.encode(document)
        event = encode(Extended(runs=tuple(runs)))
        added = self._scripts["extend"](
            keys=[k.scan(scan), k.reported(scan), k.events(scan), *(k.run(scan, run.run) for run in runs)],
            args=[raw, extended, event, SCAN_TTL_S, EVENTS_MAX, *(encode(run) for run in runs)],
        )
        return decode(extended, ScanSpec) if added else None

    def begin_report(self, scan: str, token: str, *, lease_s: int) -> bool:
        """Whether the caller may make the report now; False when it exists or another makes it."""
        pipe = self.client.pipeline(transaction=True)
        pipe.exists(self.keys.reported(scan))
        pipe.set(self.keys.aggregating(scan), token, nx=True, ex=lease_s)
        is_reported, is_ours = pipe.execute()
        return bool(is_ours) and not is_reported

    def write_report(self, report: Report) -> None:
        """Writes the report, sets the done mark and tells everyone: all of it or nothing, and idempotent."""
        scan = report.scan
        pipe = self.client.pipeline(transaction=True)
        pipe.set(self.keys.report(scan), encode(report), ex=SCAN_TTL_S)
        pipe.set(self.keys.reported(scan), encode(DoneMark.of(report)), ex=SCAN_TTL_S)
        self._add_event(pipe, scan, Reported())
        pipe.execute()

    def _add_event(self, pipe: Any, scan: str, event: AnyEvent) -> None:
        pipe.xadd(self.keys.events(scan), {"e": encode(event)}, maxlen=EVENTS_MAX, approximate=True)
        pipe.expire(self.keys.events(scan), SCAN_TTL_S)

    def _ending_keys(self, spec: ScanSpec, run: str) -> list[str]:
        k, scan = self.keys, spec.scan
        return [
            k.state(scan, run),
            k.result(scan, run),
            k.ended(scan),
            k.events(scan),
            k.history(scan, run),
            k.cancel(scan),
            *(k.state(scan, one) for one in _chain(spec)),
        ]


def _chain(spec: ScanSpec) -> list[str]:
    """The runs of a chain that are to be run, in order; none outside chains."""
    return [run for run in spec.runs if run not in spec.reused] if spec.mode is ScanMode.CHAIN else []


def _claim_answer(answer: list[Any], token: str) -> Claim:
    match answer[0]:
        case b"owned":
            return Owned(Fence(int(answer[1]), token), answer[2].decode())
        case b"done":
            return Done(RunState(answer[1].decode()))
        case b"leased":
            return Leased(answer[1].decode())
        case b"parked":
            return Parked(answer[1].decode())
        case _:
            return Unknown()
