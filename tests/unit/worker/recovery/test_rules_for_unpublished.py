from __future__ import annotations

import itertools

import pytest

from times_doctor_tasks.contract.messages import ModelRef, ScanSpec
from times_doctor_tasks.contract.states import RunState, ScanMode
from times_doctor_tasks.state_store.run_store import RunStatus
from times_doctor_worker.recovery.rules import FIRST_PATIENCE_S, LONGEST_PATIENCE_S, Action, Remedy, ScanWatch

MODEL = ModelRef(title="m", run_dir="/m", snapshot="0" * 64, driver="m.run")
QUEUED, DONE = RunStatus(RunState.QUEUED), RunStatus(RunState.DONE)


def make_watch(mode: ScanMode, *runs: str, reused: tuple[str, ...] = ()) -> ScanWatch:
    return ScanWatch(ScanSpec(scan="s", created_ms=0, mode=mode, model=MODEL, runs=runs, reused=reused))


def looks(watch: ScanWatch, statuses: dict[str, RunStatus], published: set[str], seconds: range) -> list[float]:
    """When something was done about the last run, over looks a second apart."""
    last = list(statuses)[-1]
    kept = {run: run in published for run in statuses}
    return [now_s for now_s in seconds if any(action.run == last for action in watch.look(statuses, kept, now_s))]


def test_a_part_of_a_chord_that_was_never_published_is_published_itself() -> None:
    watch = make_watch(ScanMode.CHORD, "a", "b")
    statuses = {"a": DONE, "b": QUEUED}
    watch.look(statuses, {"a": True, "b": False}, 0)
    assert watch.look(statuses, {"a": True, "b": False}, 5) == [Action("b", Remedy.PUBLISH, QUEUED)]


def test_the_first_run_of_a_chain_after_reused_ones_is_published_itself() -> None:
    watch = make_watch(ScanMode.CHAIN, "a", "b", reused=("a",))
    statuses = {"a": DONE, "b": QUEUED}
    watch.look(statuses, {}, 0)
    assert watch.look(statuses, {}, 5) == [Action("b", Remedy.PUBLISH, QUEUED)]


def test_the_predecessor_of_a_chain_is_the_last_that_was_run() -> None:
    watch = make_watch(ScanMode.CHAIN, "a", "b", "c", reused=("b",))
    statuses = {"a": DONE, "b": DONE, "c": QUEUED}
    watch.look(statuses, {"a": True}, 0)
    assert watch.look(statuses, {"a": True}, 5) == [Action("c", Remedy.NUDGE, QUEUED, predecessor="a")]


@pytest.mark.parametrize("mode", ScanMode)
def test_a_run_that_nobody_can_take_is_published_ever_more_rarely(mode: ScanMode) -> None:
    times = looks(make_watch(mode, "a", "b"), {"a": DONE, "b": QUEUED}, {"a"}, range(3600))
    pauses = [after - before for before, after in itertools.pairwise(times)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PATIENCE_S
    assert len(times) < 20


def test_a_run_that_was_published_at_last_has_the_patience_of_a_published_one() -> None:
    watch = make_watch(ScanMode.CHORD, "a")
    assert looks(watch, {"a": QUEUED}, set(), range(5)) == [3]
    assert looks(watch, {"a": QUEUED}, {"a"}, range(5, 100)) == [5 + FIRST_PATIENCE_S, 5 + 3 * FIRST_PATIENCE_S]
