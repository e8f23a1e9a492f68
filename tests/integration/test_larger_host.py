"""A run that ends for want of memory is tried once more, on a host with more of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import wait_until
from tests.integration.workers import PATIENCE_S, Team, endless_mps
from times_doctor_tasks.contract.cancel_flag import StopRequest
from times_doctor_tasks.contract.states import RunState, StopReason, Verdict

pytestmark = [pytest.mark.server, pytest.mark.timeout(180)]

#: Imported by a worker before anything else: this host is small, and every engine says that its memory ran out.
SMALL_HOST = """
from times_doctor_tasks.config import resources
from times_doctor_worker.execution import memory_limit
resources.memory_mb = lambda **_: 1000
resources.memory_used_mb = lambda: 100
memory_limit.said_so = lambda returncode, logs: True
"""


@pytest.fixture
def small(team: Team, tmp_path: Path) -> str:
    (place := tmp_path / "small").mkdir()
    (place / "sitecustomize.py").write_text(SMALL_HOST)
    return str(place)


def test_a_run_that_lacked_memory_waits_for_a_larger_host_and_is_solved_there(team: Team, small: str) -> None:
    team.worker("h2", "--slots", "1")
    busy = team.submit({"busy": ""}, model=endless_mps())
    team.wait_for_state(busy, "busy", RunState.RUNNING, host="h2")
    team.worker("h1", "--slots", "1", PYTHONPATH=small)

    spec = team.submit({"a": ""})
    with team.explaining(spec):
        wait_until(
            lambda: team.status(spec, "a").reason == "out of memory on h1: waits for a host with more than 1.0 GB",
            timeout_s=PATIENCE_S,
            what="it waits for a larger host",
        )
    team.store.ask_cancel(busy.scan, ["*"], StopRequest(StopReason.USER, True, "me"))

    run = team.report(spec).runs[0]
    assert (run.state, run.verdict, run.host) == (RunState.DONE, Verdict.OPTIMAL, "h2")
    assert [attempt.host for attempt in run.attempts] == ["h1", "h2"]


def test_a_run_that_lacked_memory_on_the_largest_host_ends(team: Team, small: str) -> None:
    team.worker("h1", PYTHONPATH=small)
    run = team.report(team.submit({"a": ""})).runs[0]
    assert (run.stop_reason, len(run.attempts)) == (StopReason.OUT_OF_MEMORY, 1)


def test_a_run_that_said_what_it_needs_is_not_tried_again(team: Team, small: str) -> None:
    team.worker("h2", "--slots", "1")
    busy = team.submit({"busy": ""}, model=endless_mps())
    team.wait_for_state(busy, "busy", RunState.RUNNING, host="h2")
    team.worker("h1", PYTHONPATH=small)
    run = team.report(team.submit({"a": ""}, mem_mb=500)).runs[0]
    assert (run.host, run.stop_reason, len(run.attempts)) == ("h1", StopReason.OUT_OF_MEMORY, 1)
