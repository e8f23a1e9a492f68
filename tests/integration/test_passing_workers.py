"""Workers that come for a while: they take runs while there are any, and end by themselves."""

from __future__ import annotations

import pytest

from tests.integration.workers import Team, endless_mps
from times_doctor_tasks.contract.cancel_flag import StopRequest
from times_doctor_tasks.contract.states import RunState, StopReason, Verdict

pytestmark = [pytest.mark.server, pytest.mark.timeout(180)]


def test_a_worker_until_idle_solves_what_there_is_and_ends(team: Team) -> None:
    team.worker("c", "--role", "control")
    spec = team.submit({"a": "", "b": ""})
    worker = team.worker("h1", "--role", "solve", "--slots", "1", "--until-idle", "0.05", wait=False)
    assert [run.verdict for run in team.report(spec).runs] == [Verdict.OPTIMAL] * 2
    assert worker.wait() == 0
    assert "no run for 0.05 min (--until-idle)" in worker.log
    assert team.store.host("h1") is None


def test_a_worker_whose_hours_are_over_finishes_its_solve_and_leaves_the_rest(team: Team) -> None:
    team.worker("c", "--role", "control")
    spec = team.submit({"a": "", "b": ""}, model=endless_mps())
    worker = team.worker("h1", "--role", "solve", "--slots", "1", "--max-hours", "0.002", wait=False)
    team.wait_for_state(spec, "a", RunState.RUNNING, host="h1")
    worker.wait_for("draining_waits")
    assert team.status(spec, "a").state is RunState.RUNNING
    team.store.ask_cancel(spec.scan, ["highs.a"], StopRequest(StopReason.USER, True, "me"))
    assert worker.wait() == 0
    assert team.status(spec, "a").state is RunState.CANCELLED
    assert team.status(spec, "b").state is RunState.QUEUED
