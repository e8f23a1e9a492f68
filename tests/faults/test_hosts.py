from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.conftest import wait_until
from tests.faults.counting import Tell
from tests.faults.guarded_door import also_guarded
from tests.faults.invariants import check, engines
from tests.integration.workers import PATIENCE_S, Broker, Team, endless_mps
from times_doctor_tasks.contract.cancel_flag import StopRequest
from times_doctor_tasks.contract.messages import ScanSpec
from times_doctor_tasks.contract.states import RunState, ScanMode, StopReason, Verdict

pytestmark = [pytest.mark.server, pytest.mark.faults, pytest.mark.timeout(400)]

ENDLESS = endless_mps()
LASTING = "time_limit = {}\n"


def start_long(team: Team, **fields: object) -> tuple[ScanSpec, str]:
    """A scan of one run that never ends by itself, and the host it runs on."""
    spec = team.submit({"long": ""}, model=ENDLESS, **fields)  # type: ignore[arg-type]
    team.wait_for_state(spec, "long", RunState.RUNNING)
    return spec, team.status(spec, "long").host


def cancel(team: Team, spec: ScanSpec) -> None:
    team.store.ask_cancel(spec.scan, ["*"], StopRequest(StopReason.USER, now=True))


def test_a_killed_hosts_run_starts_elsewhere_within_its_lease_and_three_seconds_twenty_times(
    team: Team, tell: Tell
) -> None:
    team.worker("c", "--role", "control")
    workers = {name: team.worker(name, "--role", "solve") for name in ("h1", "h2")}
    specs, took_s = [], []
    for _ in range(20):
        spec, host = start_long(team, lease_s=2.0)
        other = "h2" if host == "h1" else "h1"
        workers[host].kill()
        began_s = time.monotonic()
        team.wait_for_state(spec, "long", RunState.RUNNING, host=other)
        took_s.append(time.monotonic() - began_s)
        workers[host] = team.worker(host, "--role", "solve")
        cancel(team, spec)
        specs.append(spec)

    check(team, specs, hosts=("h1", "h2"))
    tell(faults=20, recovery_s=max(took_s))
    assert max(took_s) < 2.0 + 3, took_s


@pytest.mark.parametrize("seed", range(3))
def test_a_worker_killed_at_any_moment_loses_and_doubles_nothing(team: Team, tell: Tell, seed: int) -> None:
    moment = random.Random(seed)
    team.worker("c", "--role", "control")
    worker = team.worker("h1", "--role", "solve", "--slots", "2")
    specs = []
    for turn in range(8):
        mode = ScanMode.CHORD if turn % 2 else ScanMode.CHAIN
        specs.append(team.submit({"a": "", "b": LASTING.format(0.3), "c": ""}, model=ENDLESS[:], mode=mode))
        _end_by_time(team, specs[-1])
        time.sleep(moment.uniform(0, 1.5))
        worker.kill()
        worker = team.worker("h1", "--role", "solve", "--slots", "2")
    tell(faults=8)
    check(team, specs, hosts=("h1",))
    finals = [run.state for spec in specs for run in team.report(spec).runs]
    assert RunState.LOST not in finals


def _end_by_time(team: Team, spec: ScanSpec) -> None:
    """Its endless runs are cancelled, so that the scan ends whatever happens to it."""
    cancel_flags = {f"highs.{name}": "user" for name in ("a", "c")}
    team.store.ask_cancel(spec.scan, list(cancel_flags), StopRequest(StopReason.USER, now=True))


@also_guarded
def test_a_host_that_was_stopped_longer_than_its_lease_gives_its_solver_up(team: Team, tell: Tell) -> None:
    team.worker("c", "--role", "control")
    workers = {name: team.worker(name, "--role", "solve", "--slots", "1") for name in ("h1", "h2")}
    spec, host = start_long(team, lease_s=2.0)
    other = "h2" if host == "h1" else "h1"

    workers[host].signal(signal.SIGSTOP)
    team.wait_for_state(spec, "long", RunState.RUNNING, host=other)
    wait_until(lambda: len(engines(team)) == 2, what="two solvers")
    workers[host].signal(signal.SIGCONT)

    workers[host].wait_for("disowned")
    wait_until(lambda: len(engines(team)) == 1, what="one solver")
    tell(faults=1)
    assert team.status(spec, "long").host == other
    cancel(team, spec)
    check(team, [spec], hosts=("h1", "h2"))
    assert [run.host for run in team.report(spec).runs] == [other]


