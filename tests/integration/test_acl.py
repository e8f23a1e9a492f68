"""The users of deploy/users.acl on a real server, each in its role."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from msgspec.structs import replace

from tests.conftest import wait_until
from tests.integration.conftest import make_runs, make_scan
from tests.integration.guarded import SERVERS, GuardedBroker, guarded_broker, words_of
from tests.integration.test_flower_pages import PASSWORD, Dashboard
from tests.integration.test_metrics import Scraped
from tests.integration.workers import PATIENCE_S, TINY_MPS, Team, Worker, endless_mps
from times_doctor_tasks.blob_store.factory import open_store
from times_doctor_tasks.contract.keys import Keys
from times_doctor_tasks.contract.states import RunState
from times_doctor_tasks.state_store import connection, scripts
from times_doctor_tasks.state_store.connection import connect
from times_doctor_tasks.state_store.run_store import Fence, RunStore
from times_doctor_worker.recovery.script_loader import load_scripts

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]

ROLES = ("client", "worker", "control", "admin", "flower", "ops")


BEAT = scripts.source("beat")


#: Each server that is here: the oldest Redis that we speak to is Debian's.
broker = guarded_broker


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

    def run(self, *words: object, url: str = "") -> dict[str, Any]:
        """The document that a command prints; with another user's URL than the client's if one is given."""
        argv = [sys.executable, "-c", "from times_doctor_cli.entry import main; main()", *map(str, words), "--json"]
        environ = self._environ | ({"TIMES_DOCTOR_BROKER_URL": url} if url else {})
        done = subprocess.run(
            argv, env=environ, cwd=self.folder, capture_output=True, text=True, timeout=3 * PATIENCE_S
        )
        assert done.stdout, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def model(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path


def start(team: Team, broker: GuardedBroker, name: str, role: str, *, notify_file: str = "") -> Worker:
    words = ("--role", role, *(("--slots", "1", "--threads", "1") if role == "solve" else ()))
    user = "worker" if role == "solve" else "control"
    return team.worker(
        name,
        *words,
        TIMES_DOCTOR_BROKER_URL=broker.url_of(user),
        TIMES_DOCTOR_STORE_URL="",
        TIMES_DOCTOR_NOTIFY_FILE=notify_file,
    )


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
    targets = tmp_path / "notify.toml"
    targets.write_text('[targets]\nops = ["json://127.0.0.1:1"]\n')  # nobody listens there
    control = start(team, broker, "c", "control", notify_file=str(targets))
    wait_until(lambda: broker.knows(BEAT), timeout_s=PATIENCE_S, what="control has loaded the scripts")
    dashboard = watch(broker, tmp_path)
    host = start(team, broker, "h1", "solve")
    desk = Desk(tmp_path, broker)
    assert desk.run("seats", "set", "highs", 8, url=broker.url_of("admin"))["seats"][0]["seats"] == 8
    tiny, long = desk.model("tiny.mps", TINY_MPS), desk.model("long.mps", endless_mps())

    parallel = desk.run(
        "scan", tiny, "--queue", "--parallel", "-p", "bar", "--repeat", 3, "--threads", 1, "--notify", "ops"
    )
    wait_until(lambda: control.has_said("notify_failed"), timeout_s=PATIENCE_S, what="a message that nobody takes")
    assert team.store.client.smembers(team.store.keys.told(parallel["scan"])) == {b"ended"}
    assert [run["verdict"] for run in parallel["runs"]] == ["optimal"] * 3
    chain = desk.run("scan", tiny, "--queue", "--race", "-p", "bar", "-p", "dual", "--threads", 1)
    assert chain["runs"][0]["verdict"] == "optimal"

    left = desk.run("scan", long, "--queue", "--detach", "-p", "bar", "--threads", 1)["scan"]
    wait_until(lambda: desk.run("status", left)["runs"][0]["state"] == "running", timeout_s=PATIENCE_S, what="it runs")
    start(team, broker, "h2", "solve")
    host.kill()  # recovery takes the run from it
    wait_until(
        lambda: desk.run("status", left)["runs"][0]["host"] == "h2",
        timeout_s=3 * PATIENCE_S,
        what="it runs on the other host",
    )
    desk.run("cancel", left, "--now")
    wait_until(lambda: team.store.is_reported(left), timeout_s=PATIENCE_S, what="the report")
    for words in (["list"], ["hosts"], ["seats"], ["fetch", parallel["scan"]], ["report", left], ["check"], ["prune"]):
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
        *((role, Keys().told("s1")) for role in ("client", "worker")),
        ("control", Keys().scans()),
        ("control", Keys().blob("0" * 64)),
        *((role, Keys().seats()) for role in ("client", "worker", "control", "flower")),
        ("admin", Keys().held_seats()),
        ("admin", Keys().state("s1", "r1")),
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


#: What no role needs; a role that had one of these could read, forge or empty what is another's.
FORBIDDEN = (
    "ACL LIST", "BGREWRITEAOF", "CLIENT KILL ID 1", "CLIENT LIST", "CLIENT TRACKING ON", "CONFIG GET maxmemory",
    "CONFIG SET maxmemory 1", "COPY td:scans td:x", "DBSIZE", "DUMP td:scans", "EVAL return(1) 0",
    "EVAL_RO return(1) 0", "FCALL f 0", "FLUSHALL", "FLUSHDB", "FUNCTION LIST", "KEYS *", "MEMORY USAGE td:scans",
    "MIGRATE h 1 td:scans 0 1", "MODULE LIST", "MONITOR", "MOVE td:scans 1", "OBJECT ENCODING td:scans", "PSYNC ? -1",
    "PUBSUB CHANNELS", "RANDOMKEY", "RENAME td:scans td:x", "REPLICAOF NO ONE", "RESTORE td:x 0 x", "SAVE", "SCAN 0",
    "SCRIPT FLUSH", "SCRIPT KILL", "SHUTDOWN", "SLOWLOG GET", "SORT td:scans", "SWAPDB 0 1", "WAIT 0 1",
)  # fmt: skip


@pytest.mark.parametrize("role", ROLES)
def test_no_role_has_a_command_that_it_does_not_need(broker: GuardedBroker, role: str) -> None:
    client = connect(broker.url_of(role))
    allowed = []
    needed = {"control": "SCRIPT LOAD return(1)", "ops": "PSYNC ? -1"}.get(role)
    for line in {*FORBIDDEN, "SCRIPT LOAD return(1)", "ACL SETUSER x", "ACL GETUSER client"} - {needed}:
        try:
            client.execute_command(*line.split())  # type: ignore[no-untyped-call]
            allowed.append(line)
        except redis.exceptions.NoPermissionError:
            pass
    client.close()
    assert allowed == []


@pytest.mark.parametrize("command", [["prune", "--days", "1"], ["deadletters"], ["list"]])
def test_a_user_that_may_not_is_named_and_no_server_is_blamed(
    broker: GuardedBroker, tmp_path: Path, command: list[str]
) -> None:
    load_scripts(connect(broker.url_of("control")))
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TIMES_DOCTOR_BROKER_URL": broker.url_of("ops")}
    argv = [sys.executable, "-c", "from times_doctor_cli.entry import main; main()", *command]
    for user in ("ops", *(("control", "admin") if "prune" in command else ())):
        environ["TIMES_DOCTOR_BROKER_URL"] = broker.url_of(user)
        done = subprocess.run(argv, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=3 * PATIENCE_S)
        assert done.returncode == 5, done.stderr
        assert "may not do this" in done.stderr or "only client and worker" in done.stderr
        assert "version 7" not in done.stderr
        assert words_of(user) not in done.stderr


def test_prune_frees_a_server_that_is_full(tmp_path: Path) -> None:
    full = GuardedBroker(tmp_path, SERVERS[-1], "--maxmemory", "32mb", "--maxmemory-policy", "noeviction")
    try:
        load_scripts(connect(full.url_of("control")))
        content = os.urandom(3_000_000)
        open_store("redis", broker_url=full.url_of("client")).put({hashlib.sha256(content).hexdigest(): content})
        full.client.config_set("maxmemory", int(full.client.info("memory")["used_memory"]) - 1_000_000)
        assert not _takes_writes(full)
        environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TIMES_DOCTOR_BROKER_URL": full.url_of("client")}
        argv = [sys.executable, "-c", "from times_doctor_cli.entry import main; main()", "prune", "--days", "0"]
        done = subprocess.run(argv, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=3 * PATIENCE_S)
        assert "1 file removed" in done.stdout, done.stderr
        wait_until(lambda: _takes_writes(full), what="the server takes writes again")
    finally:
        full.close()


def _takes_writes(broker: GuardedBroker) -> bool:
    try:
        return bool(broker.client.set("again", "x"))
    except redis.exceptions.OutOfMemoryError:
        return False


@pytest.mark.parametrize("queue", ["solve.highs.highs", "host.h1", "control", "unacked", "unacked_index"])
def test_a_client_may_put_a_message_into_a_queue_and_nothing_else(broker: GuardedBroker, queue: str) -> None:
    client = connect(broker.url_of("client"))
    key = f"td:celery:{queue}"
    may_push = not queue.startswith("unacked")
    for line in (f"SET {key} x", f"DEL {key}", f"RPOP {key}", f"LPUSH {key} x", f"RPUSH {key} x", f"HSET {key} a b"):
        try:
            client.execute_command(*line.split())  # type: ignore[no-untyped-call]
            done = True
        except redis.exceptions.NoPermissionError:
            done = False
        assert done == (may_push and line.startswith("LPUSH")), line
    client.close()


def test_scripts_that_control_has_not_loaded_yet_are_waited_for(
    broker: GuardedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = RunStore(connect(broker.url_of("worker")))
    spec = make_scan()
    store.client.set("td:run:none:none:spec", "x")
    loading = threading.Timer(0.5, lambda: load_scripts(connect(broker.url_of("control"))))
    loading.start()

    assert not store.beat(spec, "cplex.a", Fence(1, "t"), state=RunState.RUNNING).ours
    loading.join()

    broker.client.script_flush()
    monkeypatch.setattr(connection, "SCRIPT_WAIT_S", 0.2)
    with pytest.raises(redis.exceptions.NoPermissionError, match="only a control worker may do: is one running"):
        store.beat(spec, "cplex.a", Fence(1, "t"), state=RunState.RUNNING)
    store.client.close()


def test_control_may_add_a_round_to_what_a_client_submitted(broker: GuardedBroker) -> None:
    client, control = (RunStore(connect(broker.url_of(role))) for role in ("client", "control"))
    spec = make_scan()
    client.submit(spec, make_runs(spec))
    load_scripts(control.client)

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
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=3 * PATIENCE_S)
    assert done.returncode == 5
    assert says in done.stderr
    assert words_of(user) not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_server_with_these_users_keeps_transactions_and_what_scripts_wrote_over_a_restart(
    broker: GuardedBroker,
) -> None:
    client, control = (RunStore(connect(broker.url_of(role))) for role in ("client", "control"))
    load_scripts(control.client)
    spec = make_scan(runs=("cplex.a",))
    client.submit(spec, make_runs(spec))
    before = sorted(broker.client.keys())
    broker.restart()
    assert sorted(broker.client.keys()) == before
    with pytest.raises(redis.AuthenticationError):
        connect(f"redis://127.0.0.1:{broker.port}/0").ping()
    for words in ("default:@", "default:x@", ":x@"):
        with pytest.raises(redis.AuthenticationError):
            connect(f"redis://{words}127.0.0.1:{broker.port}/0").ping()
