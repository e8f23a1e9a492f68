from __future__ import annotations

import pytest

from tests.integration.conftest import Submit, make_result, make_runs
from times_doctor_tasks.contract.messages import ScanSpec
from times_doctor_tasks.contract.states import RunState, ScanMode
from times_doctor_tasks.state_store.run_store import Owned, Room, RunStore

pytestmark = pytest.mark.server
FOUR = ("cplex.a", "cplex.b", "cplex.c", "cplex.d")


def states(store: RunStore, spec: ScanSpec) -> list[RunState]:
    return [status.state for status in store.statuses(spec).values()]


def cancel(store: RunStore, spec: ScanSpec, run: str) -> None:
    assert store.conclude(spec, make_result(spec, run, RunState.CANCELLED))


def run_through(store: RunStore, spec: ScanSpec, run: str) -> None:
    document = next(one for one in make_runs(spec) if one.run == run)
    claim = store.claim(spec, document, host="h1", token=f"t-{run}", need=Room(1, 0), free=Room(8, 0))
    assert isinstance(claim, Owned)
    assert store.finish(spec, make_result(spec, run), claim.fence)


def test_a_run_cancelled_in_the_middle_of_a_chain_lets_nobody_overtake(store: RunStore, submit: Submit) -> None:
    spec = submit(ScanMode.CHAIN, FOUR)
    cancel(store, spec, "cplex.b")
    assert states(store, spec) == [RunState.QUEUED, RunState.CANCELLED, RunState.PENDING, RunState.PENDING]


def test_a_chain_goes_on_after_runs_that_were_cancelled_ahead_of_it(store: RunStore, submit: Submit) -> None:
    spec = submit(ScanMode.CHAIN, FOUR)
    cancel(store, spec, "cplex.b")
    cancel(store, spec, "cplex.c")
    run_through(store, spec, "cplex.a")
    assert states(store, spec) == [RunState.DONE, RunState.CANCELLED, RunState.CANCELLED, RunState.QUEUED]


def test_a_chain_whose_waiting_runs_are_cancelled_one_by_one_stays_in_order(store: RunStore, submit: Submit) -> None:
    spec = submit(ScanMode.CHAIN, FOUR)
    cancel(store, spec, "cplex.d")
    cancel(store, spec, "cplex.a")
    assert states(store, spec) == [RunState.CANCELLED, RunState.QUEUED, RunState.PENDING, RunState.CANCELLED]


def test_reused_runs_are_stepped_over(store: RunStore, submit: Submit) -> None:
    spec = submit(ScanMode.CHAIN, FOUR, reused=("cplex.b",))
    run_through(store, spec, "cplex.a")
    assert states(store, spec) == [RunState.DONE, RunState.DONE, RunState.QUEUED, RunState.PENDING]
