from __future__ import annotations

import itertools

import pytest
from msgspec import structs

from tests.integration.conftest import make_result, make_runs, make_scan
from times_doctor_tasks.contract.hosts import HostCard
from times_doctor_tasks.contract.keys import host_queue, solve_queue
from times_doctor_tasks.contract.messages import RunSpec, ScanSpec
from times_doctor_tasks.contract.states import RunState, ScanMode
from times_doctor_tasks.state_store.fair_order import in_fair_order, slots_for
from times_doctor_tasks.state_store.run_store import Owned, Room, RunStore

pytestmark = pytest.mark.server
QUEUE = solve_queue("gams", "cplex")
HIGH, NORMAL, LOW = 2, 5, 8


def card(host: str, *, slots: int = 2, cores: int = 8, **fields: object) -> HostCard:
    known: dict[str, object] = {"instance": "i", "pid": 1, "roles": ("solve",), "memory_mb": 8_000}
    known |= {"queues": (QUEUE, host_queue(host)), **fields}
    return HostCard(host=host, slots=slots, cores=cores, **known)  # type: ignore[arg-type]


class Desk:
    """People who submit scans, one after the other."""

    def __init__(self, store: RunStore) -> None:
        self.store = store
        self._numbers = itertools.count()

    def submit(
        self, who: str, amount: int, *, priority: int = NORMAL, mode: ScanMode = ScanMode.CHORD, **fields: object
    ) -> tuple[ScanSpec, list[int]]:
        scan = f"s{next(self._numbers)}"
        names = tuple(f"cplex.{number}" for number in range(amount))
        spec = structs.replace(make_scan(mode, names, client=who, priority=priority), scan=scan)
        runs = in_fair_order(self.store, spec, make_runs(spec, **fields))
        self.store.submit(spec, runs)
        return spec, [run.priority for run in runs]

    def claim(self, spec: ScanSpec, run: str) -> None:
        document = next(one for one in self.store.runs(spec) if one.run == run)
        room = Room(8, 8_000)
        assert isinstance(self.store.claim(spec, document, host="h1", token="t", need=Room(1, 0), free=room), Owned)

    def end(self, spec: ScanSpec, run: str) -> None:
        assert self.store.conclude(spec, make_result(spec, run, RunState.CANCELLED))


@pytest.fixture
def desk(store: RunStore) -> Desk:
    for host in ("h1", "h2"):
        store.register_host(card(host), ttl_s=600)
    return Desk(store)


def test_each_round_of_slots_comes_a_step_later_and_nine_is_the_last(desk: Desk) -> None:
    assert desk.submit("anna@pc", 10)[1] == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2]
    assert desk.submit("ben@pc", 41)[1][-2:] == [9, 9]


def test_a_second_scan_waits_behind_the_persons_own_runs_and_nobody_elses(desk: Desk) -> None:
    desk.submit("anna@pc", 6)
    assert desk.submit("anna@laptop", 3)[1] == [1, 1, 2]
    assert desk.submit("ben@pc", 2)[1] == [0, 0]


def test_runs_that_have_ended_are_not_before_anybody(desk: Desk) -> None:
    spec, _ = desk.submit("anna@pc", 4)
    for run in spec.runs[:3]:
        desk.end(spec, run)
    assert desk.submit("anna@pc", 4)[1] == [0, 0, 0, 1]


def test_a_chain_asks_for_one_slot_however_long_it_is(desk: Desk) -> None:
    assert desk.submit("anna@pc", 9, mode=ScanMode.CHAIN)[1] == [0] * 9
    assert desk.submit("anna@pc", 4)[1] == [0, 0, 0, 1]


def test_an_urgent_scan_passes_what_waits_of_its_owner_but_not_what_is_solved(desk: Desk) -> None:
    spec, _ = desk.submit("anna@pc", 12)
    for run in spec.runs[:4]:
        desk.claim(spec, run)
    assert desk.submit("anna@pc", 2, priority=HIGH)[1] == [1, 1]
    assert desk.submit("anna@pc", 2, priority=LOW)[1] == [3, 3]
    assert desk.submit("anna@pc", 2, priority=NORMAL)[1] == [3, 3]


def test_reused_runs_take_no_place(desk: Desk) -> None:
    spec = make_scan(runs=("cplex.a", "cplex.b", "cplex.c", "cplex.d", "cplex.e"), reused=("cplex.a",))
    assert [run.priority for run in in_fair_order(desk.store, spec, make_runs(spec))] == [0, 0, 0, 0, 0]


def test_slots_are_those_that_can_take_the_run() -> None:
    spec = make_scan()
    run: RunSpec = make_runs(spec, threads=4)[0]
    cards = [card("h1", slots=4), card("h2", cores=4), card("h3", queues=()), card("h4", taking=False)]
    assert slots_for(run, cards) == 2 + 1
    assert slots_for(structs.replace(run, queue=host_queue("h2")), cards) == 1
    assert slots_for(structs.replace(run, threads=64), cards) == 1


def test_seats_bound_the_slots(desk: Desk) -> None:
    desk.store.set_seats("cplex", 1)
    assert desk.submit("anna@pc", 3)[1] == [0, 1, 2]
