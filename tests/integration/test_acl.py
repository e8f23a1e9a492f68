"""The users of deploy/users.acl on a real server, each in its role."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from msgspec.structs import replace

from tests.conftest import wait_until
from tests.faults.bed import PortBroker
from tests.integration.conftest import make_runs, make_scan
from tests.integration.test_flower_pages import PASSWORD, Dashboard
from tests.integration.test_metrics import Scraped
from tests.integration.workers import PATIENCE_S, TINY_MPS, Team, Worker, endless_mps
from times_doctor_tasks.contract.keys import Keys
from times_doctor_tasks.state_store.connection import connect
from times_doctor_tasks.state_store.run_store import RunStore

pytestmark = [pytest.mark.server, pytest.mark.timeout(180)]

USERS = Path(__file__).parents[2] / "deploy" / "users.acl"
ROLES = ("client", "worker", "control", "flower")


def words_of(role: str) -> str:
    return f"the-words-of-{role}"


class GuardedBroker(PortBroker):
    """A server with our users; the test itself comes as `default`, which teams switch off."""

    def __init__(self, folder: Path) -> None:
        text = re.sub(r"([A-Z]+)_PASSWORD", lambda role: words_of(role[1].lower()), USERS.read_text("utf-8"))
        users = folder / "users.acl"
        users.write_text(re.sub(r"^user default .*$", "user default on nopass ~* &* +@all", text, flags=re.MULTILINE))
        super().__init__("--aclfile", str(users))
        self.prefix = "td"
        self.store = RunStore(self.client)

    def url_of(self, role: str) -> str:
        return f"redis://{role}:{words_of(role)}@127.0.0.1:{self.port}/0"

    def denied(self) -> set[str]:
        """What was refused: user, where, why, and what about it."""
        found: Any = self.client.acl_log()
        return {" ".join(str(entry[name]) for name in ("username", "context", "reason", "object")) for entry in found}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[GuardedBroker]:
    broker = GuardedBroker(tmp_path)
    yield broker
    broker.close()


@pytest.fixture
def team(tmp_path: Path, broker: GuardedBroker) -> Iterator[Team]:
    team = Team(tmp_path, broker)
    yield team
    team.close()


class Desk:
    """The command line of somebody who has the client's password."""

    def __init__(self, folder: Path, broker: GuardedBroker) -> None:
        self.folder = folder / "desk"
        self.folder.mkdir()
        self._environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "TIMES_DOCTOR_BROKER_URL": broker.url_of("client"),
            "TIMES_DOCTOR_LEASE_S": "5",
            "GAMS_PATH": "/nonexistent",
        }

    def run(self, *words: object) -> dict[str, Any]:
        argv = [sys.executable, "-c", "from times_doctor_cli.entry import main; main()", *map(str, words), "--json"]
        done = subprocess.run(argv, env=self._environ, cwd=self.folder, capture_output=True, text=True, timeout=60)
        assert done.stdout, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def model(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path


def start(team: Team, broker: GuardedBroker, name: str, role: str) -> Worker:
    words = ("--role", role, *(("--slots", "1", "--threads", "1") if role == "solve" else ()))
    user = "worker" if role == "solve" else "control"
    return team.worker(name, *words, TIMES_DOCTOR_BROKER_URL=broker.url_of(user), TIMES_DOCTOR_STORE_URL="")


def watch(broker: GuardedBroker, folder: Path) -> Dashboard:
    home = folder / "flower"
    home.mkdir()
    environ = {"TIMES_DOCTOR_KEY_PREFIX": "td", "TIMES_DOCTOR_FLOWER_AUTH": f"ops:{PASSWORD}"}
    dashboard = Dashboard(broker.url_of("flower"), home, **environ)
    wait_until(dashboard.is_open, timeout_s=PATIENCE_S, what="Flower listens")
    return dashboard


@pytest.mark.long
def test_every_role_may_do_what_it_does_and_nothing_is_refused(
    team: Team, broker: GuardedBroker, tmp_path: Path
) -> None:
    dashboard = watch(broker, tmp_path)
    start(team, broker, "c", "control")
    host = start(team, broker, "h1", "solve")
    desk = Desk(tmp_path, broker)
    tiny, long = desk.model("tiny.mps", TINY_MPS), desk.model("long.mps", endless_mps())

    parallel = desk.run("scan", tiny, "--queue", "--parallel", "-p", "bar", "--repeat", 3, "--threads", 1)
    assert [run["verdict"] for run in parallel["runs"]] == ["optimal"] * 3
    chain = desk.run("scan", tiny, "--queue", "--race", "-p", "bar", "-p", "dual", "--threads", 1)
    assert chain["runs"][0]["verdict"] == "optimal"

    left = desk.run("scan", long, "--queue", "--detach", "-p", "bar", "--threads", 1)["scan"]
    wait_until(lambda: desk.run("status", left)["runs"][0]["state"] == "running", timeout_s=PATIENCE_S, what="it runs")
    start(team, broker, "h2", "solve")
    host.kill()  # recovery takes the run from it
    wait_until(
        lambda: desk.run("status", left)["runs"][0]["host"] == "h2", timeout_s=90.0, what="it runs on the other host"
    )
    desk.run("cancel", left, "--now")
    wait_until(lambda: team.store.is_reported(left), timeout_s=PATIENCE_S, what="the report")
    for words in (["list"], ["hosts"], ["fetch", parallel["scan"]], ["report", left], ["check"], ["prune"]):
        desk.run(*words)
    for page in ("/workers", "/tasks", "/broker"):
        assert dashboard.get(page)[0] == 200
    dashboard.close()
    assert broker.denied() == set()


@pytest.mark.parametrize(
    ("role", "key"),
    [
        ("client", Keys().result("s1", "r1")),
        ("client", Keys().report("s1")),
        ("worker", Keys().report("s1")),
        ("worker", Keys().scan("s1")),
        ("control", Keys().scans()),
        ("control", Keys().blob("0" * 64)),
        ("flower", Keys().state("s1", "r1")),
        *((role, "another-tenant:scans") for role in ROLES),
    ],
)
def test_nobody_writes_what_is_another_roles(broker: GuardedBroker, role: str, key: str) -> None:
    client = connect(broker.url_of(role))
    with pytest.raises(redis.exceptions.NoPermissionError):
        client.set(key, "forged")
    with pytest.raises(redis.exceptions.NoPermissionError):
        client.flushall()
    client.close()


def test_control_may_add_a_round_to_what_a_client_submitted(broker: GuardedBroker) -> None:
    client, control = (RunStore(connect(broker.url_of(role))) for role in ("client", "control"))
    spec = make_scan()
    client.submit(spec, make_runs(spec))

    extended = control.extend(spec, [replace(make_runs(spec)[0], run="cplex.a.2")])

    assert extended is not None
    assert client.scan(spec.scan) == extended
    assert broker.denied() == set()
    for store in (client, control):
        store.client.close()


def test_the_metrics_are_read_with_what_control_may(broker: GuardedBroker) -> None:
    client = RunStore(connect(broker.url_of("client")))
    spec = make_scan()
    client.submit(spec, make_runs(spec))
    client.client.close()
    control = RunStore(connect(broker.url_of("control")))
    scraped = Scraped(control, broker.url_of("control"))
    scraped.sweeper.sweep(0.0)

    found = scraped.read()

    assert "unreadable" not in found
    assert (found["scans_open"], found["store_used_bytes"]) == ({(): 1}, {(): 0})
    assert broker.denied() == set()
    control.client.close()


@pytest.mark.parametrize(
    ("role", "user", "says"),
    [
        ("solve", "client", "worker of role solve"),
        ("control", "client", "role control"),
        ("control", "worker", "role control"),
    ],
)
def test_a_worker_with_the_password_of_another_role_says_so_and_ends(
    tmp_path: Path, broker: GuardedBroker, role: str, user: str, says: str
) -> None:
    keep = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    environ = keep | {"HOME": str(tmp_path), "TIMES_DOCTOR_BROKER_URL": broker.url_of(user)}
    command = [sys.executable, "-m", "times_doctor_worker", "--role", role]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 5
    assert says in done.stderr
    assert words_of(user) not in done.stderr
    assert "Traceback" not in done.stderr
