from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import wait_until
from tests.integration.workers import PATIENCE_S, Broker, Team, Worker, endless_mps
from times_doctor_tasks.blob_store.factory import open_store
from times_doctor_tasks.contract.cancel_flag import StopRequest
from times_doctor_tasks.contract.messages import Report, ScanSpec
from times_doctor_tasks.contract.states import RunState, StopReason, Verdict

pytestmark = [pytest.mark.server, pytest.mark.timeout(120)]

ENDLESS = endless_mps()


def lasting(seconds: float) -> str:
    """Options of a solve that ends after so long."""
    return f"time_limit = {seconds}\n"


def hosts_of(report: Report) -> dict[str, str | None]:
    return {run.profile: run.host for run in report.runs}


def attempts_of(report: Report, profile: str) -> list[tuple[str, str]]:
    run = next(run for run in report.runs if run.profile == profile)
    return [(attempt.host, attempt.ended_as) for attempt in run.attempts]


def engines_of(worker: Worker) -> list[int]:
    """Processes that solve for any worker of this test's folder, by the model they read."""
    found = subprocess.run(["pgrep", "-f", f"native.solve {worker.team.folder}"], capture_output=True, text=True)
    return [int(pid) for pid in found.stdout.split()]


@pytest.mark.long
def test_a_host_says_which_store_it_uses_without_its_password(team: Team, broker: Broker) -> None:
    broker.client.acl_setuser("files", enabled=True, passwords=["+of-the-files"], keys=["*"], categories=["+@all"])
    url = f"redis+socket://files:of-the-files@{broker.folder}/s"
    team.worker("h1", "--role", "solve")
    team.worker("h2", "--role", "solve", TIMES_DOCTOR_STORE_URL=url)
    marks = {"h1": open_store(team.store_url).identity(), "h2": open_store(url, prefix=broker.prefix).identity()}

    def said() -> dict[str, str]:
        return {card.host: card.store_id for card in team.store.live_hosts()}

    wait_until(lambda: said() == marks, timeout_s=PATIENCE_S, what="both say so")
    raw = team.store.client.get(team.store.keys.host("h2"))
    assert b"redis+socket://files:***@" in raw
    assert b"of-the-files" not in raw


def start_long(team: Team, worker: Worker, **fields: object) -> ScanSpec:
    """A scan of one run that never ends by itself, running on `worker`."""
    spec = team.submit({"long": ""}, model=ENDLESS, **fields)  # type: ignore[arg-type]
    team.wait_for_state(spec, "long", RunState.RUNNING, host=worker.name)
    return spec


def finish(team: Team, spec: ScanSpec) -> Report:
    """Stops what still runs; the report."""
    team.store.ask_cancel(spec.scan, ["*"], StopRequest(StopReason.USER, now=True))
    return team.report(spec)


def test_a_host_takes_a_scan_and_finishes_it_and_its_card_says_what_it_has(team: Team) -> None:
    host = team.worker("h1", "--slots", "2", "--threads", "3")

    report = team.report(team.submit({"a": "", "b": "solver = ipm\n"}))

    assert [(run.state, run.verdict, run.host, run.objective) for run in report.runs] == [
        (RunState.DONE, Verdict.OPTIMAL, "h1", 5.0)
    ] * 2
    card = team.store.host("h1")
    assert card is not None
    assert (card.slots, card.cores, card.roles, card.taking) == (2, 3, ("solve",), True)
    assert card.queues == ("solve.highs.highs", "host.h1")
    assert any("Install GAMS" in note for note in card.notes)
    assert team.store.host("control@h1") is not None
    assert host.has_said("offer")
    assert "highs.highs" in host.log


@pytest.mark.long
def test_two_hosts_share_the_runs_of_a_scan(team: Team) -> None:
    first, second = team.worker("h1", "--slots", "1"), team.worker("h2", "--slots", "1", "--role", "solve")
    spec = team.submit({"a": "", "b": ""}, model=ENDLESS)
    for profile in ("a", "b"):
        team.wait_for_state(spec, profile, RunState.RUNNING)

    report = finish(team, spec)

    assert sorted(host for host in hosts_of(report).values() if host) == ["h1", "h2"]
    for worker in (first, second):
        worker.signal(signal.SIGTERM)
    assert (first.wait(), second.wait()) == (0, 0)
    assert team.store.host("h1") is None
    assert team.store.waiting(["solve.highs.highs", "host.h1", "host.h2", "control"]) == 0


