"""The line of all hosts and the seats, verb by verb, on a real server."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from msgspec import structs

from tests.conftest import wait_until
from tests.integration.conftest import make_result, make_runs, make_scan
from times_doctor_tasks.contract.keys import host_queue, solve_queue
from times_doctor_tasks.contract.messages import ScanSpec
from times_doctor_tasks.contract.states import RunState
from times_doctor_tasks.state_store.run_store import (
    NO_SEAT_S,
    SEAT_MARGIN_S,
    Claim,
    Done,
    Leased,
    NobodyWaits,
    Owned,
    Parked,
    Room,
    RunStore,
)

pytestmark = [pytest.mark.server, pytest.mark.timeout(60)]
QUEUE = solve_queue("gams", "cplex")
OFFERS = ("gams.cplex", "gams.gurobi")
PLENTY = Room(8, 8_000)


class Team:
    """Hosts as the server sees them."""

    def __init__(self, store: RunStore) -> None:
        self.store = store
        self._tokens = itertools.count()

    def submit(self, scan: str = "s1", amount: int = 3, *, step: int = 0, **fields: object) -> ScanSpec:
        spec = structs.replace(make_scan(runs=tuple(f"cplex.{number}" for number in range(amount))), scan=scan)
        self.store.submit(spec, make_runs(spec, priority=step, **fields))
        return spec

    def claim(self, spec: ScanSpec, number: int, *, host: str = "h1", free: Room = PLENTY, closed: str = "") -> Claim:
        run = self.store.runs(spec)[number]
        need = Room(run.threads, run.mem_mb or 0)
        token = f"t{next(self._tokens)}"
        return self.store.claim(spec, run, host=host, token=token, need=need, free=free, closed=closed)

    def own(self, spec: ScanSpec, number: int, *, host: str = "h1") -> Owned:
        answer = self.claim(spec, number, host=host)
        assert isinstance(answer, Owned), answer
        return answer

    def take(
        self, *, host: str = "h1", free: Room = PLENTY, queues: Sequence[str] = (QUEUE,), offers: Sequence[str] = OFFERS
    ) -> tuple[str, str] | None:
        taken = self.store.take(host, free, queues=[*queues, host_queue(host)], offers=offers)
        return None if taken is None else taken[:2]

    def line(self, spec: ScanSpec) -> set[str]:
        return self.store.in_line(spec.scan, spec.runs)


@pytest.fixture
def team(store: RunStore) -> Team:
    # A server gives no seats in its first moments.
    wait_until(lambda: store.client.info("server")["uptime_in_seconds"] > SEAT_MARGIN_S, timeout_s=30, what="seats")
    return Team(store)


# -- the line ----------------------------------------------------------------------------------------------------------


def test_what_finds_no_room_at_one_host_is_taken_by_another(team: Team) -> None:
    spec = team.submit(threads=4)
    assert team.claim(spec, 0, free=Room(3, 0)) == Parked("1 core short on h1")
    assert team.take(host="h1", free=Room(3, 0)) is None
    assert team.take(host="h2") == ("s1", "cplex.0")
    assert isinstance(team.claim(spec, 0, host="h2"), Owned)
    assert team.line(spec) == set()


def test_the_first_in_fair_order_that_fits_is_taken(team: Team) -> None:
    anna = team.submit("anna", 2, step=1, threads=2)
    ben = team.submit("ben", 1, step=0, threads=4)
    for spec in (anna, ben):
        for number in range(len(spec.runs)):
            team.claim(spec, number, free=Room(0, 0))
    assert team.take(free=Room(2, 0)) == ("anna", "cplex.0")
    assert team.take(host="h2", free=Room(4, 0)) == ("ben", "cplex.0")
    assert team.take(host="h2", free=Room(4, 0)) == ("anna", "cplex.1")


def test_a_run_that_is_taken_is_kept_for_its_host_for_a_moment_and_then_for_nobody(team: Team) -> None:
    spec = team.submit(amount=1)
    team.claim(spec, 0, free=Room(0, 0))
    assert team.take(host="h1") == ("s1", "cplex.0")
    assert team.take(host="h2") is None
    key = team.store.keys.line_needs()
    [(member, need)] = team.store.client.hgetall(key).items()
    queue, offer, threads, mb, _, host = need.decode().split(" ")
    team.store.client.hset(key, member, f"{queue} {offer} {threads} {mb} {team.store.server_ms() - 1} {host}")
    assert team.take(host="h2") == ("s1", "cplex.0")


def test_nobody_waits_in_an_empty_line(team: Team) -> None:
    with pytest.raises(NobodyWaits):
        team.take()


def test_a_host_takes_only_what_it_has_the_queue_the_solver_and_the_memory_for(team: Team) -> None:
    spec = team.submit(amount=1, mem_mb=4_000)
    team.claim(spec, 0, closed="no licence")
    assert team.take(queues=()) is None
    assert team.take(offers=("gams.gurobi",)) is None
    assert team.take(free=Room(8, 3_999)) is None
    assert team.take() == ("s1", "cplex.0")


def test_a_run_of_one_host_waits_for_that_host(team: Team) -> None:
    spec = team.submit(amount=1)
    run = structs.replace(team.store.runs(spec)[0], queue=host_queue("h1"))
    team.store.claim(spec, run, host="h1", token="t", need=Room(1, 0), free=Room(0, 0))
    assert team.take(host="h2") is None
    assert team.take(host="h1") == ("s1", "cplex.0")


def test_a_message_of_an_earlier_step_comes_before_the_line(team: Team) -> None:
    spec = team.submit(amount=1, step=2)
    team.claim(spec, 0, free=Room(0, 0))
    lists = team.store.keys.queue_lists(QUEUE)
    team.store.client.lpush(lists[1], "m")
    assert team.take() is None
    team.store.client.delete(lists[1])
    team.store.client.lpush(lists[2], "m")
    assert team.take() == ("s1", "cplex.0")


def test_a_run_keeps_its_place_when_it_comes_back_to_the_line(team: Team) -> None:
    spec = team.submit(amount=2)
    for number in (0, 1, 0):
        team.claim(spec, number, free=Room(0, 0))
    assert team.take() == ("s1", "cplex.0")


@pytest.mark.parametrize("state", [RunState.CANCELLED, RunState.LOST])
def test_what_is_ended_while_it_waits_leaves_the_line(team: Team, state: RunState) -> None:
    spec = team.submit(amount=1)
    team.claim(spec, 0, free=Room(0, 0))
    assert team.store.conclude(spec, make_result(spec, "cplex.0", state))
    assert team.line(spec) == set()
    assert team.claim(spec, 0) == Done(state)


def test_a_copy_of_a_run_that_is_solved_takes_it_off_the_line(team: Team) -> None:
    spec = team.submit(amount=1)
    team.own(spec, 0)
    team.store.client.zadd(team.store.keys.line(), {"s1 cplex.0": 1})
    assert team.claim(spec, 0, host="h2") == Leased("h1")
    assert team.line(spec) == set()


def test_a_run_that_was_refused_a_licence_waits_in_line_and_counts_no_attempt(team: Team) -> None:
    spec = team.submit(amount=1)
    owned, run = team.own(spec, 0), team.store.runs(spec)[0]
    assert team.store.release(spec, "cplex.0", owned.fence, reason="no licence", waiting=run, waits_s=30.0)
    status = team.store.status(spec, "cplex.0")
    assert (status.state, status.handbacks, status.reason) == (RunState.PARKED, 1, "no licence")
    assert team.take() is None


# -- seats -------------------------------------------------------------------------------------------------------------


def test_no_more_runs_of_a_counted_solver_are_owned_than_there_are_seats(team: Team) -> None:
    team.store.set_seats("cplex", 2)
    spec = team.submit()
    assert team.own(spec, 0).seat_until_s < NO_SEAT_S
    team.own(spec, 1, host="h2")
    assert team.claim(spec, 2, host="h3") == Parked("no seat: 2 of 2 cplex")
    assert team.take(host="h3") is None


def test_a_solver_that_nobody_counts_has_no_seats(team: Team) -> None:
    team.store.set_seats("gurobi", 0)
    assert team.own(team.submit(), 0).seat_until_s == NO_SEAT_S


def test_a_seat_that_is_given_back_goes_to_whoever_has_waited(team: Team) -> None:
    team.store.set_seats("cplex", 1)
    spec = team.submit()
    owned = team.own(spec, 0)
    team.claim(spec, 1, host="h2")
    team.store.finish(spec, make_result(spec, "cplex.0"), owned.fence)
    team.store.free_seat(owned.fence)
    assert team.claim(spec, 2) == Parked("no seat: 0 of 1 cplex")
    assert team.take(host="h3") == ("s1", "cplex.1")
    assert team.claim(spec, 2) == Parked("no seat: 1 of 1 cplex")
    team.own(spec, 1, host="h3")


def test_who_came_in_the_same_millisecond_is_before_whoever_comes_now(team: Team) -> None:
    team.store.set_seats("cplex", 1)
    spec = team.submit()
    seat = team.own(spec, 0).fence.seat
    for _ in range(100):
        team.store.client.zadd(team.store.keys.held_seats(), {seat: 1e15})
        team.store.client.delete(team.store.keys.line(), team.store.keys.line_needs())
        team.claim(spec, 1, host="h2")
        team.store.client.zrem(team.store.keys.held_seats(), seat)
        assert team.claim(spec, 2) == Parked("no seat: 0 of 1 cplex")


def test_a_silent_owners_seat_stays_while_its_run_is_begun_elsewhere(team: Team) -> None:
    team.store.set_seats("cplex", 1)
    spec = team.submit(amount=1)
    team.own(spec, 0)
    seen = team.store.status(spec, "cplex.0")
    assert team.store.requeued(spec, "cplex.0", seen=seen, reason="h1 went silent")
    assert team.claim(spec, 0, host="h2") == Parked("no seat: 1 of 1 cplex")
    team.store.free_seats_of("h1")
    team.own(spec, 0, host="h2")


def test_a_beat_renews_the_seat_and_a_seat_that_ran_out_ends_the_claim(team: Team) -> None:
    team.store.set_seats("cplex", 1, lease_s=30.0)
    spec = team.submit()
    fence, held = team.own(spec, 0).fence, team.store.keys.held_seats()
    team.store.client.zincrby(held, -20_000, fence.seat)
    assert team.store.beat(spec, "cplex.0", fence, state=RunState.RUNNING).ours
    left_ms = team.store.client.zscore(held, fence.seat) - team.store.server_ms()
    assert 20_000 < left_ms <= (30 + SEAT_MARGIN_S) * 1000
    team.store.client.zincrby(held, -60_000, fence.seat)
    team.own(spec, 1, host="h2")
    assert not team.store.beat(spec, "cplex.0", fence, state=RunState.RUNNING).ours


def test_seats_that_are_set_while_runs_are_solved_count_those_too(team: Team) -> None:
    spec = team.submit()
    fence = team.own(spec, 0).fence
    team.store.set_seats("cplex", 1)
    assert team.store.beat(spec, "cplex.0", fence, state=RunState.RUNNING).seat_until_s < NO_SEAT_S
    assert isinstance(team.claim(spec, 1, host="h2"), Parked)
    team.store.set_seats("cplex", None)
    assert team.store.beat(spec, "cplex.0", fence, state=RunState.RUNNING).seat_until_s == NO_SEAT_S
    team.own(spec, 1, host="h2")


def test_a_limit_that_is_lifted_and_set_again_finds_no_seat_of_a_run_that_has_ended(team: Team) -> None:
    team.store.set_seats("cplex", 1)
    spec = team.submit()
    fence = team.own(spec, 0).fence
    team.store.set_seats("cplex", None)
    assert team.store.beat(spec, "cplex.0", fence, state=RunState.RUNNING).seat_until_s == NO_SEAT_S
    team.store.finish(spec, make_result(spec, "cplex.0"), fence)
    team.store.set_seats("cplex", 1)
    assert team.own(spec, 1).seat_until_s < NO_SEAT_S


def test_a_cancelled_run_needs_no_seat_to_end(team: Team) -> None:
    team.store.set_seats("cplex", 0)
    spec = team.submit(amount=1)
    team.store.client.hset(team.store.keys.cancel(spec.scan), "*", "user")
    assert team.own(spec, 0).cancel == "user"
