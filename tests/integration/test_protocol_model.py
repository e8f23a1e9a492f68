from __future__ import annotations

import itertools
import os
import sys
import threading
from dataclasses import dataclass, replace
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from msgspec import structs

from tests.conftest import Server, wait_until
from tests.integration.conftest import make_result, make_runs, make_scan
from tests.integration.protocol_reference import CheckedStore
from times_doctor_tasks.contract.cancel_flag import StopRequest
from times_doctor_tasks.contract.keys import solve_queue
from times_doctor_tasks.contract.messages import AggregateTask, Reported, RunSpec, ScanSpec, StateChanged
from times_doctor_tasks.contract.states import OWNED, TERMINAL, RunState, ScanMode, StopReason
from times_doctor_tasks.state_store.connection import connect
from times_doctor_tasks.state_store.run_store import (
    NO_SEAT_S,
    SEAT_MARGIN_S,
    Done,
    Fence,
    NobodyWaits,
    Owned,
    Room,
    RunStatus,
)
from times_doctor_worker.recovery.actions import Remedies
from times_doctor_worker.recovery.report_builder import AGGREGATE_LEASE_S, Reporter
from times_doctor_worker.recovery.sweeper import Sweeper

pytestmark = [pytest.mark.long, pytest.mark.server, pytest.mark.timeout(900)]

#: Ten seconds' worth in `make test-all`; `make test-faults` asks for more.
EXAMPLES = int(os.environ.get("TEST_MODEL_EXAMPLES", "100"))
STEPS = int(os.environ.get("TEST_MODEL_STEPS", "40"))
HOSTS = ("h1", "h2")
THREADS = 2
#: A lease longer than any example: only the model's clock ends one. That moves by whole seconds: with half a second in
#: each span here no span ends within a step, where the server's own milliseconds would decide.
LEASE_S = 40.5
#: Shorter than the lease: a cut-off host stops because of its seat before it loses its run.
SEAT_LEASE_S = 25.5
QUEUE = solve_queue("gams", "cplex")
#: Seconds between the looks of a sweeper that watches: below its `GAP_S`.
LOOK_S = 4.0
NAMES = ("cplex.a", "cplex.b", "cplex.c", "cplex.d")
IN_ORDER = (RunState.CLAIMED, RunState.STAGING, RunState.RUNNING, RunState.COLLECTING)
picks = st.integers(0, 999)


@dataclass(frozen=True)
class Message:
    run: str
    is_part: bool
    """Its return counts for the chord."""
    has_rest: bool
    """Its return publishes the next run of the chain."""


@dataclass
class Owner:
    host: str
    run: str
    fence: Fence
    message: Message
    state: RunState = RunState.CLAIMED
    lives: bool = True
    has_ended: bool = False
    """Its solver is gone for good, and so is whoever could speak for it."""
    seat_until_s: float = float("inf")
    """By the model's clock: it stops by itself then."""


