"""The protocol in plain Python, and a store that compares the real Lua with it at each call.

Written from the specification, not from the scripts. The test sets the time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from times_doctor_tasks.contract.cancel_flag import StopRequest
from times_doctor_tasks.contract.messages import RunResult, RunSpec, ScanSpec
from times_doctor_tasks.contract.states import OWNED, TERMINAL, TRANSITIONS, RunState, ScanMode, Verdict
from times_doctor_tasks.state_store.run_store import (
    KEPT_S,
    SEAT_MARGIN_S,
    Beat,
    Claim,
    Done,
    Fence,
    Leased,
    NobodyWaits,
    Owned,
    Parked,
    Room,
    RunStatus,
    RunStore,
)


@dataclass
class Try:
    """One entry of a run's history."""

    attempt: int
    host: str
    ended_as: str = ""


@dataclass
class Run:
    """The state of one run."""

    state: RunState
    attempt: int = 0
    token: str = ""
    host: str = ""
    owner: str = ""
    beat: int = 0
    handbacks: int = 0
    lease_until_s: float = 0.0
    has_seat: bool = False
    won: Fence | None = None
    released: Fence | None = None
    result: RunResult | None = None
    tries: list[Try] = field(default_factory=list)

    def belongs_to(self, fence: Fence) -> bool:
        return (self.attempt, self.token) == (fence.attempt, fence.token) and self.state not in TERMINAL

    def close_try(self, ended_as: str) -> None:
        if self.tries and not self.tries[-1].ended_as:
            self.tries[-1].ended_as = ended_as


@dataclass
class Place:
    """The state of one run in line."""

    need: Room
    kept_until_s: float = -1.0
    kept_for: str = ""


