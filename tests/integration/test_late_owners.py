from __future__ import annotations

import pytest

from tests.integration.conftest import Submit, make_result, make_runs
from times_doctor_tasks.contract.messages import ScanSpec, StateChanged
from times_doctor_tasks.contract.states import RunState
from times_doctor_tasks.state_store.run_store import Claim, Fence, Owned, Room, RunStore

pytestmark = pytest.mark.server
RUN = "cplex.a"


def claim(store: RunStore, spec: ScanSpec, host: str, *, cores: int = 8) -> Claim:
    run = next(run for run in make_runs(spec) if run.run == RUN)
    return store.claim(spec, run, host=host, token=f"t-{host}", need=Room(1, 0), free=Room(cores, 0))


def own(store: RunStore, spec: ScanSpec, host: str) -> Fence:
    answer = claim(store, spec, host)
    assert isinstance(answer, Owned)
    return answer.fence


def fall_silent(store: RunStore, spec: ScanSpec) -> None:
    """What control does about an owner that was silent for a lease."""
    assert store.requeued(spec, RUN, seen=store.status(spec, RUN), reason="silent")


def test_an_attempt_whose_host_fell_silent_ends_in_the_history_when_another_takes_over(
    store: RunStore, submit: Submit
) -> None:
    spec = submit()
    own(store, spec, "h1")
    fall_silent(store, spec)
    own(store, spec, "h2")
    first, second = store.history(spec.scan, RUN)
    assert first.ended_as == "host lost"
    assert first.end_ms is not None
    assert second.end_ms is None


def test_a_late_owner_comes_back_under_his_own_name_after_another_host_had_no_room(
    store: RunStore, submit: Submit
) -> None:
    spec = submit()
    fence = own(store, spec, "h1")
    fall_silent(store, spec)
    claim(store, spec, "h2", cores=0)
    assert store.status(spec, RUN).host == ""
    assert store.beat(spec, RUN, fence, state=RunState.RUNNING).ours
    last = [event for _, _, event in store.events(spec.scan)][-1]
    assert store.status(spec, RUN).host == "h1"
    assert isinstance(last, StateChanged)
    assert last.host == "h1"


def test_a_result_of_a_late_owner_is_told_under_his_own_name(store: RunStore, submit: Submit) -> None:
    spec = submit()
    fence = own(store, spec, "h1")
    fall_silent(store, spec)
    claim(store, spec, "h2", cores=0)
    assert store.finish(spec, make_result(spec, RUN, host="h1"), fence)
    assert store.status(spec, RUN).host == "h1"


def test_control_does_not_lose_a_run_that_its_owner_has_handed_back_meanwhile(store: RunStore, submit: Submit) -> None:
    spec = submit()
    fence = own(store, spec, "h1")
    seen = store.status(spec, RUN)
    assert store.release(spec, RUN, fence, reason="drain")
    assert not store.conclude(spec, make_result(spec, RUN, RunState.LOST), seen=seen)
    assert store.status(spec, RUN).state is RunState.QUEUED