@pytest.mark.long
def test_a_drained_worker_finishes_what_runs_and_leaves_the_rest(team: Team) -> None:
    worker = team.worker("h1", "--slots", "1", "--role", "solve")
    spec = team.submit({"runs": "", "waits": ""}, model=ENDLESS)
    team.wait_for_state(spec, "runs", RunState.RUNNING)

    worker.signal(signal.SIGTERM)

    worker.wait_for("draining_waits")

    def says_that_it_ends() -> bool:
        card = team.store.host("h1")
        return card is not None and not card.taking

    wait_until(says_that_it_ends, timeout_s=PATIENCE_S, what="card says that it ends")
    team.store.ask_cancel(spec.scan, ["highs.runs"], StopRequest(StopReason.USER, now=True))
    assert worker.wait() == 0
    assert team.status(spec, "runs").state is RunState.CANCELLED
    assert team.status(spec, "waits").state is RunState.QUEUED
    assert team.store.waiting(["solve.highs.highs"]) == 1
    assert re.search(r"1 still running, until \d\d:\d\d:\d\d: \S+ highs.runs", worker.log)


@pytest.mark.long
def test_what_does_not_end_in_time_is_handed_back_to_the_head_of_its_queue(team: Team) -> None:
    worker = team.worker("h1", "--slots", "1", "--role", "solve", TIMES_DOCTOR_DRAIN_S="0.2")
    spec = team.submit({"long": "", "waits": lasting(0.2)}, model=ENDLESS)
    team.wait_for_state(spec, "long", RunState.RUNNING)

    worker.signal(signal.SIGTERM)

    assert worker.wait() == 0
    assert team.status(spec, "long").reason == "handed back by h1"
    assert team.store.waiting(["solve.highs.highs"]) == 2
    assert engines_of(worker) == []
    team.worker("h2", "--slots", "1")
    team.wait_for_state(spec, "long", RunState.RUNNING, host="h2")
    team.store.ask_cancel(spec.scan, ["highs.long"], StopRequest(StopReason.USER, now=True))
    report = team.report(spec)
    assert attempts_of(report, "long") == [("h1", "handed back by h1"), ("h2", "cancelled")]
    started = {run.profile: run.started_ms or 0 for run in report.runs}
    assert started["long"] < started["waits"]


@pytest.mark.long
def test_a_second_signal_hands_back_at_once(team: Team) -> None:
    worker = team.worker("h1", "--role", "solve")
    spec = start_long(team, worker)

    worker.signal(signal.SIGINT)
    worker.wait_for("draining_waits")
    worker.signal(signal.SIGTERM)

    assert worker.wait() == 0
    assert worker.has_said("hand_back_urged")
    assert team.status(spec, "long").state is RunState.QUEUED


@pytest.mark.long
def test_a_killed_worker_that_starts_again_takes_its_run_up_at_once(team: Team) -> None:
    worker = team.worker("h1")
    spec = start_long(team, worker, lease_s=3600.0)  # nobody here waits so long

    worker.kill()
    wait_until(lambda: not engines_of(worker), timeout_s=PATIENCE_S, what="its solver is gone")
    again = team.worker("h1")

    wait_until(lambda: team.status(spec, "long").attempt == 2, timeout_s=PATIENCE_S, what="second attempt")
    assert again.has_said("leftover_run")
    report = finish(team, spec)
    assert attempts_of(report, "long") == [("h1", "host lost"), ("h1", "cancelled")]


@pytest.mark.long
def test_the_run_of_a_killed_host_starts_on_another_one_when_its_lease_is_over(team: Team) -> None:
    first, control = team.worker("h1", "--role", "solve"), team.worker("h2", "--role", "control")
    control.signal(signal.SIGSTOP)  # so that it takes nobody for dead who is only slow
    spec = start_long(team, first, lease_s=2.0)
    team.worker("h3", "--role", "solve")

    first.kill()
    control.signal(signal.SIGCONT)

    team.wait_for_state(spec, "long", RunState.RUNNING, host="h3")
    assert attempts_of(finish(team, spec), "long") == [("h1", "host lost"), ("h3", "cancelled")]


@pytest.mark.long
def test_a_solve_goes_on_while_the_broker_is_away_and_its_result_arrives(team: Team, broker: Broker) -> None:
    worker = team.worker("h1", "--log-level", "debug")
    spec = start_long(team, worker)

    def solves() -> bool:
        return any("Running HiGHS" in log.read_text() for log in team.folder.glob("h1/cache/runs/*/*/run.log"))

    wait_until(solves, timeout_s=PATIENCE_S, what="HiGHS runs")
    broker.wait_for_disk()

    broker.kill()
    for engine in engines_of(worker):
        os.kill(engine, signal.SIGTERM)  # HiGHS ends with what it has
    worker.wait_for("redis_waits")  # the worker insists on its FINISH
    broker.start()

    report = team.report(spec)
    assert attempts_of(report, "long") == [("h1", "failed")]
    assert report.runs[0].verdict is Verdict.INTERRUPTED