class Reference:
    """The verbs, over all runs of one scan, whose solver may be counted."""

    def __init__(self, spec: ScanSpec) -> None:
        self.spec = spec
        self.now_s = 0.0
        self.flags: dict[str, str] = {}
        self.line: dict[str, Place] = {}
        self.seats: int | None = None
        self.seat_lease_s = 0.0
        self.held: dict[tuple[str, str, int], float] = {}
        """(host, run, attempt; 0: kept by TAKE) to when it may be given on."""
        open_runs = [run for run in spec.runs if run not in spec.reused]
        self.order = open_runs
        waits = spec.mode is ScanMode.CHAIN
        self.runs = {run: Run(RunState.DONE) for run in spec.reused} | {
            run: Run(RunState.PENDING if waits and place else RunState.QUEUED) for place, run in enumerate(open_runs)
        }

    def flag(self, run: str) -> str:
        return self.flags.get(run) or self.flags.get("*", "")

    def claim(
        self, run: str, host: str, token: str, need: Room, free: Room, closed: str, before: Sequence[str] = ()
    ) -> Claim:
        r = self.runs[run]
        if r.state in OWNED and r.token == token:
            holder = (r.owner, run, r.attempt)
            if not r.has_seat or self.held.get(holder, -1.0) > self.now_s:
                r.beat += 1
                r.lease_until_s = self.now_s + self.spec.lease_s
                if r.has_seat:
                    self.held[holder] = self.now_s + self.seat_lease_s + SEAT_MARGIN_S
                return Owned(Fence(r.attempt, token), self.flag(run))
        elif r.state in TERMINAL or (r.state in OWNED and self.now_s < r.lease_until_s):
            self.line.pop(run, None)
            return Done(r.state) if r.state in TERMINAL else Leased(r.owner)
        seat_s = 0.0
        if not self.flag(run):
            short = bool(closed)
            if not closed:
                is_kept = self.seats is not None and self.seats_left() is not None and self._unkeep(host, run)
                short = need.threads > free.threads or need.mem_mb > free.mem_mb
                if self.seats is not None and not short and not is_kept:
                    short = self.seats_left() < 1 or self._somebody_is_before(run, before)
                seat_s = self.seat_lease_s if self.seats is not None else 0.0
            if short:
                r.state, r.host = RunState.PARKED, ""
                self.line[run] = Place(need)
                return Parked("")
        r.close_try("host lost")
        r.attempt += 1
        r.token, r.host, r.owner, r.beat, r.state = token, host, host, 0, RunState.CLAIMED
        r.lease_until_s = self.now_s + self.spec.lease_s
        r.tries.append(Try(r.attempt, host))
        self.line.pop(run, None)
        r.has_seat = seat_s > 0
        if r.has_seat:
            self.held[host, run, r.attempt] = self.now_s + seat_s + SEAT_MARGIN_S
        return Owned(Fence(r.attempt, token), self.flag(run))

    def seats_left(self) -> int:
        """The number of free seats; drops expired ones."""
        assert self.seats is not None
        self.held = {holder: until_s for holder, until_s in self.held.items() if until_s > self.now_s}
        return self.seats - len(self.held)

    def _unkeep(self, host: str, run: str) -> bool:
        return self.held.pop((host, run, 0), None) is not None

    def _somebody_is_before(self, run: str, before: Sequence[str]) -> bool:
        """`before`: the runs that come before it in the real line."""
        return any(self.line[one].kept_until_s <= self.now_s for one in before if one != run and one in self.line)

    def take(self, host: str, free: Room, order: Sequence[str]) -> tuple[str, Room] | None:
        """`order`: the real line, by fairness and arrival."""
        for run in order:
            place = self.line[run]
            fits = place.need.threads <= free.threads and place.need.mem_mb <= free.mem_mb
            if place.kept_until_s > self.now_s or not fits:
                continue
            if self.seats is not None and self.seats_left() < 1:
                continue
            place.kept_until_s, place.kept_for = self.now_s + KEPT_S, host
            if self.seats is not None:
                self.held[host, run, 0] = self.now_s + KEPT_S
            return run, place.need
        return None

    def beat(self, run: str, fence: Fence, state: RunState) -> Beat:
        r = self.runs[run]
        if not r.belongs_to(fence):
            return Beat(ours=False)
        if self.seats is not None:
            holder = (r.owner, run, r.attempt)
            if r.has_seat and self.held.get(holder, -1.0) <= self.now_s:
                return Beat(ours=False)
            r.has_seat = True
            self.held[holder] = self.now_s + self.seat_lease_s + SEAT_MARGIN_S
        if r.state not in OWNED:
            r.state, r.host = state, r.owner
        r.beat += 1
        r.lease_until_s = self.now_s + self.spec.lease_s
        return Beat(ours=True, cancel=self.flag(run))

    def advance(self, run: str, fence: Fence, after: RunState) -> bool | None:
        """None if the table forbids it."""
        r = self.runs[run]
        if not r.belongs_to(fence):
            return False
        if r.state is after:
            return True
        if r.state in OWNED and after not in TRANSITIONS[r.state]:
            return None
        r.state, r.host = after, r.owner
        r.lease_until_s = self.now_s + self.spec.lease_s
        return True

    def finish(self, result: RunResult, fence: Fence) -> bool:
        r = self.runs[result.run]
        if r.won == fence:
            return True
        if not r.belongs_to(fence):
            return False
        r.won, r.host = fence, r.owner
        if self.spec.race and result.verdict is Verdict.OPTIMAL:
            self.flags.setdefault("*", "beaten now")
        self._end(result)
        return True

    def conclude(self, result: RunResult, seen: RunStatus | None) -> bool:
        r = self.runs[result.run]
        if r.state in TERMINAL:
            return False
        is_as_seen = seen is not None and (r.state in OWNED and (r.attempt, r.beat) == (seen.attempt, seen.beat))
        if not is_as_seen and (seen is not None or r.state in OWNED):
            return False
        r.token = ""
        self._end(result)
        return True

    def release(self, run: str, fence: Fence, *, counted: bool, reason: str, waits_s: float, need: Room | None) -> bool:
        r = self.runs[run]
        if r.released == fence:
            return True
        if not r.belongs_to(fence):
            return False
        r.released = fence
        r.handbacks += not counted
        r.token, r.state, r.lease_until_s = "", RunState.QUEUED, 0.0
        r.close_try(reason)
        if need is not None:
            r.state = RunState.PARKED
            self.line[run] = Place(need, self.now_s + waits_s)
        return True

    def requeued(self, run: str, seen: RunStatus) -> bool:
        r = self.runs[run]
        if r.state not in OWNED or (r.attempt, r.beat) != (seen.attempt, seen.beat):
            return False
        r.state, r.lease_until_s = RunState.QUEUED, 0.0
        return True

    def free_seat(self, fence: Fence) -> None:
        _, host, _, run, attempt = fence.seat.split(" ")
        self.held.pop((host, run, int(attempt)), None)

    def free_seats_of(self, host: str) -> None:
        self.held = {holder: until_s for holder, until_s in self.held.items() if holder[0] != host}

    def _end(self, result: RunResult) -> None:
        r = self.runs[result.run]
        r.state, r.result, r.lease_until_s = result.state, result, 0.0
        self.line.pop(result.run, None)
        r.close_try(result.state)
        waiting = next((run for run in self.order if self.runs[run].state not in TERMINAL), None)
        if waiting is not None and self.runs[waiting].state is RunState.PENDING:
            self.runs[waiting].state = RunState.QUEUED


