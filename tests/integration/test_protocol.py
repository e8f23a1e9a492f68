from __future__ import annotations

from itertools import product

import pytest
from msgspec import structs

from tests.integration.conftest import Submit, make_result, make_runs
from times_doctor_tasks.contract.cancel_flag import StopRequest
from times_doctor_tasks.contract.errors import InfrastructureError
from times_doctor_tasks.contract.messages import Reported, RunSpec, ScanSpec, StateChanged
from times_doctor_tasks.contract.states import OWNED, TERMINAL, TRANSITIONS, RunState, ScanMode, StopReason
from times_doctor_tasks.state_store.run_store import Claim, Done, Fence, Leased, Owned, Parked, Room, RunStore, Unknown

pytestmark = pytest.mark.server
PLENTY = Room(8, 8_000)


def claim(store: RunStore, spec: ScanSpec, run: str, *, host: str = "h1", free: Room = PLENTY, **need: int) -> Claim:
    document = next(r for r in make_runs(spec) if r.run == run)
    return store.claim(
        spec,
        document,
        host=host,
        token=f"token-{host}",
        need=Room(need.get("threads", 1), need.get("mem_mb", 0)),
        free=free,
    )


def own(store: RunStore, spec: ScanSpec, run: str, *, host: str = "h1") -> Fence:
    answer = claim(store, spec, run, host=host)
    assert isinstance(answer, Owned), answer
    return answer.fence


def status(store: RunStore, spec: ScanSpec, run: str) -> RunState:
    return store.statuses(spec)[run].state


def test_a_queued_run_is_owned_by_the_first_who_asks(store: RunStore, submit: Submit) -> None:
    spec = submit()
    assert claim(store, spec, "cplex.a") == Owned(Fence(1, "token-h1"))
    assert claim(store, spec, "cplex.a", host="h2") == Leased("h1")
    assert status(store, spec, "cplex.a") is RunState.CLAIMED


def test_a_scan_with_the_id_of_another_is_refused_and_its_own_is_written_once(store: RunStore, submit: Submit) -> None:
    spec = submit()
    own(store, spec, "cplex.a")
    store.submit(spec, make_runs(spec))
    assert status(store, spec, "cplex.a") is RunState.CLAIMED
    other = structs.replace(spec, client="ben@pc")
    with pytest.raises(InfrastructureError, match="There is a scan s1 already"):
        store.submit(other, make_runs(other, threads=9))
    assert store.scan("s1") == spec
    assert [run.threads for run in store.runs(spec)] == [1, 1]


def test_a_run_that_was_never_submitted_is_unknown(store: RunStore, submit: Submit) -> None:
    spec = submit()
    stranger = RunSpec(scan=spec.scan, run="cplex.z", index=9, engine="gams", solver="cplex", profile="z", options="")
    assert store.claim(spec, stranger, host="h1", token="t", need=Room(1, 0), free=PLENTY) == Unknown()


def test_a_copy_of_a_done_run_is_told_so(store: RunStore, submit: Submit) -> None:
    spec = submit()
    assert store.finish(spec, make_result(spec, "cplex.a"), own(store, spec, "cplex.a"))
    assert claim(store, spec, "cplex.a", host="h2") == Done(RunState.DONE)


def test_a_run_too_big_for_the_room_is_parked_with_a_reason_people_can_read(store: RunStore, submit: Submit) -> None:
    spec = submit()
    assert claim(store, spec, "cplex.a", threads=4, free=Room(3, 0)) == Parked("1 core short on h1")
    assert claim(store, spec, "cplex.b", mem_mb=4096, free=Room(8, 2048)) == Parked("2.0 GB short on h1")
    assert store.in_line(spec.scan, spec.runs) == {"cplex.a", "cplex.b"}
    assert store.statuses(spec)["cplex.a"].reason == "1 core short on h1"


def test_an_expired_lease_is_claimed_by_the_next_with_a_new_fence(store: RunStore, submit: Submit) -> None:
    spec = submit(lease_s=0.0)
    first = own(store, spec, "cplex.a")
    second = own(store, spec, "cplex.a", host="h2")
    assert second.attempt == first.attempt + 1
    assert not store.beat(spec, "cplex.a", first, state=RunState.CLAIMED).ours
    assert not store.finish(spec, make_result(spec, "cplex.a"), first)
    assert store.finish(spec, make_result(spec, "cplex.a"), second)
    history = store.results(spec)["cplex.a"].attempts
    assert [(a.host, a.ended_as) for a in history] == [("h1", "host lost"), ("h2", "done")]


