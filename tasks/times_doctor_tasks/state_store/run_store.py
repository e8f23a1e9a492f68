"""The verbs of the protocol, one typed method each. Together with `reader.py` the only code that talks to Redis.

Every method may raise `redis.RedisError`. The worker retries CLAIM and FINISH on all of them (OOM, READONLY and
LOADING are answers, not lost connections); the client turns them into `BrokerUnavailable` at its edge.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from times_doctor_tasks.contract.cancel_flag import StopRequest
from times_doctor_tasks.contract.clock import monotonic_s, now_ms
from times_doctor_tasks.contract.errors import InfrastructureError
from times_doctor_tasks.contract.hosts import HostCard
from times_doctor_tasks.contract.keys import EVENTS_KEPT, EVENTS_MAX, SCAN_TTL_S
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
from times_doctor_tasks.state_store.fair_order import LAST_STEP
from times_doctor_tasks.state_store.reader import Records, initial_state
from times_doctor_tasks.state_store.reader import RunStatus as RunStatus  # the caller's reads, for the verbs
from times_doctor_tasks.state_store.report_bytes import packed
from times_doctor_tasks.state_store.scripts import register

if TYPE_CHECKING:
    import redis

logger = logging.getLogger(__name__)

#: Seconds for which a run in line is reserved for the host that takes it.
KEPT_S = 10.0
#: Seconds between the end of a seat's lease and its next holder: a solver is killed seven seconds after a stop request.
SEAT_MARGIN_S = 10.0
#: Seconds for which a host that cannot reach Redis keeps its seat; then its solver is stopped.
SEAT_LEASE_S = 900.0
_MARGIN_MS = int(SEAT_MARGIN_S * 1000)
#: The end of a seat that is not needed: its solver has no limit.
NO_SEAT_S = float("inf")
_END_OF_RACE = StopRequest(StopReason.BEATEN, now=True).flag()


@dataclass(frozen=True, slots=True)
class Fence:
    """The right to write a run's state: the attempt, and a token that only its owner knows."""

    attempt: int
    token: str
    seat: str = field(default="", compare=False)
    """The name under which it holds a seat, if its solver has a limit: `<solver> <host> <scan> <run> <attempt>`."""


@dataclass(frozen=True, slots=True)
class Owned:
    """CLAIM: the run is yours. `cancel` is its cancel flag, empty if none."""

    fence: Fence
    cancel: str = ""
    seat_until_s: float = field(default=NO_SEAT_S, compare=False)
    """Monotonic, by this machine: unless the seat is renewed before, its solver must end."""


class Done(msgspec.Struct, frozen=True):
    """CLAIM: the run has ended; the task of this duplicate message only has to return."""

    state: RunState


class Leased(msgspec.Struct, frozen=True):
    """CLAIM: another host owns the run."""

    host: str


class Parked(msgspec.Struct, frozen=True):
    """CLAIM: no free capacity here, or no free seat; it waits in the line of all hosts."""

    reason: str


class Unknown(msgspec.Struct, frozen=True):
    """CLAIM: no such run (expired, or another prefix)."""


Claim = Owned | Done | Leased | Parked | Unknown


@dataclass(frozen=True, slots=True)
class Beat:
    """BEAT's answer: whether the run is still ours, and the cancel flag (`<stop reason>[ now]` or empty)."""

    ours: bool
    cancel: str = ""
    seat_until_s: float = field(default=NO_SEAT_S, compare=False)
    """As in `Owned`."""


class Room(msgspec.Struct, frozen=True):
    """Threads and megabytes that a run needs, or that a host has free."""

    threads: int
    mem_mb: int


class NobodyWaits(Exception):  # an answer, not a failure
    """TAKE: the line is empty."""


