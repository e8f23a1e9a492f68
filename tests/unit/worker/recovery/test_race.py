from __future__ import annotations

from collections.abc import Mapping

import pytest

from times_doctor_tasks.contract.messages import ModelRef, ScanSpec
from times_doctor_tasks.contract.states import TERMINAL, RunState, ScanMode, StopReason
from times_doctor_tasks.state_store.reader import RunStatus
from times_doctor_worker.recovery.race import runs_to_stop

RUNNING = RunStatus(RunState.RUNNING, since_ms=10_000)
QUEUED = RunStatus(RunState.QUEUED)
DONE = RunStatus(RunState.DONE)


def make_spec(*, race: bool = False, cap_factor: float | None = None) -> ScanSpec:
    model = ModelRef(title="m", run_dir="/m", snapshot="0" * 64, driver="model/m.run")
    return ScanSpec(
        scan="s", created_ms=0, mode=ScanMode.CHORD, model=model, runs=("a", "b"), race=race, cap_factor=cap_factor
    )


def stops(spec: ScanSpec, statuses: Mapping[str, RunStatus], **changes: object) -> dict[str, StopReason]:
    facts = {"asked": (), "best_s": 2.0, "now_ms": 20_000} | changes
    return runs_to_stop(spec, statuses, facts.pop("asked"), **facts)  # type: ignore[arg-type]


def test_the_first_optimal_run_of_a_race_stops_all_others() -> None:
    states = {"a": DONE, "b": RUNNING, "c": QUEUED}
    assert stops(make_spec(race=True), states) == {"b": StopReason.BEATEN, "c": StopReason.BEATEN}


def test_a_race_goes_on_while_nobody_proved_optimal() -> None:
    assert stops(make_spec(race=True), {"a": DONE, "b": RUNNING}, best_s=None) == {}


def test_a_cap_stops_what_runs_longer_than_its_multiple_of_the_best() -> None:
    states = {"a": DONE, "b": RUNNING}
    assert stops(make_spec(cap_factor=5.0), states, now_ms=20_000) == {}
    assert stops(make_spec(cap_factor=5.0), states, now_ms=20_001) == {"b": StopReason.CAPPED}


@pytest.mark.parametrize("state", [RunState.QUEUED, RunState.PARKED, RunState.STAGING, RunState.COLLECTING])
def test_a_cap_leaves_alone_what_has_no_engine_under_way(state: RunState) -> None:
    assert stops(make_spec(cap_factor=1.0), {"a": DONE, "b": RunStatus(state, since_ms=0)}) == {}


@pytest.mark.parametrize("asked", [("b",), ("*",)])
def test_nobody_is_asked_to_stop_twice(asked: tuple[str, ...]) -> None:
    assert stops(make_spec(race=True), {"a": DONE, "b": RUNNING}, asked=asked) == {}


@pytest.mark.parametrize("state", sorted(TERMINAL))
def test_what_has_ended_is_not_stopped(state: RunState) -> None:
    assert stops(make_spec(race=True), {"a": DONE, "b": RunStatus(state)}) == {}


def test_a_scan_with_neither_race_nor_cap_stops_nothing() -> None:
    assert stops(make_spec(), {"a": DONE, "b": RUNNING}, now_ms=10**9) == {}
