from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.faults.bed import LEASE_S, STOPPED_WITHIN_S, Bed, free_port, seeds
from times_doctor_tasks.messages import ScanSpec
from times_doctor_tasks.states import RunState

pytestmark = [pytest.mark.server, pytest.mark.faults, pytest.mark.timeout(400)]

FOUR = ("bar-1", "bar-2", "dual-1", "dual-2")
SIX = (*FOUR, "sift-1", "sift-2")
#: Speeds of the recorded GAMS: a run takes a second, some seconds, for ever.
SHORT, MIDDLE, ENDLESS = 3.0, 0.4, 0.01
#: Seconds from the end of a fault to the report: a lost message is found after half a minute, a report made again
#: after the lease of an aggregator, and the machine is busy.
HEALED_WITHIN_S = 75.0

Fault = Callable[[Bed, float], None]


def killed(bed: Bed, seconds: float) -> None:
    bed.port_broker.restart(after_s=seconds)


def stalled(bed: Bed, seconds: float) -> None:
    bed.port_broker.stall(seconds)


def loading(bed: Bed, seconds: float) -> None:
    bed.port_broker.load_slowly(seconds)


def without_its_last_second(bed: Bed, seconds: float) -> None:
    bed.port_broker.forget(1.0, after_s=seconds)


def out_of_memory(bed: Bed, seconds: float) -> None:
    with _configured(bed, maxmemory="1"):
        time.sleep(seconds)


def read_only(bed: Bed, seconds: float) -> None:
    """As after a failover to somewhere else: it is a replica of nobody who is there."""
    client = bed.store.client
    client.replicaof("127.0.0.1", free_port())
    time.sleep(seconds)
    client.replicaof("NO", "ONE")


@contextmanager
def _configured(bed: Bed, **values: str) -> Iterator[None]:
    client = bed.store.client
    before = {name: client.config_get(name)[name] for name in values}
    for name, value in values.items():
        client.config_set(name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            client.config_set(name, value)


def all_done(bed: Bed, spec: ScanSpec) -> None:
    report = bed.report(spec, timeout_s=HEALED_WITHIN_S)
    assert [run.state for run in report.runs] == [RunState.DONE] * len(report.runs), report.runs


@pytest.mark.parametrize("fault", [killed, stalled], ids=lambda fault: fault.__name__)
def test_redis_away_for_three_leases_restarts_none_of_four_solves(
    bed: Bed, tell: Callable[..., None], fault: Fault
) -> None:
    bed.control()
    for name in ("h1", "h2"):
        bed.host(name)
    spec = bed.submit_gams(*FOUR, speed=ENDLESS)
    bed.wait_for_solvers(spec, 4)
    for name in ("h3", "h4"):
        bed.host(name)
    began = set(bed.witness.now())

    fault(bed, 3 * LEASE_S)

    time.sleep(3 * LEASE_S)
    assert set(bed.witness.now()) == began
    assert [status.attempt for status in bed.store.statuses(spec).values()] == [1, 1, 1, 1]
    bed.cancel(spec)
    bed.settled(spec)
    tell(fault=fault.__name__, away_s=3 * LEASE_S, restarted=0)


@pytest.mark.parametrize("seed", seeds(4))
@pytest.mark.parametrize(
    "fault", [killed, stalled, loading, out_of_memory, read_only], ids=lambda fault: fault.__name__
)
def test_a_server_that_fails_while_runs_start_go_on_and_end_costs_time_only(
    bed: Bed, tell: Callable[..., None], fault: Fault, seed: int
) -> None:
    dice = random.Random(seed)
    bed.control()
    for name in ("h1", "h2"):
        bed.host(name)
    keeper = bed.keep()
    spec = bed.submit_gams(*SIX, speed=dice.choice([SHORT, MIDDLE]), lease_s=10.0)
    strikes = dice.randint(1, 3)
    for _ in range(strikes):
        time.sleep(dice.uniform(0, 2))
        fault(bed, dice.uniform(0.5, 5))
    healed_s = time.monotonic()
    all_done(bed, spec)
    took_s = time.monotonic() - healed_s
    bed.settled(spec)
    begun = sum(len(run.attempts) for run in bed.report(spec).runs)
    tell(fault=fault.__name__, seed=seed, strikes=strikes, healed_s=round(took_s, 1), again=begun - len(SIX),
         worker_starts=keeper.starts)  # fmt: skip


@pytest.mark.parametrize("hosts", [1, 2])
@pytest.mark.parametrize("seed", seeds(5))
def test_a_server_back_without_its_last_second_ends_every_run_once(
    bed: Bed, tell: Callable[..., None], seed: int, hosts: int
) -> None:
    dice = random.Random(seed)
    bed.control()
    for name in ("h1", "h2")[:hosts]:
        bed.host(name)
    spec = bed.submit_gams(*FOUR, speed=dice.choice([SHORT, MIDDLE]), lease_s=10.0)
    for longest_s in (0.3, 3):
        time.sleep(dice.uniform(0, longest_s))
        without_its_last_second(bed, dice.uniform(0, 2))
    healed_s = time.monotonic()
    all_done(bed, spec)
    took_s = time.monotonic() - healed_s
    bed.settled(spec, overlap_s=STOPPED_WITHIN_S)
    begun = sum(len(run.attempts) for run in bed.report(spec).runs)
    tell(seed=seed, hosts=hosts, healed_s=round(took_s, 1), again=begun - len(FOUR))