class RunStore(Records):
    """Scans, runs, hosts and events under one key prefix, with the verbs that change them."""

    def __init__(self, client: redis.Redis, prefix: str = "td") -> None:
        super().__init__(client, prefix)
        self._scripts = register(client)

    # -- client ---------------------------------------------------------------------------------------------------

    def submit(self, spec: ScanSpec, runs: Sequence[RunSpec]) -> None:
        """Writes a scan and its runs in one transaction, before anything is published.

        Raises:
            InfrastructureError: another scan has this id.
        """
        raw = encode(spec)
        pipe = self.client.pipeline(transaction=True)
        pipe.zremrangebyscore(self.keys.scans(), "-inf", spec.created_ms - SCAN_TTL_S * 1000)
        pipe.set(self.keys.scan(spec.scan), raw, ex=SCAN_TTL_S, nx=True, get=True)
        for run in runs:
            pipe.set(self.keys.run(spec.scan, run.run), encode(run), ex=SCAN_TTL_S, nx=True)
        pipe.zadd(self.keys.scans(), {spec.scan: spec.created_ms})
        pipe.expire(self.keys.scans(), SCAN_TTL_S)
        before = self._execute(pipe, {self.keys.scans(): b"zset", self.keys.scan(spec.scan): b"string"})[1]
        if before not in (None, raw):  # it is the same where a lost answer made redis-py send it again
            raise InfrastructureError(f"There is a scan {spec.scan} already, which stays as it is. Start yours again.")

    def keep_message(self, scan: str, run: str, message: dict[str, bytes]) -> None:
        """Stores the exact message of a run, so that recovery can publish the same one again."""
        key = self.keys.message(scan, run)
        pipe = self.client.pipeline(transaction=False)
        pipe.hset(key, mapping=message)
        pipe.expire(key, SCAN_TTL_S)
        self._execute(pipe, {key: b"hash"})

    def ask_cancel(self, scan: str, runs: Iterable[str], request: StopRequest) -> None:
        """Sets the cancel flag of `runs` (`*` = all of the scan)."""
        key = self.keys.cancel(scan)
        pipe = self.client.pipeline(transaction=True)
        pipe.hset(key, mapping=dict.fromkeys(runs, request.flag()))
        pipe.expire(key, SCAN_TTL_S)
        self._execute(pipe, {key: b"hash"})

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
            instance: The id of this start of the host's worker.
            closed: Why the host takes no such runs now: the run waits in line with this reason.
        """
        k, scan, name, asked_s = self.keys, spec.scan, run.run, monotonic_s()
        keys = [k.state(scan, name), k.run(scan, name), k.cancel(scan), k.line(), k.line_needs(), k.events(scan)]
        keys += [k.history(scan, name), k.held_seats()]
        seat = f"{run.solver} {host} {scan} {name}"
        args = [name, f"{scan} {name}", host, token, initial_state(spec, name), int(spec.lease_s * 1000), SCAN_TTL_S]
        args += [EVENTS_MAX, need.threads, need.mem_mb, free.threads, free.mem_mb, run.priority, instance, closed]
        args += [need_words(run, need), run.solver, seat, _MARGIN_MS, k.seats()]
        answer = self._scripts["claim"](keys=keys, args=args)
        return _claim_answer(answer, token, seat, asked_s)

    def beat(self, spec: ScanSpec, run: str, fence: Fence, *, state: RunState) -> Beat:
        """BEAT: renew leases, read the cancel flag. `state` is the run's state as the owner knows it."""
        k, asked_s = self.keys, monotonic_s()
        seat = [fence.seat.partition(" ")[0], fence.seat, _MARGIN_MS, k.seats()]
        answer = self._scripts["beat"](
            keys=[k.state(spec.scan, run), k.cancel(spec.scan), k.events(spec.scan), k.held_seats()],
            args=[run, fence.attempt, fence.token, int(spec.lease_s * 1000), SCAN_TTL_S, EVENTS_MAX, state, *seat],
        )
        if answer[0] != b"ok":
            return Beat(ours=False)
        return Beat(
            ours=True, cancel=answer[1].decode("utf-8", "replace"), seat_until_s=_seat_until_s(asked_s, answer[2])
        )

    def advance(self, spec: ScanSpec, run: str, fence: Fence, after: RunState) -> bool:
        """ADVANCE: the owner goes to the next state; False if it does not own the run any more.

        Raises:
            ValueError: the table of transitions forbids it (a defect of the caller).
        """
        k = self.keys
        answer = self._scripts["advance"](
            keys=[k.state(spec.scan, run), k.events(spec.scan)],
            args=[run, fence.attempt, fence.token, after, int(spec.lease_s * 1000), SCAN_TTL_S, EVENTS_MAX],
        )
        if answer[0] == b"not allowed":
            raise ValueError(f"run {run!r} cannot go from {answer[1].decode('utf-8', 'replace')!r} to {after.value!r}")
        return bool(answer[0] == b"ok")

    def finish(self, spec: ScanSpec, result: RunResult, fence: Fence) -> int:
        """FINISH: end the run once, as its owner.

        Returns:
            For the winner, also in a repeated call, how many runs of the scan have ended (without reused ones); for
            other callers 0.
        """
        run = result.run
        args = [
            run,
            fence.attempt,
            fence.token,
            result.state,
            encode(result),
            SCAN_TTL_S,
            EVENTS_MAX,
            result.verdict or "",
        ]
        flag = _END_OF_RACE if spec.race and result.verdict is Verdict.OPTIMAL else ""
        answer = self._scripts["finish"](
            keys=self._ending_keys(spec, run),
            args=[*args, f"{spec.scan} {run}", flag, *_chain(spec)],
        )
        return int(answer[1]) if answer[0] == b"won" else 0

    def conclude(self, spec: ScanSpec, result: RunResult, *, seen: RunStatus | None = None) -> bool:
        """CONCLUDE: end a run without an owner, or (with `seen`) one whose owner has sent no heartbeat since."""
        run = result.run
        args = [run, result.state, encode(result), SCAN_TTL_S, EVENTS_MAX, initial_state(spec, run)]
        args += [seen.attempt if seen else "", seen.beat if seen else ""]
        answer = self._scripts["conclude"](
            keys=self._ending_keys(spec, run),
            args=[*args, f"{spec.scan} {run}", *_chain(spec)],
        )
        return bool(answer[0] == b"concluded")

    def release(
        self,
        spec: ScanSpec,
        run: str,
        fence: Fence,
        *,
        reason: str,
        counted: bool = False,
        waiting: RunSpec | None = None,
        waits_s: float = 0.0,
    ) -> bool:
        """RELEASE: hand the run back; publish its message afterwards.

        Args:
            counted: The attempt counts all the same.
            waiting: The run, if it must wait in line instead; no host takes it for `waits_s`.
        """
        k, scan = self.keys, spec.scan
        need = need_words(waiting, Room(waiting.threads, waiting.needed_mb)) if waiting else ""
        place = [f"{scan} {run}", need, waiting.priority if waiting else 0, int(waits_s * 1000)]
        answer = self._scripts["release"](
            keys=[k.state(scan, run), k.events(scan), k.history(scan, run), k.line(), k.line_needs()],
            args=[run, fence.attempt, fence.token, reason, SCAN_TTL_S, EVENTS_MAX, 0 if counted else 1, *place],
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

    def take(
        self, host: str, free: Room, *, queues: Sequence[str], offers: Sequence[str]
    ) -> tuple[str, str, Room] | None:
        """TAKE: the first run in line that fits `host`, reserved for it for `KEPT_S`; see lua/take.lua.

        Args:
            offers: `<engine>.<solver>` that the host has.

        Returns:
            Scan, run and need; None where none may be taken now.

        Raises:
            NobodyWaits: the line is empty.
        """
        k, by_queue = self.keys, [self.keys.queue_lists(queue) for queue in queues]
        # The lists of one step after the other; nothing comes after the last.
        lists = [names[step] for step in range(LAST_STEP) for names in by_queue]
        times = [int(KEPT_S * 1000), _MARGIN_MS, SCAN_TTL_S]
        answer = self._scripts["take"](
            keys=[k.line(), k.line_needs(), k.held_seats(), *lists],
            args=[host, free.threads, free.mem_mb, _words(queues), _words(offers), *times, len(queues), k.seats()],
        )
        if answer[0] == b"empty":
            raise NobodyWaits
        if answer[0] != b"taken":
            return None
        scan, _, run = answer[1].decode("utf-8", "replace").partition(" ")
        return scan, run, Room(int(answer[2]), int(answer[3]))

    def set_seats(self, solver: str, amount: int | None, *, lease_s: float = SEAT_LEASE_S) -> None:
        """Sets how many runs of a solver may run at once on all hosts; None: no limit. For an admin."""
        if amount is None:
            self.client.hdel(self.keys.seats(), solver)
        else:
            self.client.hset(self.keys.seats(), solver, f"{amount} {int(lease_s * 1000)}")

    def free_seat(self, fence: Fence) -> None:
        """Gives a seat back: the solver of this attempt has ended for certain."""
        self.client.zrem(self.keys.held_seats(), fence.seat)

    def free_seats_of(self, host: str) -> None:
        """Gives back the seats of an earlier worker of `host`; the caller knows that it is dead."""
        held = self._one("zrange", self.keys.held_seats(), 0, -1) or ()
        mine = [holder for holder in held if holder.split(b" ")[1:2] == [host.encode()]]
        if mine:
            self.client.zrem(self.keys.held_seats(), *mine)

    # -- events ---------------------------------------------------------------------------------------------------

    def tell(self, scan: str, event: AnyEvent) -> None:
        """Adds an event; a `ProgressMade` is also stored as the run's newest progress."""
        pipe = self.client.pipeline(transaction=False)
        if isinstance(event, ProgressMade):
            pipe.set(self.keys.progress(scan, event.run), encode(event), ex=SCAN_TTL_S)
        self._add_event(pipe, scan, event)
        self._execute(pipe, {self.keys.events(scan): b"stream"})

    # -- hosts ----------------------------------------------------------------------------------------------------

    def register_host(self, card: HostCard, *, ttl_s: int) -> None:
        """The heartbeat of a host; call it again well within `ttl_s`."""
        pipe = self.client.pipeline(transaction=True)
        pipe.set(self.keys.host(card.host), encode(card), ex=ttl_s)
        pipe.zadd(self.keys.hosts(), {card.host: now_ms()})
        pipe.expire(self.keys.hosts(), SCAN_TTL_S)
        self._execute(pipe, {self.keys.hosts(): b"zset"})

    def drop_host(self, host: str) -> None:
        """A host stops cleanly."""
        pipe = self.client.pipeline(transaction=True)
        pipe.delete(self.keys.host(host))
        pipe.zrem(self.keys.hosts(), host)
        pipe.execute()

    # -- the report -----------------------------------------------------------------------------------------------

    def extend(self, spec: ScanSpec, runs: Sequence[RunSpec]) -> ScanSpec | None:
        """EXTEND: add a round to a scan that has no report yet; see lua/extend.lua.

        Args:
            spec: The scan for which the round was planned, as read.

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
        pipe.ttl(self.keys.aggregating(scan))
        is_reported, is_ours, left_s = pipe.execute()
        if left_s < 0:  # a lease without an expiry has no owner
            self.client.delete(self.keys.aggregating(scan))
        return bool(is_ours) and not is_reported

    def end_report(self, scan: str, token: str) -> None:
        """Ends what `begin_report` began with this token; not what another has begun since."""
        self._scripts["end_report"](keys=[self.keys.aggregating(scan)], args=[token])

    def write_report(self, report: Report) -> None:
        """Writes the report, sets the done mark and adds the event: all or nothing, and idempotent.

        What the report says again, or only an open scan needs, is removed, unless an older client may look for it.
        """
        k, scan, packs = self.keys, report.scan, report.spec.packs
        raw = encode(report)
        pipe = self.client.pipeline(transaction=True)
        pipe.set(k.report(scan), packed(raw) if packs else raw, ex=SCAN_TTL_S)
        pipe.set(k.reported(scan), encode(DoneMark.of(report)), ex=SCAN_TTL_S)
        self._add_event(pipe, scan, Reported(), keep=EVENTS_KEPT if packs else EVENTS_MAX)
        if packs and report.spec.runs:
            parts = (k.result, k.history, k.progress, k.message)
            pipe.unlink(*(part(scan, run) for run in report.spec.runs for part in parts))
        pipe.execute()

    def _add_event(self, pipe: Any, scan: str, event: AnyEvent, keep: int = EVENTS_MAX) -> None:
        pipe.xadd(self.keys.events(scan), {"e": encode(event)}, maxlen=keep, approximate=True)
        pipe.expire(self.keys.events(scan), SCAN_TTL_S)  # each time: a server that lost its data has none

    def _execute(self, pipe: Any, kinds: Mapping[str, bytes]) -> list[Any]:
        """The answers; keys with a type other than in `kinds` are deleted, and all is executed once more."""
        commands = list(pipe.command_stack)
        try:
            return pipe.execute()  # type: ignore[no-any-return]
        except Exception as error:  # of redis, imported only now; all but one kind is raised again
            from times_doctor_tasks.state_store.connection import LAST_ID, is_wrong_type  # redis: as in the reader

            if not is_wrong_type(error):
                raise
            for key, kind in kinds.items():
                if self.client.type(key) not in (kind, b"none") or LAST_ID in str(error):
                    logger.error("the key %s has another type: created again", key, extra={"action": "key_begun_anew"})
                    self.client.delete(key)
            pipe.command_stack = commands
            return pipe.execute()  # type: ignore[no-any-return]

    def _ending_keys(self, spec: ScanSpec, run: str) -> list[str]:
        k, scan = self.keys, spec.scan
        return [
            k.state(scan, run),
            k.result(scan, run),
            k.ended(scan),
            k.events(scan),
            k.history(scan, run),
            k.cancel(scan),
            k.line(),
            k.line_needs(),
            *(k.state(scan, one) for one in _chain(spec)),
        ]


def _chain(spec: ScanSpec) -> list[str]:
    """The runs of a chain that must run, in order; none outside chains."""
    return [run for run in spec.runs if run not in spec.reused] if spec.mode is ScanMode.CHAIN else []


def need_words(run: RunSpec, need: Room) -> str:
    """What a run in line needs, in the line's format."""
    queue = run.queue.replace(" ", "-") or "-"
    return f"{queue} {run.engine}.{run.solver} {need.threads} {need.mem_mb}"


def _seat_until_s(asked_s: float, lease_ms: int) -> float:
    return asked_s + lease_ms / 1000 if lease_ms else NO_SEAT_S


def _words(names: Iterable[str]) -> str:
    return f" {' '.join(names)} "


def _claim_answer(answer: list[Any], token: str, seat: str, asked_s: float) -> Claim:
    match answer[0]:
        case b"owned":
            fence = Fence(int(answer[1]), token, f"{seat} {int(answer[1])}")
            return Owned(fence, answer[2].decode("utf-8", "replace"), _seat_until_s(asked_s, answer[3]))
        case b"done":
            return Done(RunState(answer[1].decode("utf-8", "replace")))
        case b"leased":
            return Leased(answer[1].decode("utf-8", "replace"))
        case b"parked":
            return Parked(answer[1].decode("utf-8", "replace"))
        case _:
            return Unknown()
