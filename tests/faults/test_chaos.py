from __future__ import annotations

import itertools
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Self

import psutil  # type: ignore[import-untyped]  # has no stubs of its own
import pytest
import redis

from tests.attacks.shapes import shapes
from tests.faults.bed import LEASE_S, STOPPED_WITHIN_S, Bed, kill_host
from tests.faults.counting import Tell
from tests.faults.faults import BROKER_FAULTS, LINE_FAULTS, BrokerFault, LineFault, named, without_its_last_second
from tests.integration.workers import Worker
from times_doctor_tasks.contract.keys import solve_queue
from times_doctor_tasks.contract.messages import ScanSpec
from times_doctor_tasks.contract.states import RunState, ScanMode

SECONDS = float(os.environ.get("TD_CHAOS_S", "60"))
SEED = int(os.environ.get("TD_CHAOS_SEED", "1"))
pytestmark = [pytest.mark.server, pytest.mark.faults, pytest.mark.timeout(SECONDS + 900)]

HOSTS = ("h1", "h2", "h3")
#: Scans that are under way all the time, and runs of each.
OPEN_SCANS, RUNS = 2, 50
#: Seats for six slots; and seconds for which a cut-off host keeps its seats: longer than any fault.
SEATS, SEAT_LEASE_S = 4, 30.0
#: Seconds that a fault of broker, line or process lasts at most.
LONGEST_S = 6.0
#: Seconds from the end of all faults to the last report: up to a hundred runs are still to be solved.
HEALED_WITHIN_S = 240.0
#: Malformed messages per fault.
POISON = 20
#: Its weight among the faults of the broker: every tenth fault of all.
POISON_WEIGHT = 5
PROFILES = tuple(f"{method}-{number}" for number in range(RUNS) for method in ("bar", "dual", "sift"))[:RUNS]