class ProtocolMachine(RuleBasedStateMachine):
    """Hosts, a queue that loses and repeats messages, two sweepers, one real server. Celery is modelled here."""

    counter = itertools.count()

    def __init__(self, client: redis.Redis) -> None:
        super().__init__()
        self.client = client
        self.queues: dict[str, list[Message]] = {name: [] for name in ("all", *HOSTS)}
        self.kept: dict[str, Message] = {}
        self.owners: list[Owner] = []
        self.counted: set[str] = set()
        self.callbacks = 0
        self.seen: dict[str, RunStatus] = {}
        self.aggregating_s = 0.0
        self.tokens = itertools.count()

    # -- the sweeper's publisher, and what Celery does ---------------------------------------------------------------

    def again(self, scan: str, run: str, *, to_head: bool = False) -> bool:
        message = self.kept.get(run)
        if message is not None:
            self.queues["all"].insert(0 if to_head else len(self.queues["all"]), message)
        return message is not None

    def fresh(self, spec: ScanSpec, run: str) -> None:
        self._publish(Message(run, is_part=False, has_rest=spec.mode is ScanMode.CHAIN))

    def _publish(self, message: Message) -> None:
        self.kept[message.run] = message
        self.store.keep_message(self.spec.scan, message.run, {"queue": b"all"})
        self.queues["all"].append(message)

    def _returned(self, message: Message) -> None:
        if message.is_part and message.run not in self.counted:
            self.counted.add(message.run)
            self.callbacks += self.counted == set(self.order)
        after = self.order.index(message.run) + 1
        if message.has_rest and after == len(self.order):
            self.callbacks += 1
        elif message.has_rest:
            self._publish(replace(message, run=self.order[after]))

    # -- a scan --------------------------------------------------------------------------------------------------------

    @initialize(
        mode=st.sampled_from(ScanMode),
        count=st.sampled_from([1, 2, 2, 3, 4]),
        reused=st.sets(st.sampled_from(NAMES[:3]), max_size=1),
        published=st.sampled_from([4, 4, 4, 4, 2, 1, 0]),
        max_attempts=st.sampled_from([3, 2, 1]),
        cancels=st.sampled_from([0, 0, 0, 1]),
        race=st.sampled_from([False, False, True]),
        seats=st.sampled_from([None, 1, 1, 2]),
    )
    def submit(
        self,
        mode: ScanMode,
        count: int,
        reused: set[str],
        published: int,
        max_attempts: int,
        cancels: int,
        race: bool,
        seats: int | None,
    ) -> None:
        """The client writes the scan and publishes `published` of its messages before it dies."""
        self.cancels = cancels
        names = NAMES[:count]
        skipped = tuple(sorted(reused & set(names))) if len(names) > 1 else ()
        self.spec = make_scan(mode, names, lease_s=LEASE_S, max_attempts=max_attempts, reused=skipped, race=race)
        self.runs = {run.run: self._of_its_step(self._with_reused(run)) for run in make_runs(self.spec)}
        self.order = [run for run in names if run not in skipped]
        self.store = CheckedStore(self.client, f"m{os.getpid()}.{next(self.counter)}", self.spec)
        self.seen_ms = self.store.server_ms()
        self.store.submit(self.spec, list(self.runs.values()))
        if seats is not None:
            self.store.set_seats("cplex", seats, lease_s=SEAT_LEASE_S)
            self.store.reference.seats, self.store.reference.seat_lease_s = seats, SEAT_LEASE_S
        in_chain = mode is ScanMode.CHAIN
        for run in self.order[: min(published, 1) if in_chain else published]:
            self._publish(Message(run, is_part=not in_chain, has_rest=in_chain))
        self.reporter = Reporter(self.store, threading.Event())
        self.sweepers = [self._sweeper() for _ in range(2)]

    def _sweeper(self) -> Sweeper:
        return Sweeper(self.store, self.reporter, Remedies(self.store, self))

    def _of_its_step(self, run: RunSpec) -> RunSpec:
        return structs.replace(run, priority=(run.index + 1) % 3, threads=self._need_at(run.index))

    def _with_reused(self, run: RunSpec) -> RunSpec:
        if run.run not in self.spec.reused:
            return run
        return make_runs(self.spec, reused=make_result(self.spec, run.run))[run.index]

    # -- messages ------------------------------------------------------------------------------------------------------

    def _has_mail(self) -> bool:
        return any(self.queues.values())

    @precondition(_has_mail)
    @rule(which=picks, host=st.sampled_from(HOSTS), lost_s=st.sampled_from([-1.0, -1.0, 0.0, 9.0, 41.0]))
    def deliver(self, which: int, host: str, lost_s: float) -> None:
        queue = self.queues[host] or self.queues["all"]
        if queue:
            self._solve(queue.pop(which % len(queue)), host, THREADS, lost_s=lost_s)

    @precondition(_has_mail)
    @rule(which=picks, copies=st.sampled_from([0, 2]))
    def lose_or_repeat(self, which: int, copies: int) -> None:
        queue = max(self.queues.values(), key=len)
        message = queue.pop(which % len(queue))
        queue += [message] * copies

    def _solve(self, message: Message, host: str, threads: int, *, token: str = "", lost_s: float = -1.0) -> None:
        """Acts as the executor: claims, and returns only ended runs.

        `lost_s`: CLAIM's answer is lost, and after so many seconds it is sent again; below 0: it is not lost.
        """
        token = token or f"t{next(self.tokens)}"
        used = sum(self._need(owner.run) for owner in self._living(host))
        claim = self.store.claim(
            self.spec,
            self.runs[message.run],
            host=host,
            token=token,
            need=Room(self._need(message.run), 0),
            free=Room(threads - used, 0),
        )
        if isinstance(claim, Owned) and lost_s >= 0:
            self._pass(lost_s)
            self._solve(message, host, threads, token=token)
        elif isinstance(claim, Owned):
            owner = Owner(host, message.run, claim.fence, message)
            self._renew(owner, claim.seat_until_s)
            self.owners.append(owner)
        elif isinstance(claim, Done):
            self._returned(message)

    def _need(self, run: str) -> int:
        return self._need_at(self.runs[run].index)

    def _need_at(self, index: int) -> int:
        return THREADS if index else 1

    def _renew(self, owner: Owner, seat_until_s: float) -> None:
        """The expiry by the model's clock, which does not advance during a call."""
        has_seat = seat_until_s < NO_SEAT_S
        owner.seat_until_s = self.store.reference.now_s + SEAT_LEASE_S if has_seat else NO_SEAT_S

    def _beat(self, owner: Owner) -> None:
        beat = self.store.beat(self.spec, owner.run, owner.fence, state=owner.state)
        if beat.ours:
            self._renew(owner, beat.seat_until_s)
            owner.lives = True
        else:
            self._is_gone(owner)

    def _is_gone(self, owner: Owner) -> None:
        """The solver has ended, and its host reports it."""
        owner.lives, owner.has_ended = False, True
        self.store.free_seat(owner.fence)

    # -- hosts ---------------------------------------------------------------------------------------------------------

    def _living(self, host: str = "") -> list[Owner]:
        return [owner for owner in self.owners if owner.lives and (not host or owner.host == host)]

    def _somebody_lives(self) -> bool:
        return bool(self._living())

    @precondition(_somebody_lives)
    @rule(which=picks)
    def beat(self, which: int) -> None:
        self._beat(self._one(which))

    @precondition(_somebody_lives)
    @rule(which=picks)
    def advance(self, which: int) -> None:
        owner = self._one(which)
        after = IN_ORDER[min(IN_ORDER.index(owner.state) + 1, 3)]
        if not self.store.advance(self.spec, owner.run, owner.fence, after):
            self._is_gone(owner)
        owner.state = after

    @precondition(_somebody_lives)
    @rule(which=picks, state=st.sampled_from(sorted(TERMINAL - {RunState.LOST})), dies=st.booleans())
    def finish(self, which: int, state: RunState, dies: bool) -> None:
        """`dies`: the host is gone between FINISH and the task's return."""
        self._finish(self._one(which), state, dies=dies)

    def _finish(self, owner: Owner, state: RunState, *, dies: bool) -> None:
        result = make_result(self.spec, owner.run, state, attempt=owner.fence.attempt, host=owner.host)
        won = self.store.finish(self.spec, result, owner.fence)
        if dies:
            owner.lives, owner.has_ended = False, True
            self.kill_host(owner.host)
            return
        self._is_gone(owner)
        assert self.store.finish(self.spec, result, owner.fence) == won
        if won:
            self._returned(owner.message)
        self.pick(owner.host)

    @precondition(_somebody_lives)
    @rule(which=picks, counted=st.booleans(), dies=st.booleans())
    def hand_back(self, which: int, counted: bool, dies: bool) -> None:
        owner = self._one(which)
        released = self.store.release(self.spec, owner.run, owner.fence, reason="drain", counted=counted)
        again = self.store.release(self.spec, owner.run, owner.fence, reason="drain", counted=counted)
        assert again == released
        self._is_gone(owner)
        if released and not dies:
            self.queues["all"].insert(0, owner.message)

    @precondition(_somebody_lives)
    @rule(which=picks, waits_s=st.sampled_from([5.5, 30.5]))
    def hand_back_into_the_line(self, which: int, waits_s: float) -> None:
        """Like a run that got no licence."""
        owner = self._one(which)
        self.store.release(
            self.spec, owner.run, owner.fence, reason="no licence", waiting=self.runs[owner.run], waits_s=waits_s
        )
        self._is_gone(owner)

    @precondition(lambda self: bool(self._gone()))
    @rule(which=picks, word=st.sampled_from(["beat", "advance", "release", "finish"]))
    def somebody_taken_for_dead_comes_back(self, which: int, word: str) -> None:
        """Any former owner of a run may call again: only the present one counts."""
        gone = self._gone()
        owner = gone[which % len(gone)]
        spec, store, run, fence = self.spec, self.store, owner.run, owner.fence
        if word == "beat":
            self._beat(owner)
        elif word == "advance":
            owner.state = IN_ORDER[min(IN_ORDER.index(owner.state) + 1, 3)]
            owner.lives = store.advance(spec, run, fence, owner.state)
        elif word == "release":
            store.release(spec, run, fence, reason="late")
        else:
            store.finish(spec, make_result(spec, run, attempt=fence.attempt, host=owner.host), fence)

    def _gone(self) -> list[Owner]:
        """Owners that went silent; an expired seat has stopped their solvers."""
        return [owner for owner in self.owners if not owner.lives and not owner.has_ended and not self._ran_out(owner)]

    def _ran_out(self, owner: Owner) -> bool:
        return owner.seat_until_s <= self.store.reference.now_s

    @precondition(_somebody_lives)
    @rule(host=st.sampled_from(HOSTS))
    def kill_host(self, host: str) -> None:
        for owner in self._living(host):
            owner.lives = False
        self.queues["all"] += self.queues[host]  # the next host of this name may take over its queue
        self.queues[host].clear()

    @rule(host=st.sampled_from(HOSTS))
    def restart_host(self, host: str) -> None:
        """A host that takes over a name knows that its predecessor is dead."""
        self.kill_host(host)
        for owner in self.owners:
            owner.has_ended = owner.has_ended or owner.host == host
        self.store.free_seats_of(host)

    @precondition(lambda self: self.store.reference.line)
    @rule(host=st.sampled_from(HOSTS), is_lost=st.sampled_from([False, False, True]))
    def take(self, host: str, is_lost: bool) -> None:
        """`is_lost`: the host dies before it publishes the message."""
        self.pick(host, is_lost=is_lost)

    def pick(self, host: str, *, threads: int = THREADS, is_lost: bool = False) -> bool:
        free = threads - sum(self._need(owner.run) for owner in self._living(host))
        try:
            taken = self.store.take(host, Room(free, 0), queues=[QUEUE], offers=["gams.cplex"])
        except NobodyWaits:
            return False
        if taken is not None and not is_lost and taken[1] in self.kept:
            self.queues[host].append(self.kept[taken[1]])
        return taken is not None

    def _one(self, which: int) -> Owner:
        living = self._living()
        return living[which % len(living)]

    # -- people, time and control --------------------------------------------------------------------------------------

    @precondition(lambda self: self.cancels)
    @rule(runs=st.sets(st.sampled_from((*NAMES, "*")), min_size=1, max_size=2), now=st.booleans())
    def somebody_cancels(self, runs: set[str], now: bool) -> None:
        self.cancels -= 1
        self.store.ask_cancel(self.spec.scan, sorted(runs), StopRequest(StopReason.USER, now=now))

    @rule(which=st.integers(0, 1), looks=st.sampled_from([1, 3, 11, 11]))
    def control_watches(self, which: int, looks: int) -> None:
        for _ in range(looks):
            self._pass(LOOK_S)
            self.sweepers[which].sweep(self.store.reference.now_s)

    def _pass(self, span_s: float) -> None:
        self._hold_real_time()
        self.store.reference.now_s += span_s
        self._age(int(span_s * 1000))
        self.aggregating_s += span_s
        if self.aggregating_s > AGGREGATE_LEASE_S:
            self.client.delete(self.store.keys.aggregating(self.spec.scan))
        for owner in self._living():
            if self._ran_out(owner):  # it could not renew its seat: it stops, and hands the run back
                released = self.store.release(self.spec, owner.run, owner.fence, reason="handed back by a host cut off")
                self._is_gone(owner)
                if released:
                    self.queues["all"].insert(0, owner.message)

    def _hold_real_time(self) -> None:
        """Only the model lets time pass: what the server's clock went on since the last step is taken back."""
        now_ms = self.store.server_ms()
        self._age(self.seen_ms - now_ms)
        self.seen_ms = now_ms

    def _age(self, span_ms: int) -> None:
        """All times in Redis become older by `span_ms`."""
        pipe, keys = self.client.pipeline(), self.store.keys
        client: Any = self.client
        for holder in client.zrange(keys.held_seats(), 0, -1):
            pipe.zincrby(keys.held_seats(), -span_ms, holder)
        for member, need in client.hgetall(keys.line_needs()).items():
            words = need.decode().split(" ")
            if len(words) > 4:
                words[4] = str(int(words[4]) - span_ms)
                pipe.hset(keys.line_needs(), member, " ".join(words))
        for run in self.order:
            key = self.store.keys.state(self.spec.scan, run)
            if int(self.client.hget(key, "lease_ms") or 0) > 0:
                pipe.hincrby(key, "lease_ms", -span_ms)
        pipe.execute()

    @rule(which=st.integers(0, 1), span_s=st.sampled_from([0.0, 9.0, 41.0]))
    def nobody_looks_and_a_control_is_started_anew(self, which: int, span_s: float) -> None:
        self._pass(span_s)
        self.sweepers[which] = self._sweeper()

    @rule()
    def control_looks(self) -> None:
        self.seen = self.store.statuses(self.spec)

    @precondition(lambda self: self.seen)
    @rule(which=picks, word=st.sampled_from(["requeue", "lose", "cancel"]))
    def control_acts_on_what_it_saw_before(self, which: int, word: str) -> None:
        """After any other events; it needs no message."""
        run = self.order[which % len(self.order)]
        seen = self.seen[run]
        if word == "requeue":
            self.store.requeued(self.spec, run, seen=seen, reason="silent")
        elif word == "cancel":
            self.store.conclude(self.spec, make_result(self.spec, run, RunState.CANCELLED))
        elif seen.state in OWNED:
            self.store.conclude(self.spec, make_result(self.spec, run, RunState.LOST), seen=seen)

    @precondition(lambda self: all(run.state in TERMINAL for run in self.store.reference.runs.values()))
    @rule()
    def an_aggregator_dies_at_work(self) -> None:
        if self.store.begin_report(self.spec.scan, "gone", lease_s=AGGREGATE_LEASE_S):
            self.aggregating_s = 0.0

    @precondition(lambda self: self.callbacks)
    @rule()
    def callback(self) -> None:
        self.callbacks -= 1
        self.reporter.aggregate(AggregateTask(scan=self.spec.scan))

    # -- what is always true -------------------------------------------------------------------------------------------

    @invariant()
    def a_slow_machine_is_not_seen(self) -> None:
        self._hold_real_time()

    @invariant()
    def the_server_holds_what_the_reference_holds(self) -> None:
        store, spec, reference = self.store, self.spec, self.store.reference
        statuses, results = store.statuses(spec), store.results(spec)
        for run in self.order:
            seen, expected = statuses[run], reference.runs[run]
            assert (seen.state, seen.attempt, seen.handbacks) == (expected.state, expected.attempt, expected.handbacks)
            assert (seen.beat, seen.host) == (expected.beat, expected.host)
            result = results.get(run)
            assert (result is not None) == (seen.state in TERMINAL)
            assert result is None or structs.replace(result, attempts=()) == expected.result
            tries = [(one.attempt, one.host, one.ended_as) for one in store.history(spec.scan, run)]
            assert tries == [(one.attempt, one.host, one.ended_as) for one in expected.tries]
        terminal = {run for run in self.order if statuses[run].state in TERMINAL}
        assert {run.decode() for run in self.client.smembers(store.keys.ended(spec.scan))} == terminal  # type: ignore[union-attr]

    @invariant()
    def the_line_and_its_needs_agree(self) -> None:
        keys, line = self.store.keys, self.store.reference.line
        needs = {member.decode() for member in self.client.hkeys(keys.line_needs())}  # type: ignore[union-attr]
        assert sorted(self.store.order()) == sorted(line)
        assert needs == {f"{self.spec.scan} {run}" for run in line}

    @invariant()
    def never_are_more_solvers_at_work_than_seats(self) -> None:
        seats = self.store.reference.seats
        holders = [owner for owner in self.owners if not owner.has_ended and owner.seat_until_s < NO_SEAT_S]
        at_work = [owner for owner in holders if not self._ran_out(owner)]
        assert seats is None or len(at_work) <= seats

    @invariant()
    def a_chain_has_one_owner_and_goes_in_order(self) -> None:
        if self.spec.mode is not ScanMode.CHAIN:
            return
        runs = [self.store.reference.runs[run] for run in self.order]
        assert sum(run.state in OWNED for run in runs) <= 1
        for before, after in itertools.pairwise(runs):
            # Waiting runs may be cancelled in any order, but are taken in order.
            not_begun = after.attempt == 0 and after.state in {RunState.PENDING, RunState.CANCELLED}
            assert before.state in TERMINAL or not_begun

    # -- and what comes true in the end --------------------------------------------------------------------------------

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None:
                self._settle()
                self._check_end()
        finally:
            keys = self.client.keys(f"{self.store.keys.prefix}:*")
            self.client.delete(*keys)

    def _settle(self) -> None:
        """One host with room is left, and control: that is enough for a report, whatever was before.

        Where all of the scan was cancelled, control alone is enough.
        """
        has_host = "*" not in self.store.reference.flags
        for host in HOSTS[has_host:]:
            self.kill_host(host)
        for _ in range(250):
            if has_host:
                self._work_off()
            self.control_watches(0, 1)
            if self.store.is_reported(self.spec.scan):
                self._work_off()
                return
        statuses = self.store.statuses(self.spec)
        raise AssertionError(f"no report in sight: {statuses}, kept {self.kept}")

    def _work_off(self) -> None:
        room = THREADS * len(NAMES)
        while self._has_mail() or self._living() or self.callbacks or self.pick(HOSTS[0], threads=room):
            for queue in self.queues.values():
                while queue:
                    self._solve(queue.pop(0), HOSTS[0], room)
            for owner in self._living():
                self._finish(owner, RunState.DONE, dies=False)
            while self.callbacks:
                self.callback()

    def _check_end(self) -> None:
        store, spec = self.store, self.spec
        events = [event for _, _, event in store.events(spec.scan)]
        assert sum(isinstance(event, Reported) for event in events) == 1
        ends = [event.run for event in events if isinstance(event, StateChanged) and event.state in TERMINAL]
        assert sorted(ends) == sorted(self.order)
        report = store.report(spec.scan)
        assert report is not None
        assert [run.run for run in report.runs] == list(spec.runs)
        assert all(run.state in TERMINAL for run in report.runs)
        gone = [run for run in report.runs if run.stop_reason is StopReason.HOST_LOST]
        for run in gone:
            expected = store.reference.runs[run.run]
            assert expected.attempt - expected.handbacks >= spec.max_attempts
        assert store.order() == []
        self.client.delete(store.keys.seats())  # an admin's: it lasts
        keys: list[bytes] = self.client.keys(f"{store.keys.prefix}:*")  # type: ignore[assignment]
        assert [key for key in keys if self.client.ttl(key) < 0] == []


def test_whatever_happens_the_server_does_as_the_reference_and_a_report_comes(server: Server) -> None:
    client = connect(server.url)
    wait_until(lambda: client.info("server")["uptime_in_seconds"] > SEAT_MARGIN_S, timeout_s=30, what="seats are given")
    try:
        run_state_machine_as_test(
            lambda: ProtocolMachine(client),  # type: ignore[arg-type]  # any callable that makes one will do
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=STEPS,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                print_blob=True,
            ),
        )
    finally:
        client.close()
