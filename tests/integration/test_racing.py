from __future__ import annotations

import pytest
from msgspec import structs

from tests.integration.conftest import Submit, make_result, make_runs
from times_doctor_tasks.contract.messages import ScanSpec
from times_doctor_tasks.contract.states import RunState, StopReason, Verdict
from times_doctor_tasks.state_store.run_store import Owned, Room, RunStore
from times_doctor_worker.recovery.race import Referee

pytestmark = pytest.mark.server
THREE = ("cplex.a", "cplex.b", "cplex.c")


def start(store: RunStore, spec: ScanSpec, run: str) -> Owned:
    document = next(one for one in make_runs(spec) if one.run == run)
    need = Room(1, 0)
    claim = store.claim(spec, document, host="h1", token=f"t-{run}", need=need, free=Room(8, 8_000))
    assert isinstance(claim, Owned)
    store.advance(spec, run, claim.fence, RunState.STAGING)
    store.advance(spec, run, claim.fence, RunState.RUNNING)
    return claim


def look(store: RunStore, spec: ScanSpec, referee: Referee) -> dict[str, StopReason]:
    return referee.look(store, store.statuses(spec))


def test_the_winner_of_a_race_ends_it_in_the_very_step_in_which_it_ends(store: RunStore, submit: Submit) -> None:
    spec = submit(runs=THREE, race=True)
    failed, winner = start(store, spec, "cplex.a"), start(store, spec, "cplex.b")
    limit = structs.replace(make_result(spec, "cplex.a", runtime_s=1.0), verdict=Verdict.LIMIT)
    store.finish(spec, limit, failed.fence)
    assert store.cancel_flags(spec.scan) == {}
    store.finish(spec, make_result(spec, "cplex.b", runtime_s=2.0), winner.fence)
    assert store.cancel_flags(spec.scan) == {"*": "beaten now"}
    late = next(one for one in make_runs(spec) if one.run == "cplex.c")
    claim = store.claim(spec, late, host="h1", token="t", need=Room(1, 0), free=Room(8, 8_000))
    assert isinstance(claim, Owned)
    assert claim.cancel == "beaten now"
    assert look(store, spec, Referee(spec)) == {}


def test_a_winner_whose_worker_is_older_ends_the_race_by_control(store: RunStore, submit: Submit) -> None:
    spec = submit(runs=THREE, race=True)
    referee = Referee(spec)
    failed, winner = start(store, spec, "cplex.a"), start(store, spec, "cplex.b")
    limit = structs.replace(make_result(spec, "cplex.a", runtime_s=1.0), verdict=Verdict.LIMIT)
    store.finish(spec, limit, failed.fence)
    assert look(store, spec, referee) == {}
    store.finish(spec, make_result(spec, "cplex.b", runtime_s=2.0), winner.fence)
    store.client.delete(store.keys.cancel(spec.scan))
    assert look(store, spec, referee) == {"cplex.c": StopReason.BEATEN}
    assert store.cancel_flags(spec.scan) == {"cplex.c": "beaten now"}
    assert look(store, spec, referee) == {}


def test_a_cap_stops_a_run_that_takes_many_times_the_best(store: RunStore, submit: Submit) -> None:
    spec = submit(runs=THREE, cap_factor=2.0)
    referee = Referee(spec)
    fast = start(store, spec, "cplex.a")
    for run, seconds in (("cplex.b", 5_000), ("cplex.c", 3_000)):
        start(store, spec, run)
        store.client.hset(store.keys.state(spec.scan, run), "since_ms", store.server_ms() - seconds * 1000)
    store.finish(spec, make_result(spec, "cplex.a", runtime_s=2_000.0), fast.fence)
    assert look(store, spec, referee) == {"cplex.b": StopReason.CAPPED}
    assert store.cancel_flags(spec.scan) == {"cplex.b": "capped now"}
