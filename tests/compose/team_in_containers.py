"""docker-compose.yml, brought up for real: `make test-compose`. Some minutes, most of them for the images."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.acceptance.conftest import Cli
from tests.cluster.three_hosts import small_plan
from tests.compose.engine import BUILD_S, IMAGE, ROOT, engine, why_no_engine
from tests.conftest import wait_until
from tests.integration.workers import endless_mps
from times_doctor_tasks.state_store.connection import connect

pytestmark = pytest.mark.timeout(2 * BUILD_S)

PATIENCE_S = 90.0
LEASE_S = 5.0
PASSWORD, ACCOUNT = "5eCr3t", "ops:look-only"


def say(words: str) -> None:
    sys.stdout.write(f"  {words}\n")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Team:
    """The containers, and a command line outside of them."""

    cli: Cli
    project: str
    redis_port: int
    flower_port: int

    @property
    def url(self) -> str:
        return f"redis://:{PASSWORD}@127.0.0.1:{self.redis_port}/0"

    def compose(self, *words: str) -> str:
        environ = os.environ | {
            "COMPOSE_PROJECT_NAME": self.project,
            "TIMES_DOCTOR_TAG": IMAGE.partition(":")[2],
            "REDIS_PASSWORD": PASSWORD,
            "FLOWER_AUTH": ACCOUNT,
            "REDIS_PUBLISH": f"127.0.0.1:{self.redis_port}",
            "FLOWER_PUBLISH": f"127.0.0.1:{self.flower_port}",
            "SOLVER_CPUS": "1",
            "SOLVER_MEMORY": "2g",
            "DRAIN_S": "2",
        }
        argv = ["docker", "compose", "--project-directory", str(ROOT), "--env-file", os.devnull, *words]
        done = subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=PATIENCE_S * 3)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def scale(self, solvers: int) -> None:
        self.compose("up", "--detach", "--no-build", "--wait", "--scale", f"solver={solvers}")
        wait_until(lambda: len(self.solvers()) == solvers, timeout_s=PATIENCE_S, what=f"{solvers} solver hosts")

    def solvers(self) -> list[dict[str, Any]]:
        done = self.cli.run("hosts", "--json")
        cards = json.loads(done.stdout)["hosts"] if done.stdout else []
        return [card for card in cards if "solve" in card["roles"]]

    def running(self) -> dict[str, str]:
        """Container by run, of the newest scan."""
        done = self.cli.run("status", "last", "--json")
        rows = json.loads(done.stdout)["runs"] if done.returncode == 0 else []
        return {row["run"]: row["host"] for row in rows if row["state"] == "running"}

    def logs(self) -> str:
        return self.compose("logs", "--no-color", "--tail", "40")


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    if reason := why_no_engine():
        pytest.skip(reason)
    cli = Cli(tmp_path_factory.mktemp("laptop"))
    team = Team(cli, f"tdc{os.getpid()}", free_port(), free_port())
    cli.environ |= {"TIMES_DOCTOR_BROKER_URL": team.url, "TIMES_DOCTOR_LEASE_S": str(LEASE_S)}
    with engine():
        began_s = time.monotonic()
        try:
            team.scale(1)
            say(f"up with one solver host after {time.monotonic() - began_s:.1f} s")
            yield team
        finally:
            team.compose("down", "--volumes", "--timeout", "10")


@pytest.fixture
def endless(team: Team) -> Path:
    path = team.cli.home / "endless.mps"
    path.write_bytes(endless_mps())
    return path


def limited(team: Team, seconds: int) -> tuple[str, Path]:
    path = team.cli.home / f"limit{seconds}.opt"
    path.write_text(f"time_limit = {seconds}\n")
    return "--opt-file", path


def docker(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *words], capture_output=True, text=True, timeout=PATIENCE_S)


def attempts(report: dict[str, Any]) -> list[tuple[str, float]]:
    (run,) = report["runs"]
    return [(attempt["host"], attempt["start_ms"] / 1000) for attempt in run["attempts"]]


def status_of(url: str, account: str = "") -> int:
    request = urllib.request.Request(url)
    if account:
        request.add_header("Authorization", f"Basic {base64.b64encode(account.encode()).decode()}")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_a_scan_from_outside_is_solved_inside(team: Team) -> None:
    model = team.cli.home / "plan.mps"
    model.write_bytes(small_plan())
    code, report = team.cli.scan(model, "--queue", "-p", "dual", "-p", "bar")
    assert (code, {run["verdict"] for run in report["runs"]}) == (0, {"optimal"}), team.logs()
    (card,) = team.solvers()
    assert (card["cores"], card["memory_mb"]) == (1, 2048)
    assert (model.parent / "times_doctor_out" / "scan_report.html").is_file()


def test_a_worker_is_nobody_special_and_can_write_nowhere_but_in_its_cache(team: Team) -> None:
    container = team.compose("ps", "--quiet", "solver").split()[0]
    assert docker("exec", container, "id", "-u").stdout.strip() == "10001"
    assert "CapEff:\t0000000000000000" in docker("exec", container, "cat", "/proc/self/status").stdout
    assert docker("exec", container, "touch", "/var/cache/times-doctor/x").returncode == 0
    for path in ("/x", "/home/times-doctor/x", "/opt/times-doctor/x"):
        assert "Read-only file system" in docker("exec", container, "touch", path).stderr


def test_no_password_stands_in_a_process_list(team: Team) -> None:
    for service in ("redis", "solver", "flower"):
        (container,) = team.compose("ps", "--quiet", service).split()
        shown = docker("top", container).stdout
        assert shown
        assert PASSWORD not in shown
        assert ACCOUNT not in shown


def test_redis_wants_its_password_keeps_a_log_and_never_evicts(team: Team) -> None:
    stranger = connect(f"redis://127.0.0.1:{team.redis_port}/0", retries=0)
    with pytest.raises(redis.AuthenticationError):
        stranger.ping()
    stranger.close()
    client = connect(team.url, retries=0)
    wanted = {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction"}
    found: Any = client.config_get(*wanted)
    client.close()
    assert found == wanted


def test_flower_wants_its_password_and_knows_the_hosts(team: Team) -> None:
    base = f"http://127.0.0.1:{team.flower_port}"
    assert status_of(f"{base}/tasks") == 401
    assert status_of(f"{base}/tasks", ACCOUNT) == 200
    (card,) = team.solvers()
    page = f"{base}/worker/solver@{card['host']}"
    wait_until(lambda: status_of(page, ACCOUNT) == 200, timeout_s=PATIENCE_S, what="the worker's page")


def test_a_killed_container_loses_its_run_to_another(team: Team, endless: Path) -> None:
    team.scale(3)
    scanning = team.cli.start("scan", endless, "--queue", "--json", *limited(team, 20))
    wait_until(team.running, timeout_s=PATIENCE_S, what="it runs")
    ((_, container),) = team.running().items()
    killed_s = time.time()
    assert docker("kill", container).returncode == 0
    report = json.loads(scanning.communicate(timeout=PATIENCE_S)[0])
    (first, second) = attempts(report)
    say(f"container killed; its run started in another {second[1] - killed_s:.2f} s later (lease {LEASE_S:.0f} s)")
    assert (first[0], second[0] == container) == (container, False)
    assert second[1] - killed_s <= LEASE_S + 3
    docker("start", container)


def test_a_stopped_container_hands_its_run_back_and_ends_well(team: Team, endless: Path) -> None:
    team.scale(3)
    scanning = team.cli.start("scan", endless, "--queue", "--json", *limited(team, 15))
    wait_until(team.running, timeout_s=PATIENCE_S, what="it runs")
    ((_, container),) = team.running().items()
    stopped_s = time.time()
    assert docker("stop", "--time", "60", container).returncode == 0
    took_s = time.time() - stopped_s
    report = json.loads(scanning.communicate(timeout=PATIENCE_S)[0])
    (_, second) = attempts(report)
    say(f"container stopped within {took_s:.1f} s (2 s to drain); its run started in another "
        f"{second[1] - stopped_s:.1f} s after the stop")  # fmt: skip
    assert docker("inspect", "--format", "{{.State.ExitCode}}", container).stdout.strip() == "0"
    assert second[0] != container
    docker("start", container)


def test_a_worker_that_crashes_is_started_again(team: Team) -> None:
    (container, *_) = team.compose("ps", "--quiet", "solver").split()
    docker("exec", container, "sh", "-c", "kill -9 -1")
    restarts = ("inspect", "--format", "{{.RestartCount}} {{.State.Running}}", container)
    wait_until(lambda: docker(*restarts).stdout.strip() == "1 true", timeout_s=PATIENCE_S, what="it runs again")
    wait_until(lambda: len(team.solvers()) == 3, timeout_s=PATIENCE_S, what="three solver hosts again")


def test_redis_comes_back_with_what_it_knew(team: Team) -> None:
    scans = json.loads(team.cli.run("list", "--json").stdout)["scans"]
    assert scans
    team.compose("restart", "redis")
    wait_until(lambda: len(team.solvers()) == 3, timeout_s=PATIENCE_S, what="hosts are back")
    assert json.loads(team.cli.run("list", "--json").stdout)["scans"] == scans
