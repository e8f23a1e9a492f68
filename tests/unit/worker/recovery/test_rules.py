from __future__ import annotations

from times_doctor_tasks.contract.messages import ModelRef, ScanSpec
from times_doctor_tasks.contract.states import RunState, ScanMode
from times_doctor_tasks.state_store.run_store import RunStatus
from times_doctor_worker.recovery.rules import FIRST_PATIENCE_S, Action, Remedy, ScanWatch

MODEL = ModelRef(title="m", run_dir="/m", snapshot="0" * 64, driver="m.run")
LEASE_S = 10.0


def make_watch(mode: ScanMode = ScanMode.CHORD, runs: tuple[str, ...] = ("a",)) -> ScanWatch:
    return ScanWatch(ScanSpec(scan="s", created_ms=0, mode=mode, model=MODEL, runs=runs, lease_s=LEASE_S))


def running(*, beat: int = 1, attempt: int = 1, handbacks: int = 0) -> RunStatus:
    return RunStatus(RunState.RUNNING, attempt=attempt, host="h", beat=beat, handbacks=handbacks)


def remedies(watch: ScanWatch, now_s: float, *, published: bool = True, **statuses: RunStatus) -> list[Remedy]:
    return [action.remedy for action in watch.look(statuses, dict.fromkeys(statuses, published), now_s)]


def test_a_run_that_beats_is_left_alone_for_ever() -> None:
    watch = make_watch()
    assert all(not remedies(watch, now_s, a=running(beat=int(now_s))) for now_s in range(0, 100, 3))


def test_a_silent_run_is_queued_again_after_a_whole_lease() -> None:
    watch = make_watch()
    assert remedies(watch, 0, a=running()) == []
    assert remedies(watch, LEASE_S - 0.1, a=running()) == []
    assert remedies(watch, LEASE_S, a=running()) == [Remedy.REQUEUE]


def test_a_silent_run_is_lost_when_its_attempts_are_used_up() -> None:
    watch = make_watch()
    remedies(watch, 0, a=running(attempt=3))
    assert remedies(watch, LEASE_S, a=running(attempt=3)) == [Remedy.LOSE]


def test_an_attempt_that_was_handed_back_is_not_counted() -> None:
    watch = make_watch()
    remedies(watch, 0, a=running(attempt=3, handbacks=1))
    assert remedies(watch, LEASE_S, a=running(attempt=3, handbacks=1)) == [Remedy.REQUEUE]


def test_an_outage_of_redis_restarts_nothing_that_is_healthy() -> None:
    watch = make_watch()
    remedies(watch, 0, a=running())
    watch.forget()
    assert remedies(watch, 3 * LEASE_S, a=running()) == []
    assert remedies(watch, 3.5 * LEASE_S, a=running(beat=2)) == []
    assert remedies(watch, 4.4 * LEASE_S, a=running(beat=2)) == []


def test_silence_after_an_outage_is_counted_from_its_end() -> None:
    watch = make_watch()
    remedies(watch, 0, a=running())
    watch.forget()
    remedies(watch, 30, a=running())
    assert remedies(watch, 30 + LEASE_S, a=running()) == [Remedy.REQUEUE]


def test_a_queued_run_is_published_again_with_a_patience_that_backs_off() -> None:
    watch = make_watch()
    queued = RunStatus(RunState.QUEUED)
    times = [now_s for now_s in range(300) if remedies(watch, now_s, a=queued)]
    assert times == [FIRST_PATIENCE_S, 3 * FIRST_PATIENCE_S, 7 * FIRST_PATIENCE_S]


def test_a_run_that_moved_has_its_first_patience_again() -> None:
    watch = make_watch()
    remedies(watch, 0, a=RunStatus(RunState.QUEUED))
    assert remedies(watch, FIRST_PATIENCE_S, a=RunStatus(RunState.QUEUED)) == [Remedy.PUBLISH]
    moved = RunStatus(RunState.PARKED, since_ms=5)
    assert remedies(watch, FIRST_PATIENCE_S + 1, a=moved) == []
    assert remedies(watch, 2 * FIRST_PATIENCE_S + 1, a=moved) == [Remedy.PUBLISH]


def test_a_successor_that_was_never_published_is_nudged_by_its_predecessor() -> None:
    watch = make_watch(ScanMode.CHAIN, ("a", "b"))
    statuses = {"a": RunStatus(RunState.DONE), "b": RunStatus(RunState.QUEUED, since_ms=3)}
    published = {"a": True, "b": False}
    assert watch.look(statuses, published, 0) == []
    assert watch.look(statuses, published, 5) == [Action("b", Remedy.NUDGE, statuses["b"], predecessor="a")]


def test_pending_and_ended_runs_need_nothing() -> None:
    watch = make_watch(ScanMode.CHAIN, ("a", "b"))
    statuses = {"a": RunStatus(RunState.DONE), "b": RunStatus(RunState.PENDING)}
    assert not [watch.look(statuses, {}, now_s) for now_s in range(0, 1000, 50) if watch.look(statuses, {}, now_s)]
