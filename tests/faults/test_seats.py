"""There are never more solvers than seats, whatever dies; no run is lost; all seats are free at the end.

Counted by the solvers' own processes, ten times a second.
"""

from __future__ import annotations

import random
import threading
import time

import pytest

from tests.conftest import wait_until
from tests.faults.bed import Bed, parted, seeds
from tests.faults.counting import Tell
from tests.faults.guarded_door import also_guarded
from times_doctor_tasks.contract.messages import ScanSpec
from times_doctor_tasks.contract.states import RunState
from times_doctor_tasks.state_store.run_store import SEAT_MARGIN_S

pytestmark = [pytest.mark.server, pytest.mark.faults, pytest.mark.timeout(400)]

SEATS = 2
#: Seconds; far below the lease of seats that people set.
SEAT_LEASE_S = 4.0
#: Speeds of the recorded GAMS: a run takes a moment, some seconds, for ever.
QUICK, MIDDLE, ENDLESS = 30.0, 0.4, 0.01
HOSTS = ("h1", "h2", "h3")


@pytest.fixture
def seated(bed: Bed) -> Bed:
    """Three hosts of two slots, and two seats; a server gives none in its first moments."""
    bed.store.set_seats("cplex", SEATS, lease_s=SEAT_LEASE_S)
    bed.control()
    for name in HOSTS:
        bed.host(name)
    wait_for_seats(bed)
    return bed


def wait_for_seats(bed: Bed) -> None:
    client = bed.store.client
    wait_until(lambda: client.info("server")["uptime_in_seconds"] > SEAT_MARGIN_S, timeout_s=30, what="seats are given")


def assert_all_is_well(bed: Bed, *scans: ScanSpec, overlap_s: float = 0.3) -> None:
    bed.settled(*scans, overlap_s=overlap_s)
    for spec in scans:
        report = bed.store.report(spec.scan)
        assert report is not None
        assert {run.state for run in report.runs} == {RunState.DONE}
    assert bed.witness.most_at_once <= SEATS
    within_s = SEAT_LEASE_S + SEAT_MARGIN_S + 5
    wait_until(lambda: bed.store.held_seats() == [], timeout_s=within_s, what="all seats are free")


@pytest.mark.parametrize("seed", seeds(1))
def test_workers_that_are_killed_give_no_seat_away_and_lose_no_run(seated: Bed, tell: Tell, seed: int) -> None:
    dice = random.Random(seed)
    spec = seated.submit_gams(*(f"dual-{number}" for number in range(200)), speed=QUICK, max_attempts=50)
    kills = 0
    while not seated.store.is_reported(spec.scan) and kills < 12:
        time.sleep(dice.uniform(0.5, 3))
        name = dice.choice(HOSTS)
        victim = next(worker for worker in seated.workers if worker.name == name)
        victim.kill()
        seated.workers.remove(victim)
        seated.again(victim)
        kills += 1
    seated.report(spec, timeout_s=240)
    tell(faults=kills)
    assert_all_is_well(seated, spec)


@also_guarded
def test_a_host_that_is_cut_off_stops_before_its_seats_are_given_on(seated: Bed, tell: Tell) -> None:
    spec = seated.submit_gams("bar-1", "bar-2", speed=ENDLESS, lease_s=2.0)
    holder = seated.wait_for_solvers(spec, 2)[0].host
    with parted(seated.proxies[holder]):
        cut_s = time.monotonic()
        wait_until(
            lambda: holder not in {seat.host for seat in seated.witness.now()},
            timeout_s=SEAT_LEASE_S + SEAT_MARGIN_S,
            what="its solvers are stopped",
        )
        stopped_s = time.monotonic() - cut_s
        others = {host for host in HOSTS if host != holder}

        def are_given_on() -> bool:
            seats = seated.witness.now()
            return len(seats) == 2 and {seat.host for seat in seats} <= others

        wait_until(are_given_on, timeout_s=60, what="others go on")
        assert stopped_s >= SEAT_LEASE_S - 1
    tell(faults=1, recovery_s=time.monotonic() - cut_s)
    seated.cancel(spec)
    seated.settled(spec, overlap_s=0.3)
    assert seated.witness.most_at_once <= SEATS


@pytest.mark.parametrize("away_s", [2.0, SEAT_LEASE_S + SEAT_MARGIN_S + 3])
def test_a_server_that_was_away_gives_no_seat_twice(seated: Bed, tell: Tell, away_s: float) -> None:
    spec = seated.submit_gams(*(f"dual-{number}" for number in range(6)), speed=MIDDLE, max_attempts=9)
    seated.wait_for_solvers(spec, SEATS)
    seated.port_broker.restart(after_s=away_s)
    back_s = time.monotonic()
    report = seated.report(spec, timeout_s=120)
    tell(faults=1, recovery_s=time.monotonic() - back_s)
    begun = sum(len(run.attempts) for run in report.runs)
    assert begun == 6 if away_s < SEAT_LEASE_S else begun >= 6
    assert_all_is_well(seated, spec)


def test_a_server_that_lost_its_last_second_gives_no_seat_twice(seated: Bed, tell: Tell) -> None:
    spec = seated.submit_gams(*(f"dual-{number}" for number in range(4)), speed=MIDDLE, max_attempts=9)
    forgetting = threading.Thread(target=seated.port_broker.forget, args=(1.0,))
    forgetting.start()
    forgetting.join()
    seated.report(spec, timeout_s=120)
    tell(faults=1)
    assert_all_is_well(seated, spec, overlap_s=8.0)


def test_runs_of_a_solver_that_nobody_counts_are_not_held_up(seated: Bed, tell: Tell) -> None:
    counted = seated.submit_gams("bar-1", "bar-2", "bar-3", speed=ENDLESS)
    seated.wait_for_solvers(counted, SEATS)
    free = seated.submit({"a": "", "b": ""})
    assert {run.state for run in seated.report(free).runs} == {RunState.DONE}
    waiting = [status for status in seated.store.statuses(counted).values() if status.state is RunState.PARKED]
    assert [status.reason for status in waiting] == ["no seat: 2 of 2 cplex"]
    tell(faults=0)
    seated.cancel(counted)
    seated.settled(counted, free)
