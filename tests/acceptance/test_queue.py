from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Cli, RunFolder
from tests.conftest import Server, wait_until
from tests.recorded.install import install_recorded_gams

pytestmark = [pytest.mark.server, pytest.mark.timeout(120)]

THREE = ("-p", "dual", "-p", "primal", "-p", "auto")
#: Of the recording: slow enough to be watched and cancelled on a loaded machine (`bar` and `sift` take over 20 s).
SLOW = 0.25
MPS = """NAME          TINY
ROWS
 N  COST
 L  LIM1
 G  LIM2
COLUMNS
    X         COST         1.0   LIM1         1.0
    X         LIM2         1.0
    Y         COST         2.0   LIM1         1.0
RHS
    RHS       LIM1         4.0   LIM2         1.0
ENDATA
"""


@dataclass
class Team:
    """A broker and two hosts that share nothing but it."""

    environ: dict[str, str]
    workers: list[subprocess.Popen[str]]
    logs: Path


def start_worker(name: str, home: Path, environ: dict[str, str], gams: Path) -> subprocess.Popen[str]:
    (home / "tmp").mkdir(parents=True)
    own = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TMPDIR": str(home / "tmp"),
        "TIMES_DOCTOR_CACHE_DIR": str(home / "cache"),
        "TIMES_DOCTOR_DRAIN_S": "0",
        "GAMS_PATH": str(gams),
    }
    words = ["worker", "--name", name, "--slots", "1", "--threads", "2"]
    argv = [sys.executable, "-c", "from times_doctor_cli.entry import main; main()", *words]
    with (home / "log").open("w") as log:
        return subprocess.Popen(argv, env=environ | own, stdout=log, stderr=log, text=True, cwd=home)