@pytest.mark.long
def test_a_result_that_the_server_forgot_is_offered_again(team: Team, broker: Broker) -> None:
    worker = team.worker("h1", "--role", "solve")
    spec = start_long(team, worker)
    broker.wait_for_disk()
    kept = Path(broker.folder, "kept")
    subprocess.run(["cp", "-r", f"{broker.folder}/appendonlydir", kept], check=True)
    team.store.ask_cancel(spec.scan, ["*"], StopRequest(StopReason.USER, now=True))
    team.wait_for_state(spec, "long", RunState.CANCELLED)

    broker.kill()  # and with it everything after the copy
    subprocess.run(["rm", "-r", f"{broker.folder}/appendonlydir"], check=True)
    kept.rename(Path(broker.folder, "appendonlydir"))
    broker.start()

    worker.wait_for("spool_offered")
    team.wait_for_state(spec, "long", RunState.CANCELLED)
    assert team.status(spec, "long").attempt == 1
    team.worker("h2", "--role", "control")
    assert attempts_of(team.report(spec), "long") == [("h1", "cancelled")]
    spool = team.folder / "h1/cache/workers/h1"
    wait_until(lambda: not list(spool.glob("*/spool/*.json")), timeout_s=PATIENCE_S, what="an empty spool")


@pytest.mark.long
def test_a_control_worker_that_dies_is_started_again(team: Team) -> None:
    worker = team.worker("h1")
    worker.wait_for("control_started")
    wait_until(lambda: team.store.host("control@h1"), timeout_s=PATIENCE_S, what="a control worker")
    card = team.store.host("control@h1")
    assert card is not None

    os.kill(card.pid, signal.SIGKILL)

    worker.wait_for("control_died")
    assert team.report(team.submit({"a": ""})).runs[0].verdict is Verdict.OPTIMAL
    worker.kill()
    wait_until(lambda: team.store.host("control@h1") is None, timeout_s=PATIENCE_S, what="the control worker ends too")


@pytest.mark.long
def test_a_message_that_redis_popped_for_a_client_that_is_gone_is_published_again(team: Team) -> None:
    spec = team.submit({"a": ""})
    for name in team.store.keys.queue_lists("solve.highs.highs"):
        team.store.client.delete(name)
    team.worker("h1")

    assert team.report(spec).runs[0].verdict is Verdict.OPTIMAL


@pytest.mark.long
def test_a_scan_that_a_host_cannot_read_is_left_to_others_and_the_next_one_runs(team: Team) -> None:
    team.submit({"a": "", "b": ""}, lease_s=1e9)  # as no client of this version would write it
    worker = team.worker("h1", "--slots", "1")
    worker.wait_for("run_unreadable")

    assert team.report(team.submit({"a": ""})).runs[0].verdict is Verdict.OPTIMAL
    assert "raised unexpected" not in worker.log
    assert "Traceback" not in worker.log


@pytest.mark.long
def test_a_second_worker_of_the_same_name_refuses_while_the_first_one_beats(team: Team) -> None:
    first = team.worker("h1", "--role", "solve")

    second = team.worker("h1", "--role", "solve", wait=False, cache="elsewhere")

    assert second.wait() == 5
    assert f"A worker called 'h1' is already live at this broker (pid {first.process.pid}" in second.log
    assert "--name NAME" in second.log
    assert first.process.poll() is None


@pytest.mark.long
def test_a_worker_waits_for_a_broker_that_is_not_there_yet(team: Team, broker: Broker) -> None:
    broker.kill()
    worker = team.worker("h1", "--role", "solve", wait=False)
    worker.wait_for("broker_waits")
    assert "Tried again in" in worker.log

    broker.start()

    worker.wait_until_ready()
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0


@pytest.mark.long
def test_a_worker_ends_with_words_where_the_broker_wants_a_password(tmp_path: Path, make_team: MakeTeam) -> None:
    worker = make_team("--requirepass", "secret").worker("h1", "--role", "solve", wait=False)

    assert worker.wait() == 5
    assert "wants a password" in worker.log
    assert "secret" not in worker.log


MakeTeam = Callable[..., Team]


@pytest.fixture
def make_team(tmp_path: Path) -> Iterator[MakeTeam]:
    made: list[Team] = []

    def make(*options: str) -> Team:
        made.append(Team(tmp_path, Broker(*options)))
        return made[-1]

    yield make
    for team in made:
        team.close()
        team.broker.close()