def test_finish_answers_its_winner_the_same_however_often_he_asks(store: RunStore, submit: Submit) -> None:
    spec = submit()
    fence = own(store, spec, "cplex.a")
    assert store.finish(spec, make_result(spec, "cplex.a"), fence)
    assert store.finish(spec, make_result(spec, "cplex.a"), fence)
    assert store.ended(spec.scan) == 1


def test_a_cancel_flag_comes_with_the_claim_and_with_the_beat(store: RunStore, submit: Submit) -> None:
    spec = submit()
    fence = own(store, spec, "cplex.a")
    assert store.beat(spec, "cplex.a", fence, state=RunState.CLAIMED).cancel == ""
    store.ask_cancel(spec.scan, ["*"], StopRequest(StopReason.USER, now=True))
    assert store.beat(spec, "cplex.a", fence, state=RunState.CLAIMED).cancel == "user now"
    answer = claim(store, spec, "cplex.b")
    assert isinstance(answer, Owned)
    assert answer.cancel == "user now"


def test_a_handed_back_run_is_queued_and_its_old_owner_locked_out(store: RunStore, submit: Submit) -> None:
    spec = submit()
    fence = own(store, spec, "cplex.a")
    assert store.release(spec, "cplex.a", fence, reason="shutdown")
    seen = store.statuses(spec)["cplex.a"]
    assert (seen.state, seen.handbacks) == (RunState.QUEUED, 1)
    assert not store.beat(spec, "cplex.a", fence, state=RunState.RUNNING).ours
    assert store.release(spec, "cplex.a", fence, reason="again")
    assert store.statuses(spec)["cplex.a"] == seen
    assert not store.release(spec, "cplex.a", Fence(1, "another"), reason="again")


def test_a_late_owner_whom_nobody_replaced_gets_his_run_back(store: RunStore, submit: Submit) -> None:
    spec = submit()
    fence = own(store, spec, "cplex.a")
    seen = store.statuses(spec)["cplex.a"]
    assert store.requeued(spec, "cplex.a", seen=seen, reason="h1 went silent")
    assert status(store, spec, "cplex.a") is RunState.QUEUED
    assert store.beat(spec, "cplex.a", fence, state=RunState.RUNNING).ours
    assert status(store, spec, "cplex.a") is RunState.RUNNING


def test_control_cannot_requeue_a_run_that_has_beaten_since(store: RunStore, submit: Submit) -> None:
    spec = submit()
    fence = own(store, spec, "cplex.a")
    seen = store.statuses(spec)["cplex.a"]
    store.beat(spec, "cplex.a", fence, state=RunState.CLAIMED)
    assert not store.requeued(spec, "cplex.a", seen=seen, reason="silent")
    assert not store.conclude(spec, make_result(spec, "cplex.a", RunState.LOST), seen=seen)


def test_control_ends_a_waiting_run_but_not_an_owned_one(store: RunStore, submit: Submit) -> None:
    spec = submit()
    own(store, spec, "cplex.b")
    assert store.conclude(spec, make_result(spec, "cplex.a", RunState.CANCELLED))
    assert not store.conclude(spec, make_result(spec, "cplex.b", RunState.CANCELLED))
    assert not store.conclude(spec, make_result(spec, "cplex.a", RunState.CANCELLED))


def test_a_chain_queues_the_next_run_when_one_ends(store: RunStore, submit: Submit) -> None:
    spec = submit(ScanMode.CHAIN, ("cplex.a", "cplex.b", "cplex.c"))
    assert [s.state for s in store.statuses(spec).values()] == [RunState.QUEUED, RunState.PENDING, RunState.PENDING]
    store.finish(spec, make_result(spec, "cplex.a"), own(store, spec, "cplex.a"))
    assert [s.state for s in store.statuses(spec).values()] == [RunState.DONE, RunState.QUEUED, RunState.PENDING]
    store.conclude(spec, make_result(spec, "cplex.b", RunState.CANCELLED))
    assert status(store, spec, "cplex.c") is RunState.QUEUED