@pytest.fixture(scope="module")
def team(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    folder = tmp_path_factory.mktemp("team")
    gams = install_recorded_gams(folder / "gams", speed=SLOW)
    environ = {"TIMES_DOCTOR_BROKER_URL": server.url, "TIMES_DOCTOR_KEY_PREFIX": f"q{uuid.uuid4().hex[:8]}"}
    workers = [start_worker(name, folder / name, environ, gams) for name in ("h1", "h2")]
    probe = Cli(folder)

    def live() -> set[str]:
        done = probe.run("hosts", "--json", **environ)
        return {card["host"] for card in json.loads(done.stdout)["hosts"] if "solve" in card["roles"]}

    try:
        wait_until(lambda: live() == {"h1", "h2"}, timeout_s=60, what="both hosts are there")
        yield Team(environ, workers, folder)
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait(timeout=30)


@pytest.fixture
def desk(team: Team, tmp_path: Path) -> Callable[[str], Cli]:
    """A machine of the team, with a home of its own."""

    def make(name: str) -> Cli:
        home = tmp_path / name
        home.mkdir()
        cli = Cli(home)
        cli.environ |= team.environ | {"TIMES_DOCTOR_HOST": name}
        return cli

    return make


def by_profile(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {run["profile"]: run for run in report["runs"]}


def document(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def detach(cli: Cli, *words: object) -> str:
    done = cli.run("scan", *words, "--queue", "--detach", "--json")
    return str(document(done)["scan"])


def wait_for_running(cli: Cli, scan: str, *, runs: int = 1) -> None:
    def running() -> int:
        rows = document(cli.run("status", scan, "--json"))["runs"]
        return sum(row["state"] == "running" for row in rows)

    wait_until(lambda: running() >= runs, timeout_s=60, what=f"{runs} running")


@pytest.mark.long
def test_a_model_that_is_gone_right_after_the_submit_is_solved_on_both_hosts(
    desk: Callable[[str], Cli], run_folder: RunFolder, tmp_path: Path, recorded: Path
) -> None:
    folder = run_folder("denselp")
    _, local = desk("alone").scan(folder, "--gams-path", recorded, "--threads", "1", *THREE)
    scan = detach(desk("laptop"), folder, "--parallel", "--threads", "1", *THREE)
    folder.rename(tmp_path / "gone")
    office = desk("office")
    watched = office.run("watch", scan, "--json")
    report = document(watched)
    assert watched.returncode == 0
    runs, before = by_profile(report), by_profile(local)
    assert {run["host"] for run in runs.values()} == {"h1", "h2"}
    assert list(runs) == list(before)
    for profile, run in runs.items():
        assert (run["verdict"], run["basis"]) == (before[profile]["verdict"], before[profile]["basis"])
        assert run["objective"] == before[profile]["objective"]
    fetched = office.run("fetch", scan)
    assert fetched.returncode == 0, fetched.stderr
    out = office.home / "times_doctor_out" / scan
    assert {path.name for path in (out / "scan_runs" / "cplex.dual").iterdir()} - {"run.gdx"} == {
        "cplex.opt", "run.log", "run.lst", "trace.txt",
    }  # fmt: skip
    assert [path.parent.name for path in out.rglob("run.gdx")] == [report["recommendation"]["run"]]
    assert not (tmp_path / "case").exists()


def test_the_document_of_json_is_the_file_and_a_plain_scan_leaves_its_files_in_the_run_folder(
    desk: Callable[[str], Cli], tmp_path: Path
) -> None:
    model = tmp_path / "model" / "tiny.mps"
    model.parent.mkdir()
    model.write_text(MPS)
    code, report = desk("laptop").scan(model, "--queue", "--parallel")
    assert code == 0
    assert {run["verdict"] for run in report["runs"]} == {"optimal"}
    out = model.parent / "times_doctor_out"
    assert json.loads((out / "scan_report.json").read_text()) == report
    assert (out / report["scan"] / "scan_report.html").is_file()

    _, again = desk("other").scan(model, "--queue", "--resume", "-p", "bar", "-p", "pdlp")
    reused = {run["profile"]: run["reused_from"] for run in again["runs"]}
    assert reused == {"bar": report["scan"], "pdlp": ""}


@pytest.mark.long
def test_two_watch_and_a_third_cancels_and_all_end_with_the_same_report(
    desk: Callable[[str], Cli], run_folder: RunFolder
) -> None:
    laptop, office = desk("laptop"), desk("office")
    scanning = laptop.start("scan", run_folder("denselp"), "--queue", "--parallel", "--json", "-p", "sift", "-p", "bar")
    wait_until(lambda: document(office.run("status", "--json"))["scans"], timeout_s=60, what="the scan is there")
    (open_scan,) = document(office.run("status", "--json"))["scans"]
    scan = open_scan["spec"]["scan"]
    watching = office.start("watch", scan, "--json")
    wait_for_running(office, scan, runs=2)
    ben = desk("phone")
    ben.environ["LOGNAME"] = "ben"
    asked = ben.run("cancel", scan, "--now")
    assert (asked.returncode, "not yours. To cancel it all the same, add --yes" in asked.stderr) == (2, True), asked
    done = ben.run("cancel", scan, "--now", "--yes")
    assert (done.returncode, "Told 2 runs" in done.stdout) == (0, True), done.stdout + done.stderr
    reports = [json.loads(process.communicate(timeout=60)[0]) for process in (scanning, watching)]
    assert {run["state"] for run in reports[0]["runs"]} == {"cancelled"}
    assert {run["stopped_by"] for run in reports[0]["runs"]} == {"ben@phone"}
    assert all(run["sentence"].startswith("Cancelled by ben@phone") for run in reports[0]["runs"])
    assert "2 cancelled by ben@phone" in office.run("list", COLUMNS="140").stdout
    assert reports[0]["runs"] == reports[1]["runs"]
    assert scanning.returncode == watching.returncode == 3
    again = office.run("cancel", scan)
    assert (again.returncode, "nothing to cancel" in again.stdout) == (0, True)


@pytest.mark.long
def test_a_profile_can_be_cancelled_alone(desk: Callable[[str], Cli], run_folder: RunFolder) -> None:
    laptop = desk("laptop")
    scan = detach(laptop, run_folder("denselp"), "--parallel", "-p", "sift", "-p", "bar")
    wait_for_running(laptop, scan, runs=2)
    assert laptop.run("cancel", "last", "--profile", "bar", "--now").returncode == 0

    def states() -> dict[str, str]:
        return {row["profile"]: row["state"] for row in document(laptop.run("status", scan, "--json"))["runs"]}

    wait_until(lambda: states()["bar"] == "cancelled", timeout_s=30, what="bar is cancelled")
    assert states()["sift"] != "cancelled"
    laptop.run("cancel", scan, "--now")


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_watcher_that_is_told_to_end_leaves_the_scan_alone(
    desk: Callable[[str], Cli], run_folder: RunFolder, number: signal.Signals
) -> None:
    laptop = desk("laptop")
    scan = detach(laptop, run_folder("denselp"), "-p", "sift")
    wait_for_running(laptop, scan)
    watching = desk("office").start("watch", scan)
    assert watching.stdout is not None
    assert "running" in watching.stdout.readline()
    watching.send_signal(number)
    out, err = watching.communicate(timeout=30)
    assert (watching.returncode, "continues without this terminal" in out) == (0, True), out + err
    (row,) = document(laptop.run("status", scan, "--json"))["runs"]
    assert row["state"] == "running"
    laptop.run("cancel", scan, "--now")


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
@pytest.mark.parametrize("as_json", [False, True])
def test_a_scan_of_the_team_goes_on_when_its_terminal_goes_away(
    desk: Callable[[str], Cli], run_folder: RunFolder, number: signal.Signals, as_json: bool
) -> None:
    laptop = desk("laptop")
    scanning = laptop.start("scan", run_folder("denselp"), "--queue", "-p", "sift", *(["--json"] if as_json else []))
    told = scanning.stderr if as_json else scanning.stdout
    assert told is not None
    next(line for line in told if "running" in line)
    scanning.send_signal(number)
    out, err = scanning.communicate(timeout=30)
    assert scanning.returncode == 130, out + err
    scan = (
        json.loads(out)["scan"] if as_json else next(line for line in out.splitlines() if "detached" in line).split()[1]
    )
    assert not as_json or json.loads(out)["detached"] is True
    (row,) = document(laptop.run("status", scan, "--json"))["runs"]
    assert row["state"] == "running"
    laptop.run("cancel", scan, "--now")


@pytest.mark.long
def test_ctrl_c_in_the_terminal_of_the_scan_cancels_it_on_its_hosts(
    desk: Callable[[str], Cli], run_folder: RunFolder
) -> None:
    laptop = desk("laptop")
    folder = run_folder("denselp")
    scanning = laptop.start("scan", folder, "--queue", "-p", "sift", "-p", "bar")
    assert scanning.stdout is not None
    line = next(line for line in scanning.stdout if "running" in line)
    assert "sift running on h" in line
    scanning.send_signal(signal.SIGINT)
    out, err = scanning.communicate(timeout=60)
    assert scanning.returncode == 130, out + err
    assert (folder / "times_doctor_out" / "scan_report.csv").is_file()


@pytest.mark.long
def test_a_named_host_gets_all_runs(desk: Callable[[str], Cli], run_folder: RunFolder) -> None:
    folder = run_folder("denselp")
    code, report = desk("laptop").scan(folder, "--queue", "--parallel", "--hosts", "h2", "-p", "dual", "-p", "primal")
    assert code == 0
    assert {run["host"] for run in report["runs"]} == {"h2"}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--queue", "--solver", "gurobi"), 5, "No live host has gurobi: h1 has cplex"),
        (("--queue", "--hosts", "h9"), 5, "no live solver host of that name. Live: h1, h2"),
        (("--queue", "--threads", "64"), 5, "h1 has 2 cores, fewer than --threads 64"),
        (("--queue", "--mem", "99999999"), 5, "less than --mem 99999999"),
        (("--queue", "--gams-path", "/gams"), 2, "--gams-path with --queue"),
        (("--queue", "-p", "nosuch"), 2, "nosuch"),
        (("--detach",), 2, "--detach needs --queue"),
        (("--llm",), 2, "--llm is not part of this scan"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_starts(
    desk: Callable[[str], Cli], run_folder: RunFolder, words: Sequence[str], code: int, said: str
) -> None:
    done = desk("laptop").run("scan", run_folder("cover"), *words)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_broker_the_queue_says_how_to_set_one_and_a_dead_one_is_exit_5(
    cli: Cli, run_folder: RunFolder
) -> None:
    folder = run_folder("cover")
    none = cli.run("scan", folder, "--queue")
    assert (none.returncode, "Set TIMES_DOCTOR_BROKER_URL" in none.stderr) == (2, True)
    dead = cli.run("scan", folder, "--queue", TIMES_DOCTOR_BROKER_URL="redis://127.0.0.1:1/0")
    assert (dead.returncode, "'redis://127.0.0.1:1/0' cannot be used" in dead.stderr) == (5, True)


@pytest.mark.long
def test_a_dry_run_shows_the_hosts_and_sends_nothing(desk: Callable[[str], Cli], run_folder: RunFolder) -> None:
    laptop = desk("laptop")
    before = len(document(laptop.run("list", "--json", "-n", "500"))["scans"])
    done = laptop.run("scan", run_folder("cover"), "--queue", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "h1, h2" in done.stdout
    assert len(document(laptop.run("list", "--json", "-n", "500"))["scans"]) == before


@pytest.mark.long
def test_check_and_hosts_tell_what_the_team_has(desk: Callable[[str], Cli]) -> None:
    laptop = desk("laptop")
    checked = document(laptop.run("check", "--json"))
    found = {finding["what"]: finding for finding in checked["findings"]}
    assert checked["ok"]
    assert found["solver hosts"]["words"] == "h1, h2"
    assert found["broker data"]["level"] == "warn"
    assert found["store"]["level"] == "ok"
    origins = {value["name"]: value["origin"] for value in checked["configuration"]}
    assert (origins["broker_url"], origins["lease_s"]) == ("TIMES_DOCTOR_BROKER_URL", "default")
    cards = {card["host"]: card for card in document(laptop.run("hosts", "--json"))["hosts"]}
    assert cards["h1"]["slots"] == 1
    assert {"gams.cplex", "highs.highs"} <= set(cards["h1"]["solvers"])
