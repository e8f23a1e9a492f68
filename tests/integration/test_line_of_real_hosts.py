"""The line of all hosts, with real workers: a host with free capacity takes runs, others wait."""

from __future__ import annotations

import time

import pytest

from tests.conftest import wait_until
from tests.integration.workers import PATIENCE_S, Team, endless_mps
from times_doctor_tasks.contract.cancel_flag import StopRequest
from times_doctor_tasks.contract.keys import host_queue
from times_doctor_tasks.contract.messages import ScanSpec
from times_doctor_tasks.contract.states import RunState, StopReason

pytestmark = [pytest.mark.server, pytest.mark.timeout(180)]

ENDLESS = endless_mps()
#: Of each host here; more slots than that, so that only threads are short.
THREADS = ("--role", "solve", "--slots", "4", "--threads", "2")


def cancel(team: Team, *specs: ScanSpec) -> None:
    for spec in specs:
        team.store.ask_cancel(spec.scan, ["*"], StopRequest(StopReason.USER, now=True))


def waits(team: Team, spec: ScanSpec, profile: str) -> None:
    team.wait_for_state(spec, profile, RunState.PARKED)
    assert team.store.in_line(spec.scan, spec.runs) == {f"highs.{profile}"}


def test_a_run_that_found_no_room_starts_on_the_first_host_that_has_it(team: Team) -> None:
    team.worker("c", "--role", "control")
    for name in ("h1", "h2"):
        team.worker(name, *THREADS)
    first = team.submit({"a": "", "b": ""}, model=ENDLESS, threads=2)
    for profile in ("a", "b"):
        team.wait_for_state(first, profile, RunState.RUNNING)
    late = team.submit({"c": ""}, model=ENDLESS, threads=2)
    waits(team, late, "c")
    freed = team.status(first, "b").host

    team.store.ask_cancel(first.scan, ["highs.b"], StopRequest(StopReason.USER, now=True))

    team.wait_for_state(late, "c", RunState.RUNNING, host=freed)
    cancel(team, first, late)
    for spec in (first, late):
        team.report(spec)
    assert team.store.client.zcard(team.store.keys.line()) == 0


def test_a_host_that_joins_takes_what_waits(team: Team) -> None:
    team.worker("h1", "--role", "both", "--slots", "4", "--threads", "2")
    spec = team.submit({"a": ""}, model=ENDLESS, threads=4)
    waits(team, spec, "a")
    assert team.status(spec, "a").reason == "2 cores short on h1"
    team.worker("h2", "--role", "solve", "--slots", "4", "--threads", "4")
    team.wait_for_state(spec, "a", RunState.RUNNING, host="h2")
    cancel(team, spec)
    team.report(spec)


def test_a_host_that_dies_leaves_its_waiting_runs_to_the_others(team: Team) -> None:
    team.worker("c", "--role", "control")
    host = team.worker("h1", *THREADS)
    first = team.submit({"a": ""}, model=ENDLESS, threads=2)
    team.wait_for_state(first, "a", RunState.RUNNING)
    late = team.submit({"b": ""}, threads=2)
    waits(team, late, "b")
    host.kill()
    cancel(team, first)
    team.worker("h2", *THREADS)
    assert [run.host for run in team.report(late).runs] == ["h2"]


def test_what_no_host_can_take_rests_in_line_and_holds_up_nobody(team: Team) -> None:
    team.worker("h1", "--slots", "1", "--threads", "1")
    alien = team.submit({"x": "", "y": "", "z": ""}, engine="alien", queue="solve.highs.highs")
    wide = team.submit({"w": ""}, threads=32)
    for spec in (alien, wide):
        wait_until(
            lambda spec=spec: team.store.in_line(spec.scan, spec.runs) == set(spec.runs),  # type: ignore[misc]  # mypy cannot infer it
            timeout_s=PATIENCE_S,
            what="all stand in line",
        )
    assert team.report(team.submit({"a": "", "b": ""})).recommendation.run

    def published() -> int:
        stats = team.store.client.info("commandstats")
        return sum(int(stats.get(f"cmdstat_{command}", {"calls": 0})["calls"]) for command in ("lpush", "rpush"))

    before, events = published(), len(team.store.events(alien.scan))
    time.sleep(3)  # three looks of the host, six of control
    assert published() - before <= 10  # a worker's events; 105 messages a second were pushed round before
    assert len(team.store.events(alien.scan)) == events
    assert team.store.waiting(["solve.highs.highs", host_queue("h1")]) == 0
    reasons = {team.status(alien, "x").reason, team.status(wide, "w").reason}
    assert reasons == {"no alien here", "31 cores short on h1"}
    cancel(team, alien, wide)
    for spec in (alien, wide):
        assert {run.state for run in team.report(spec).runs} == {RunState.CANCELLED}
