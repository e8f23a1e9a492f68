"""Keys of a wrong type against a real worker: each costs at most its own run or scan."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.attacks.wrong_types import KINDS, of_run, of_team
from tests.conftest import wait_until
from tests.integration.workers import PATIENCE_S, Team, Worker
from tests.recorded.install import install_recorded_gams
from times_doctor_tasks.contract.messages import ScanSpec
from times_doctor_tasks.contract.states import RunState

pytestmark = [pytest.mark.long, pytest.mark.server, pytest.mark.timeout(280)]


COVER = Path(__file__).parents[1] / "recorded" / "models" / "cover.gms"
CLI = [sys.executable, "-c", "from times_doctor_cli.entry import main; main()"]
#: Exit codes of commands that say what is wrong, and go on.
SAID = (0, 3, 4, 5)


def command(team: Team, worker: Worker, *words: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*CLI, *words],
        env=worker.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode in SAID, (words, done.stdout, done.stderr)
    return done


def every_scan_is_reported(team: Team, worker: Worker, scans: dict[tuple[str, str], ScanSpec]) -> None:
    def unreported() -> list[tuple[str, str]]:
        return [case for case, spec in scans.items() if not team.store.is_reported(spec.scan)]

    try:
        wait_until(lambda: not unreported(), timeout_s=100, what="each scan has its report")
    except AssertionError:
        raise AssertionError(f"without a report: {unreported()}\n{worker.log[-6000:]}") from None
    assert worker.process.poll() is None


def test_keys_that_are_broken_before_a_run_begins_cost_that_run_at_most(team: Team) -> None:
    names = of_run(team.store.keys, "", "")
    scans = {}
    for name in names:
        for kind in ("bytes", "deep", "object", "list", "hash", "last stream"):
            spec = scans[name, kind] = team.submit({"a": "", "b": ""})
            KINDS[kind](team.store.client, of_run(team.store.keys, spec.scan, "highs.a")[name])
    healthy = team.submit({"a": "", "b": ""})
    worker = team.worker("h1")

    assert {run.state for run in team.report(healthy, timeout_s=100).runs} == {RunState.DONE}

    every_scan_is_reported(team, worker, scans)
    for case, spec in scans.items():
        if case[0] in ("report", "cancel"):  # these two are the whole scan's
            continue
        report = team.store.report(spec.scan)
        assert report is not None, case
        assert {run.profile: run.state for run in report.runs}["b"] is RunState.DONE, case
    for words in (("list",), ("list", "--json"), ("status",), ("hosts",), ("check",)):
        command(team, worker, *words)


def test_keys_that_are_broken_while_a_run_is_solved_cost_that_run_at_most(team: Team, tmp_path: Path) -> None:
    gams = install_recorded_gams(tmp_path / "gams", speed=1)
    worker = team.worker("h1", "--slots", "40", "--threads", "40", GAMS_PATH=str(gams))

    def submit() -> ScanSpec:
        model = COVER.read_bytes()
        return team.submit({"p": "lpmethod 1\n"}, model=model, engine="gams", solver="cplex", driver="cover.gms")

    healthy, scans = submit(), {}
    for name in of_run(team.store.keys, "", ""):
        for kind in ("text", "hash", "last stream"):
            scans[name, kind] = submit()

    def running() -> bool:
        specs = [healthy, *scans.values()]
        return all(team.store.statuses(spec)["cplex.p"].state is RunState.RUNNING for spec in specs)

    wait_until(running, timeout_s=PATIENCE_S, what="all are solved at once")
    for (name, kind), spec in scans.items():
        KINDS[kind](team.store.client, of_run(team.store.keys, spec.scan, "cplex.p")[name])

    run = team.report(healthy, timeout_s=100).runs[0]
    assert (run.state, run.attempt) == (RunState.DONE, 1)
    every_scan_is_reported(team, worker, scans)
    away = [line for line in worker.log.splitlines() if "redis_away" in line]
    assert not away


def test_keys_of_the_team_that_are_broken_stop_nobody(team: Team) -> None:
    worker = team.worker("h1")
    for name in of_team(team.store.keys, "h1"):
        for kind in ("bytes", "list", "hash", "zset"):
            KINDS[kind](team.store.client, of_team(team.store.keys, "h1")[name])
            run = team.report(team.submit({"a": ""})).runs[0]
            assert run.state is RunState.DONE, (name, kind)
        KINDS["text"](team.store.client, of_team(team.store.keys, "h1")[name])
        for words in (("list",), ("hosts",), ("check",)):
            command(team, worker, *words)
    wait_until(lambda: [card.host for card in team.store.live_hosts()] == ["control@h1", "h1"], what="both beat")
    assert worker.process.poll() is None


CARDS: dict[str, bytes] = {
    "no json": b"x",
    "no text": b"\xff\xfe",
    "too deep": b"[" * 100_000,
    "a list": b"[]",
    "of another version": json.dumps({"schema": 9, "host": "h9", "schemas": []}).encode(),
}
CARD = {
    "host": "bad", "instance": "i", "pid": 1, "roles": ["solve", "control"], "slots": 2, "cores": 4, "memory_mb": 8000,
    "queues": ["solve.highs.highs"], "engines": {"highs": "1"}, "solvers": ["highs.highs"],
}  # fmt: skip
CHANGES: dict[str, dict[str, object]] = {
    "negative slots": {"slots": -5},
    "negative cores": {"cores": -5, "memory_mb": -1},
    "unknown engine": {"engines": {"abacus": "1"}, "solvers": ["abacus.beads", "nodot", "", "highs."]},
    "a date that is none": {"licence_expires": "yesterday"},
    "no schemas": {"schemas": []},
    "another's name": {"host": "h1"},
    "control characters": {"host": "bad", "version": "\x1b[2J", "notes": ["\x1b]0;x\x07 a\nb"]},
    "huge": {"slots": 10**18, "cores": 10**18, "memory_mb": 10**18, "notes": ["x" * 1_000_000]},
}


def test_cards_of_garbage_cost_one_line_each(team: Team) -> None:
    worker = team.worker("h1")
    cards = CARDS | {name: json.dumps(CARD | change).encode() for name, change in CHANGES.items()}
    for number, (name, card) in enumerate(cards.items()):
        host = f"bad{number}"
        team.store.client.set(team.store.keys.host(host), card.replace(b'"bad"', json.dumps(host).encode()))
        team.store.client.zadd(team.store.keys.hosts(), {host: 1})
        listed = command(team, worker, "hosts")
        assert "h1" in listed.stdout, name
        assert "\x1b" not in listed.stdout, name
        command(team, worker, "hosts", "--json")
        command(team, worker, "check")
        run = team.report(team.submit({"a": ""})).runs[0]
        assert run.state is RunState.DONE, name
        team.store.client.delete(team.store.keys.host(host))


@pytest.mark.sample
def test_a_run_of_an_engine_that_no_host_has_waits_with_its_reason_and_is_not_pushed_round(team: Team) -> None:
    worker = team.worker("h1")
    runs = {engine: team.submit({"a": ""}, engine=engine, queue="solve.highs.highs") for engine in ("abacus", "gams")}
    for _ in range(3):
        assert team.report(team.submit({"a": ""})).runs[0].state is RunState.DONE
    for engine, spec in runs.items():
        status = team.store.statuses(spec)["highs.a"]
        assert (status.state, status.reason) == (RunState.PARKED, f"no {engine} here")
    assert worker.log.count("action=put_back") == 0
    assert worker.log.count("action=parked") == len(runs)
