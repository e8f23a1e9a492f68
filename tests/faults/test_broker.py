from __future__ import annotations

import random
import time

import pytest

from tests.faults.bed import LEASE_S, STOPPED_WITHIN_S, Bed, seeds
from tests.faults.counting import Tell
from tests.faults.faults import BROKER_FAULTS, BrokerFault, killed, named, stalled, without_its_last_second
from tests.faults.guarded_door import also_guarded
from times_doctor_tasks.contract.messages import ScanSpec
from times_doctor_tasks.contract.states import RunState

pytestmark = [pytest.mark.server, pytest.mark.faults, pytest.mark.timeout(400)]

FOUR = ("bar-1", "bar-2", "dual-1", "dual-2")
SIX = (*FOUR, "sift-1", "sift-2")
#: Speeds of the recorded GAMS: a run takes a second, some seconds, for ever.
SHORT, MIDDLE, ENDLESS = 3.0, 0.4, 0.01
#: Seconds from the end of a fault to the report: a lost message is found after half a minute, a report made again
#: after the lease of an aggregator, and the machine is busy.
HEALED_WITHIN_S = 75.0


def all_done(bed: Bed, spec: ScanSpec) -> None:
    report = bed.report(spec, timeout_s=HEALED_WITHIN_S)
    assert [run.state for run in report.runs] == [RunState.DONE] * len(report.runs), report.runs


@also_guarded
@pytest.mark.parametrize("fault", [killed, stalled], ids=named)
def test_redis_away_for_three_leases_restarts_none_of_four_solves(bed: Bed, tell: Tell, fault: BrokerFault) -> None:
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
    tell(faults=1)


@pytest.mark.parametrize("seed", seeds(4))
@pytest.mark.parametrize("fault", BROKER_FAULTS, ids=named)
def test_a_server_that_fails_while_runs_start_go_on_and_end_costs_time_only(
    bed: Bed, tell: Tell, fault: BrokerFault, seed: int
) -> None:
    dice = random.Random(seed)
    bed.control()
    for name in ("h1", "h2"):
        bed.host(name)
    bed.keep()
    spec = bed.submit_gams(*SIX, speed=dice.choice([SHORT, MIDDLE]), lease_s=10.0)
    strikes = dice.randint(1, 3)
    for _ in range(strikes):
        time.sleep(dice.uniform(0, 2))
        fault(bed, dice.uniform(0.5, 5))
    healed_s = time.monotonic()
    all_done(bed, spec)
    took_s = time.monotonic() - healed_s
    bed.settled(spec)
    tell(faults=strikes, recovery_s=took_s)


@pytest.mark.parametrize("hosts", [1, 2])
@pytest.mark.parametrize("seed", seeds(5))
def test_a_server_back_without_its_last_second_ends_every_run_once(bed: Bed, tell: Tell, seed: int, hosts: int) -> None:
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
    tell(faults=2, recovery_s=took_s)