@pytest.mark.parametrize(("before", "after"), sorted(product(OWNED, RunState)))
def test_lua_and_python_agree_on_every_transition(
    store: RunStore, submit: Submit, before: RunState, after: RunState
) -> None:
    spec = submit()
    fence = own(store, spec, "cplex.a")
    store.client.hset(store.keys.state(spec.scan, "cplex.a"), "state", before)
    if before is after:
        assert store.advance(spec, "cplex.a", fence, after)
    elif after in TRANSITIONS[before]:
        assert store.advance(spec, "cplex.a", fence, after)
        assert status(store, spec, "cplex.a") is after
    else:
        with pytest.raises(ValueError, match="cannot go from"):
            store.advance(spec, "cplex.a", fence, after)
        assert status(store, spec, "cplex.a") is before


@pytest.mark.parametrize("state", sorted(TERMINAL))
def test_a_terminal_run_accepts_nothing_any_more(store: RunStore, submit: Submit, state: RunState) -> None:
    spec = submit()
    fence = own(store, spec, "cplex.a")
    store.finish(spec, make_result(spec, "cplex.a", state), fence)
    assert not store.advance(spec, "cplex.a", fence, RunState.RUNNING)
    assert not store.beat(spec, "cplex.a", fence, state=RunState.RUNNING).ours
    assert not store.release(spec, "cplex.a", fence, reason="x")
    assert claim(store, spec, "cplex.a", host="h2") == Done(state)


def test_everyone_who_watches_sees_the_states_in_order(store: RunStore, submit: Submit) -> None:
    spec = submit()
    fence = own(store, spec, "cplex.a")
    store.advance(spec, "cplex.a", fence, RunState.STAGING)
    store.advance(spec, "cplex.a", fence, RunState.RUNNING)
    store.finish(spec, make_result(spec, "cplex.a"), fence)
    store.tell(spec.scan, Reported())
    events = [event for _, _, event in store.events(spec.scan)]
    states = [event.state for event in events if isinstance(event, StateChanged)]
    assert states == [RunState.CLAIMED, RunState.STAGING, RunState.RUNNING, RunState.DONE]
    assert isinstance(events[-1], Reported)


def test_a_reader_gets_only_what_is_new(store: RunStore, submit: Submit) -> None:
    spec = submit()
    fence = own(store, spec, "cplex.a")
    last = store.events(spec.scan)[-1][0]
    store.advance(spec, "cplex.a", fence, RunState.STAGING)
    assert len(store.events(spec.scan, after=last)) == 1


def test_what_a_report_is_made_of_is_what_its_parts_say(store: RunStore, submit: Submit) -> None:
    spec = submit(ScanMode.CHAIN)
    fence = own(store, spec, "cplex.a")
    store.finish(spec, make_result(spec, "cplex.a"), fence)
    found = store.documents(spec)
    assert found.statuses == store.statuses(spec)
    assert found.runs == store.runs(spec)
    assert found.results == store.results(spec)
    assert [len(result.attempts) for result in found.results.values()] == [1]
    assert store.task(spec.scan, "cplex.b") == (spec, store.run(spec.scan, "cplex.b"))
    assert store.task(spec.scan, "another") == (spec, None)


def test_every_key_of_a_scan_expires(store: RunStore, submit: Submit) -> None:
    spec = submit(ScanMode.CHAIN)
    claim(store, spec, "cplex.b", threads=9)
    fence = own(store, spec, "cplex.a")
    store.beat(spec, "cplex.a", fence, state=RunState.CLAIMED)
    store.keep_message(spec.scan, "cplex.a", {"body": b"[]"})
    store.ask_cancel(spec.scan, ["cplex.b"], StopRequest(StopReason.USER))
    store.finish(spec, make_result(spec, "cplex.a"), fence)
    store.begin_report(spec.scan, "t", lease_s=5)
    keys = store.client.keys(f"{store.keys.prefix}:*")
    assert len(keys) > 8
    assert [key for key in keys if store.client.ttl(key) < 0] == []
