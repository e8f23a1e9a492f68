"""The protocol as plain Python, and a store that holds the real Lua against it at every single call.

Written from what the protocol promises, not from the scripts. Time is a number that the test turns.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from times_doctor_tasks.contract.cancel_flag import StopRequest
from times_doctor_tasks.contract.messages import RunResult, RunSpec, ScanSpec
from times_doctor_tasks.contract.states import OWNED, TERMINAL, RunState, ScanMode, is_allowed
from times_doctor_tasks.state_store.run_store import (
    Beat,
    Claim,
    Done,
    Fence,
    Leased,
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
    """What is true of one run."""

    state: RunState
    attempt: int = 0
    token: str = ""
    host: str = ""
    owner: str = ""
    beat: int = 0
    handbacks: int = 0
    lease_until_s: float = 0.0
    won: Fence | None = None
    result: RunResult | None = None
    tries: list[Try] = field(default_factory=list)

    def belongs_to(self, fence: Fence) -> bool:
        return (self.attempt, self.token) == (fence.attempt, fence.token) and self.state not in TERMINAL

    def close_try(self, ended_as: str) -> None:
        if self.tries and not self.tries[-1].ended_as:
            self.tries[-1].ended_as = ended_as


class Reference:
    """The verbs, over all runs of one scan."""

    def __init__(self, spec: ScanSpec) -> None:
        self.spec = spec
        self.now_s = 0.0
        self.flags: dict[str, str] = {}
        self.parked: dict[str, dict[str, Room]] = {}
        open_runs = [run for run in spec.runs if run not in spec.reused]
        self.order = open_runs
        waits = spec.mode is ScanMode.CHAIN
        self.runs = {run: Run(RunState.DONE) for run in spec.reused} | {
            run: Run(RunState.PENDING if waits and place else RunState.QUEUED) for place, run in enumerate(open_runs)
        }

    def flag(self, run: str) -> str:
        return self.flags.get(run) or self.flags.get("*", "")

    def claim(self, run: str, host: str, token: str, need: Room, free: Room, closed: str) -> Claim:
        r = self.runs[run]
        if r.state in TERMINAL:
            return Done(r.state)
        if r.state in OWNED and self.now_s < r.lease_until_s:
            return Leased(r.owner)
        fits = need.threads <= free.threads and need.mem_mb <= free.mem_mb
        if not self.flag(run) and (closed or not fits):
            r.state, r.host = RunState.PARKED, host
            self.parked.setdefault(host, {})[run] = need
            return Parked("")
        r.close_try("host lost")
        r.attempt += 1
        r.token, r.host, r.owner, r.beat, r.state = token, host, host, 0, RunState.CLAIMED
        r.lease_until_s = self.now_s + self.spec.lease_s
        r.tries.append(Try(r.attempt, host))
        self.parked.get(host, {}).pop(run, None)
        return Owned(Fence(r.attempt, token), self.flag(run))

    def beat(self, run: str, fence: Fence, state: RunState) -> Beat:
        r = self.runs[run]
        if not r.belongs_to(fence):
            return Beat(ours=False)
        if r.state not in OWNED:
            r.state, r.host = state, r.owner
        r.beat += 1
        r.lease_until_s = self.now_s + self.spec.lease_s
        return Beat(ours=True, cancel=self.flag(run))

    def advance(self, run: str, fence: Fence, after: RunState) -> bool | None:
        """None where the table forbids it."""
        r = self.runs[run]
        if not r.belongs_to(fence):
            return False
        if r.state is after:
            return True
        if r.state in OWNED and not is_allowed(r.state, after):
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

    def release(self, run: str, fence: Fence, *, counted: bool, reason: str) -> bool:
        r = self.runs[run]
        if not r.belongs_to(fence):
            return False
        r.handbacks += not counted
        r.token, r.state, r.lease_until_s = "", RunState.QUEUED, 0.0
        r.close_try(reason)
        return True

    def requeued(self, run: str, seen: RunStatus) -> bool:
        r = self.runs[run]
        if r.state not in OWNED or (r.attempt, r.beat) != (seen.attempt, seen.beat):
            return False
        r.state, r.lease_until_s = RunState.QUEUED, 0.0
        return True

    def unpark(self, host: str, run: str) -> bool:
        if self.parked.get(host, {}).pop(run, None) is None or self.runs[run].state is not RunState.PARKED:
            return False
        self.runs[run].state = RunState.QUEUED
        return True

    def _end(self, result: RunResult) -> None:
        r = self.runs[result.run]
        r.state, r.result, r.lease_until_s = result.state, result, 0.0
        r.close_try(result.state)
        waiting = next((run for run in self.order if self.runs[run].state not in TERMINAL), None)
        if waiting is not None and self.runs[waiting].state is RunState.PENDING:
            self.runs[waiting].state = RunState.QUEUED


class CheckedStore(RunStore):
    """The real store; what a verb answers must be what the reference answers. One scan only."""

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
        got = super().claim(spec, run, host=host, token=token, need=need, free=free, instance=instance, closed=closed)
        expected = self.reference.claim(run.run, host, token, need, free, closed)
        if isinstance(got, Parked) and isinstance(expected, Parked):
            assert got.reason
        else:
            assert got == expected
        return got

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

    def release(self, spec: ScanSpec, run: str, fence: Fence, *, reason: str, counted: bool = False) -> bool:
        got = super().release(spec, run, fence, reason=reason, counted=counted)
        assert got == self.reference.release(run, fence, counted=counted, reason=reason)
        return got

    def requeued(self, spec: ScanSpec, run: str, *, seen: RunStatus, reason: str) -> bool:
        got = super().requeued(spec, run, seen=seen, reason=reason)
        assert got == self.reference.requeued(run, seen)
        return got

    def unpark(self, host: str, scan: str, run: str) -> bool:
        got = super().unpark(host, scan, run)
        assert got == self.reference.unpark(host, run)
        return got
