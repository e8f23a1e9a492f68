from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Server, wait_until
from tests.integration.workers import PATIENCE_S, killed
from times_doctor_tasks.celery_app.app import app, configure
from times_doctor_tasks.contract.hosts import HostCard
from times_doctor_tasks.state_store.connection import connect
from times_doctor_tasks.state_store.run_store import RunStore

pytestmark = [
    pytest.mark.server,
    pytest.mark.timeout(180),
]

PREFIX = "team7"
PASSWORD = "pass,word:1"
CARD = HostCard(
    host="h1",
    instance="i",
    pid=77,
    roles=("solve",),
    slots=3,
    cores=8,
    memory_mb=64_000,
    queues=("solve.gams.cplex", "host.h1"),
    engines={"gams": "54.6.1"},
    solvers=("gams.cplex",),
    licence="full licence <until> 2027-01-31",
    running=("s1 cplex.dual",),
)


class Dashboard:
    def __init__(self, broker_url: str, folder: Path, *words: str, **environ: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        program = [sys.executable, "-c", "from times_doctor_cli.entry import main; main()", "flower"]
        keep = {name: os.environ[name] for name in ("PATH", "LANG", "TZ") if name in os.environ}
        keep |= {"HOME": str(folder), "TIMES_DOCTOR_BROKER_URL": broker_url, "TIMES_DOCTOR_KEY_PREFIX": PREFIX}
        self.log = (folder / "flower.log").open("w")
        self.process = subprocess.Popen(
            [*program, "--port", str(self.port), *words],
            env=keep | environ,
            cwd=folder,
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )

    def get(self, path: str, *, user: str | None = "ops", data: bytes | None = None) -> tuple[int, str]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=data)
        if user:
            token = base64.b64encode(f"{user}:{PASSWORD}".encode()).decode()
            request.add_header("Authorization", f"Basic {token}")
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def is_open(self) -> bool:
        assert self.process.poll() is None, Path(self.log.name).read_text()
        try:
            return self.get("/healthcheck")[0] == 200
        except OSError:  # nobody listens yet, or the answer is late
            return False

    def close(self) -> None:
        self.process.terminate()
        with self.log, killed(self.process):
            assert self.process.wait(PATIENCE_S) == 0


@pytest.fixture(scope="module")
def dashboard(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    folder = tmp_path_factory.mktemp("flower")
    (folder / "flowerconfig.py").write_text("basic_auth = None\nread_only = False\naddress = '0.0.0.0'\n")
    client = connect(server.url)
    RunStore(client, PREFIX).register_host(CARD, ttl_s=3600)
    client.lpush(f"{PREFIX}:celery:solve.gams.cplex\x06\x167", "one", "two")
    dashboard = Dashboard(
        server.url,
        folder,
        TIMES_DOCTOR_FLOWER_AUTH=f"ops:{PASSWORD}",
        FLOWER_BASIC_AUTH="any:body",
        FLOWER_READ_ONLY="false",
        FLOWER_UNAUTHENTICATED_API="true",
    )
    try:
        wait_until(dashboard.is_open, timeout_s=PATIENCE_S, what="Flower listens")
        yield dashboard
    finally:
        dashboard.close()
    client.delete(f"{PREFIX}:celery:solve.gams.cplex\x06\x167")
    client.close()


@pytest.mark.parametrize("path", ["/", "/tasks", "/broker", "/worker/solver@h1", "/api/workers", "/api/tasks"])
def test_pages_and_interface_ask_for_the_password_and_open_with_it(dashboard: Dashboard, path: str) -> None:
    assert dashboard.get(path, user=None)[0] == 401
    assert dashboard.get(path, user="any")[0] == 401
    wait_until(lambda: dashboard.get(path)[0] == 200, timeout_s=PATIENCE_S, what=f"{path} opens")


@pytest.mark.parametrize(
    "path", ["/api/task/revoke/x", "/api/worker/shutdown/solver@h1", "/api/task/send-task/times_doctor.solve"]
)
def test_nothing_can_be_done_through_it(dashboard: Dashboard, path: str) -> None:
    assert dashboard.get(path, data=b"{}")[0] == 403


def test_the_worker_page_shows_the_host_card(dashboard: Dashboard) -> None:
    wait_until(lambda: dashboard.get("/worker/solver@h1")[0] == 200, timeout_s=PATIENCE_S, what="the card is read")
    _, page = dashboard.get("/worker/solver@h1")
    for words in ("64000", "solve.gams.cplex", "gams 54.6.1", "full licence &lt;until&gt; 2027-01-31", "s1.cplex.dual"):
        assert words in page


def test_the_broker_page_counts_messages_of_every_priority_under_our_prefix(dashboard: Dashboard) -> None:
    def lengths() -> dict[str, Any]:
        queues = json.loads(dashboard.get("/api/queues/length")[1])["active_queues"]
        return {queue["name"]: queue["messages"] for queue in queues}

    wait_until(lambda: "host.h1" in lengths(), timeout_s=PATIENCE_S, what="queues of the card")
    assert lengths() == {"solve.gams.cplex": 2, "host.h1": 0}


def test_a_task_of_a_worker_shows_what_runs_where(dashboard: Dashboard, server: Server) -> None:
    configure(server.url, prefix=PREFIX)
    row = {"uuid": "s1.cplex.dual", "name": "times_doctor.solve", "args": "dual (cplex) of demo, scan s1"}

    def tasks() -> Any:
        with app.connection() as connection, app.events.Dispatcher(connection, hostname="solver@h1") as events:
            events.send("task-received", **row, kwargs="")
            events.send("task-started", **row)
        words = "draw=1&start=0&length=15&order[0][column]=0&columns[0][data]=uuid"
        return json.loads(dashboard.get(f"/tasks/datatable?{words}")[1])["data"]

    # A published event reaches only those who listen already.
    wait_until(tasks, timeout_s=PATIENCE_S, what="an event is heard")
    wait_until(lambda: tasks()[0]["state"] == "STARTED", timeout_s=PATIENCE_S, what="it started")
    shown = tasks()[0]
    assert (shown["uuid"], shown["args"], shown["worker"]) == ("s1.cplex.dual", "dual (cplex) of demo", "solver@h1")


def test_neither_broker_nor_password_stands_in_the_process_list(dashboard: Dashboard, server: Server) -> None:
    command_line = Path(f"/proc/{dashboard.process.pid}/cmdline")
    if not command_line.exists():
        pytest.skip("no /proc on this platform")
    words = command_line.read_text()
    assert "flower" in words
    assert PASSWORD not in words
    assert server.url not in words


def test_a_missing_flower_says_how_to_get_it(server: Server, tmp_path: Path) -> None:
    blocked = "import sys; sys.modules['flower'] = None; from times_doctor_cli.entry import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", blocked, "flower", "--no-auth"],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TIMES_DOCTOR_BROKER_URL": server.url},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        cwd=tmp_path,
    )
    assert done.returncode == 5
    assert "pip install '.[flower]' in a clone of times-doctor" in done.stderr