def test_a_host_that_was_stopped_and_not_replaced_goes_on_with_its_solve(team: Team, tell: Tell) -> None:
    worker = team.worker("h1")
    spec, _ = start_long(team, lease_s=2.0)
    worker.signal(signal.SIGSTOP)
    team.wait_for_state(spec, "long", RunState.QUEUED)  # control waited for a lease, and nobody takes it
    worker.signal(signal.SIGCONT)

    team.wait_for_state(spec, "long", RunState.RUNNING, host="h1")
    tell(faults=1)
    assert team.status(spec, "long").attempt == 1
    cancel(team, spec)
    check(team, [spec], hosts=("h1",))


def test_all_hosts_gone_and_one_back_ends_the_scan(team: Team, tell: Tell) -> None:
    workers = [team.worker(name) for name in ("h1", "h2")]
    spec = team.submit({f"p{n}": LASTING.format(1) for n in range(6)}, model=ENDLESS, lease_s=2.0)
    wait_until(lambda: len(engines(team)) >= 2, timeout_s=PATIENCE_S, what="solvers")
    for worker in workers:
        worker.kill()
    wait_until(lambda: not engines(team), what="no solver is left")

    team.worker("h3")
    tell(faults=2)

    check(team, [spec], hosts=("h1", "h2", "h3"))
    assert {run.verdict for run in team.report(spec).runs} == {Verdict.LIMIT}


@pytest.mark.parametrize("seed", range(4))
def test_a_drain_at_any_moment_loses_nothing_and_counts_no_attempt(team: Team, tell: Tell, seed: int) -> None:
    moment = random.Random(seed)
    team.worker("c", "--role", "control")
    spec = team.submit({f"p{n}": LASTING.format(0.4) for n in range(10)}, model=ENDLESS, max_attempts=1)
    for _ in range(4):
        worker = team.worker("h1", "--role", "solve", "--slots", "2", TIMES_DOCTOR_DRAIN_S="0.2")
        time.sleep(moment.uniform(0, 1.2))
        worker.signal(signal.SIGTERM)
        if moment.random() < 0.5:
            time.sleep(moment.uniform(0, 0.1))
            worker.signal(signal.SIGTERM)
        assert worker.wait() == 0
        assert engines(team) == []
    team.worker("h1", "--role", "solve", "--slots", "2")
    tell(faults=4)
    check(team, [spec], hosts=("h1",))
    assert {run.state for run in team.report(spec).runs} == {RunState.DONE}


def test_a_drain_while_the_broker_is_away_ends_in_time_and_loses_nothing(
    team: Team, tell: Tell, broker: Broker
) -> None:
    worker = team.worker("h1", "--role", "solve", TIMES_DOCTOR_DRAIN_S="0.2")
    spec, _ = start_long(team, lease_s=2.0)
    time.sleep(1.1)
    broker.kill()

    worker.signal(signal.SIGTERM)
    assert worker.wait(60) == 0
    assert engines(team) == []

    broker.start()
    tell(faults=2)
    team.worker("h2")
    team.wait_for_state(spec, "long", RunState.RUNNING, host="h2")
    cancel(team, spec)
    check(team, [spec], hosts=("h1", "h2"))


def test_a_third_signal_leaves_at_once_and_no_solver_stays(team: Team, tell: Tell) -> None:
    worker = team.worker("h1", "--role", "solve")
    spec, _ = start_long(team, lease_s=2.0)
    for pid in engines(team):
        _stop(pid)  # a solver that hears nothing: its hand-back takes seconds
    for _ in range(3):
        worker.signal(signal.SIGTERM)
        time.sleep(0.1)
    assert worker.wait(5) == 1
    tell(faults=1)
    wait_until(lambda: not engines(team), what="no solver is left")
    team.worker("h2")
    team.wait_for_state(spec, "long", RunState.RUNNING, host="h2")
    cancel(team, spec)
    check(team, [spec], hosts=("h1", "h2"))


def _stop(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)


def test_an_engine_that_works_again_comes_back_within_a_minute_or_so(team: Team, tell: Tell, tmp_path: Path) -> None:
    from tests.integration.test_worker_faults_of_its_own import Python

    python = Python(tmp_path / "venv")
    worker = team.worker("h1", python=python.program)
    python.take_away()
    spec = team.submit({"a": ""})
    worker.wait_for("engine_out")

    python.put_back()

    worker.wait_for("engine_back", timeout_s=90)
    tell(faults=1)
    check(team, [spec], hosts=("h1",))
    assert [attempt.ended_as for attempt in team.report(spec).runs[0].attempts][-1] == "done"