class CheckedStore(RunStore):
    """The real store, whose answers must equal those of the reference. One scan only."""

    def __init__(self, client: Any, prefix: str, spec: ScanSpec) -> None:
        super().__init__(client, prefix)
        self.reference = Reference(spec)

    def ask_cancel(self, scan: str, runs: Iterable[str], request: StopRequest) -> None:
        asked = list(runs)
        super().ask_cancel(scan, asked, request)
        self.reference.flags |= dict.fromkeys(asked, f"{request.reason} now" if request.now else request.reason)

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
        before = self.before(run)
        got = super().claim(spec, run, host=host, token=token, need=need, free=free, instance=instance, closed=closed)
        expected = self.reference.claim(run.run, host, token, need, free, closed, before)
        if isinstance(got, Parked) and isinstance(expected, Parked):
            assert got.reason
        else:
            assert got == expected
        return got

    def order(self) -> list[str]:
        """The real line."""
        members = self.client.zrange(self.keys.line(), 0, -1)
        return [member.decode().split(" ")[1] for member in members]

    def before(self, run: RunSpec) -> list[str]:
        """The runs before a run in the real line, or before it if it arrived now."""
        mine = self.client.zscore(self.keys.line(), f"{run.scan} {run.run}")
        below = run.priority * 1e13 + self.server_ms() if mine is None else f"({mine}"
        members = self.client.zrangebyscore(self.keys.line(), "-inf", below)
        return [member.decode().split(" ")[1] for member in members]

    def take(
        self, host: str, free: Room, *, queues: Sequence[str], offers: Sequence[str]
    ) -> tuple[str, str, Room] | None:
        order = self.order()
        try:
            got = super().take(host, free, queues=queues, offers=offers)
        except NobodyWaits:
            assert order == []
            raise
        expected = self.reference.take(host, free, order)
        assert got == (expected and (self.reference.spec.scan, *expected))
        return got

    def free_seat(self, fence: Fence) -> None:
        super().free_seat(fence)
        self.reference.free_seat(fence)

    def free_seats_of(self, host: str) -> None:
        super().free_seats_of(host)
        self.reference.free_seats_of(host)

    def beat(self, spec: ScanSpec, run: str, fence: Fence, *, state: RunState) -> Beat:
        got = super().beat(spec, run, fence, state=state)
        assert got == self.reference.beat(run, fence, state)
        return got

    def advance(self, spec: ScanSpec, run: str, fence: Fence, after: RunState) -> bool:
        expected = self.reference.advance(run, fence, after)
        try:
            got = super().advance(spec, run, fence, after)
        except ValueError:
            assert expected is None
            raise
        assert got == expected
        return got

    def finish(self, spec: ScanSpec, result: RunResult, fence: Fence) -> int:
        got = super().finish(spec, result, fence)
        won = self.reference.finish(result, fence)
        ended = sum(self.reference.runs[run].state in TERMINAL for run in self.reference.order)
        assert got == (ended if won else 0)
        return got

    def conclude(self, spec: ScanSpec, result: RunResult, *, seen: RunStatus | None = None) -> bool:
        got = super().conclude(spec, result, seen=seen)
        assert got == self.reference.conclude(result, seen)
        return got

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
        got = super().release(spec, run, fence, reason=reason, counted=counted, waiting=waiting, waits_s=waits_s)
        need = Room(waiting.threads, waiting.mem_mb or 0) if waiting else None
        assert got == self.reference.release(run, fence, counted=counted, reason=reason, waits_s=waits_s, need=need)
        return got

    def requeued(self, spec: ScanSpec, run: str, *, seen: RunStatus, reason: str) -> bool:
        got = super().requeued(spec, run, seen=seen, reason=reason)
        assert got == self.reference.requeued(run, seen)
        return got
