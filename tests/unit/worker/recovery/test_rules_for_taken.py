from __future__ import annotations

from times_doctor_tasks.contract.messages import ModelRef, ScanSpec
from times_doctor_tasks.contract.states import RunState, ScanMode
from times_doctor_tasks.state_store.run_store import RunStatus
from times_doctor_worker.recovery.rules import FIRST_PATIENCE_S, TAKEN_PATIENCE_S, Remedy, ScanWatch

MODEL = ModelRef(title="m", run_dir="/m", snapshot="0" * 64, driver="m.run")
QUEUED = RunStatus(RunState.QUEUED)


def make_watch() -> ScanWatch:
    return ScanWatch(ScanSpec(scan="s", created_ms=0, mode=ScanMode.CHORD, model=MODEL, runs=("a",)))


def look(watch: ScanWatch, now_s: float, *, taken: bool, status: RunStatus = QUEUED) -> list[Remedy]:
    return [action.remedy for action in watch.look({"a": status}, {"a": True}, now_s, taken={"a"} if taken else set())]


def test_a_message_that_was_taken_and_never_claimed_is_published_again_soon_and_then_more_seldom() -> None:
    watch = make_watch()
    times = [now_s for now_s in range(60) if look(watch, now_s, taken=True)]
    # Twice as long each time, and the patience of every queued run beside it.
    assert times == [TAKEN_PATIENCE_S, 3 * TAKEN_PATIENCE_S, FIRST_PATIENCE_S, 7 * TAKEN_PATIENCE_S]


def test_a_run_whose_queue_is_not_empty_waits_its_turn() -> None:
    watch = make_watch()
    assert [now_s for now_s in range(40) if look(watch, now_s, taken=False)] == [FIRST_PATIENCE_S]


def test_a_queue_that_was_empty_for_a_moment_only_proves_nothing() -> None:
    watch = make_watch()
    assert [now_s for now_s in range(25) if look(watch, now_s, taken=now_s % 4 != 0)] == []


def test_what_was_taken_before_redis_was_away_counts_from_its_return() -> None:
    watch = make_watch()
    assert not any(look(watch, now_s, taken=True) for now_s in range(5))
    watch.forget()
    assert [now_s for now_s in range(5, 12) if look(watch, now_s, taken=True)] == [5 + TAKEN_PATIENCE_S]


def test_a_run_that_is_claimed_in_time_is_left_alone() -> None:
    watch = make_watch()
    look(watch, 0, taken=True)
    assert look(watch, 4, taken=False, status=RunStatus(RunState.CLAIMED, attempt=1)) == []
    assert look(watch, 6, taken=True) == []