class Chaos:
    """Injects faults into a team: one at a host or its connection, and one at the broker or its messages."""

    def __init__(self, bed: Bed, seed: int) -> None:
        self._bed = bed
        #: Whoever submits or reads needs a broker that is well.
        self.broker_is_well = threading.Lock()
        self.done: Counter[str] = Counter()
        self._ended = threading.Event()
        dice = random.Random(seed)
        self._pool = ThreadPoolExecutor()
        self._demons = [
            self._pool.submit(self._rage, random.Random(dice.random()), self._strike_host, 2.0),
            self._pool.submit(self._rage, random.Random(dice.random()), self._strike_broker, 8.0),
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        """Ends all faults."""
        self._ended.set()
        self._pool.shutdown()
        for demon in self._demons:
            demon.result()

    def _rage(self, dice: random.Random, strike: Callable[[random.Random], str], longest_pause_s: float) -> None:
        while not self._ended.wait(dice.uniform(0, longest_pause_s)):
            self.done[strike(dice)] += 1

    def go_on(self) -> bool:
        """Checks that the chaos itself works."""
        return not any(demon.done() for demon in self._demons)

    def mend(self) -> None:
        """Restarts ended workers, whatever their exit code, as a service manager does."""
        for worker in [worker for worker in self._bed.workers if worker.process.poll() is not None]:
            self._bed.workers.remove(worker)
            self._bed.again(worker)

    # -- hosts and their lines -----------------------------------------------------------------------------------------

    def _strike_host(self, dice: random.Random) -> str:
        if dice.random() < 0.4:
            fault: LineFault = dice.choice(LINE_FAULTS)
            fault(self._bed.proxies[dice.choice(HOSTS)], dice.uniform(0.1, LONGEST_S))
            return f"line {named(fault)}"
        worker = dice.choice(self._bed.workers)
        blow: Callable[[Worker, random.Random], None] = dice.choice([_kill_all, _kill_one, _stop, _drain])
        with suppress(psutil.NoSuchProcess, ProcessLookupError):  # it ended by itself, or was just struck
            blow(worker, dice)
        return blow.__name__.strip("_")

    # -- the broker and its messages -----------------------------------------------------------------------------------

    def _strike_broker(self, dice: random.Random) -> str:
        own = [self._cut, self._lose, self._double, self._double, *[self._poison] * POISON_WEIGHT]
        fault: BrokerFault = dice.choice([*BROKER_FAULTS, without_its_last_second, *own])
        with self.broker_is_well:
            time.sleep(1.1)  # appendfsync everysec: answers older than a second are on disk
            fault(self._bed, dice.uniform(0.1, LONGEST_S))
        return f"broker {named(fault).strip('_')}"

    def _cut(self, bed: Bed, seconds: float) -> None:
        """Closes every second connection."""
        for entry in itertools.islice(bed.store.client.client_list(), 0, None, 2):
            with suppress(redis.ResponseError):  # it went by itself
                bed.store.client.client_kill_filter(_id=entry["id"], skipme=True)

    def _lose(self, bed: Bed, seconds: float) -> None:
        """Publishes one message, like a client that then dies."""
        bed.store.client.lpop(_queue(bed))

    def _poison(self, bed: Bed, seconds: float) -> None:
        """Malformed messages among the waiting ones."""
        poison = [raw for _, raw in shapes()]
        start = int(seconds * 1000) % len(poison)
        bed.store.client.lpush(_queue(bed), *poison[start : start + POISON])
        for key in ("unacked", "unacked_index"):
            bed.store.client.set(f"{bed.store.keys.prefix}:celery:{key}", "x", ex=60)

    def _double(self, bed: Bed, seconds: float) -> None:
        """Shuffles all or some waiting messages."""
        waiting = bed.store.client.lrange(_queue(bed), 0, 9)
        if waiting:
            bed.store.client.rpush(_queue(bed), *reversed(waiting))


def _queue(bed: Bed) -> str:
    return bed.store.keys.queue_lists(solve_queue("gams", "cplex"))[5]


def _kill_all(worker: Worker, dice: random.Random) -> None:
    kill_host(worker)


def _kill_one(worker: Worker, dice: random.Random) -> None:
    worker.signal(signal.SIGKILL)


def _stop(worker: Worker, dice: random.Random) -> None:
    worker.signal(signal.SIGSTOP)
    time.sleep(dice.uniform(0.1, LONGEST_S))
    worker.signal(signal.SIGCONT)


def _drain(worker: Worker, dice: random.Random) -> None:
    worker.signal(signal.SIGTERM)
    if dice.random() < 0.3:
        time.sleep(dice.uniform(0, 0.3))
        worker.signal(signal.SIGTERM)


def _submit(bed: Bed, dice: random.Random) -> ScanSpec:
    mode = dice.choice([ScanMode.CHORD, ScanMode.CHORD, ScanMode.CHAIN])
    return bed.submit_gams(*PROFILES, mode=mode, speed=dice.choice([3.0, 5.0, 8.0]), max_attempts=20)


def _open(bed: Bed, specs: Sequence[ScanSpec]) -> int:
    return sum(not bed.store.is_reported(spec.scan) for spec in specs)


def test_random_faults_lose_nothing_double_nothing_and_hang_nothing(bed: Bed, tell: Tell) -> None:
    sys.stderr.write(f"\nchaos: seed {SEED}, {SECONDS:g} s (TD_CHAOS_SEED, TD_CHAOS_S)\n")
    dice = random.Random(SEED)
    bed.store.set_seats("cplex", SEATS, lease_s=SEAT_LEASE_S)
    bed.control()
    has_users = bed.port_broker.door.has_users
    if has_users:  # each role has its own password, so control is a worker of its own
        bed.control("c2")
    for name in HOSTS:
        bed.host(name, role="solve" if name == "h3" or has_users else "both")
    specs = [_submit(bed, dice) for _ in range(OPEN_SCANS)]
    with Chaos(bed, SEED) as chaos:
        until_s = time.monotonic() + SECONDS
        while time.monotonic() < until_s and chaos.go_on():
            with chaos.broker_is_well:
                if _open(bed, specs) < OPEN_SCANS:
                    specs.append(_submit(bed, dice))
            chaos.mend()
            time.sleep(0.2)
    healed_s = time.monotonic()
    while _open(bed, specs):
        chaos.mend()
        assert time.monotonic() < healed_s + HEALED_WITHIN_S, "a scan hangs"
        time.sleep(0.2)
    settled_s = time.monotonic() - healed_s

    bed.settled(*specs, overlap_s=LONGEST_S - LEASE_S + STOPPED_WITHIN_S)
    runs = [run for spec in specs for run in bed.report(spec).runs]
    attempts = sum(len(run.attempts) for run in runs)
    figures = {"seed": SEED, "faults": dict(chaos.done), "scans": len(specs), "runs": len(runs), "attempts": attempts,
               "settled_s": round(settled_s, 1)}  # fmt: skip
    tell(faults=sum(chaos.done.values()), recovery_s=settled_s)
    sys.stderr.write(f"chaos: {sum(chaos.done.values())} faults: {figures}\n")
    assert Counter(run.state for run in runs) == {RunState.DONE: len(runs)}
    assert bed.witness.most_at_once <= SEATS
