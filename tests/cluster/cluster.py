"""A team on one machine: a broker, solver hosts and a laptop that share only a network.

Each has its own network and host name, processes, user id, home, temporary folder and cache.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]  # has no stubs of its own

from tests.cluster.network import Network
from tests.conftest import wait_until
from tests.faults.guarded_door import environ_of_clients, tls_of_clients, words_of_tls
from tests.integration.guarded import users, words_of
from tests.integration.test_tls import certificates

ROOT = Path(__file__).parents[2]
#: Seconds to start or end on a busy machine.
PATIENCE_S = 60.0
FIRST_UID = 64_100
PASSWORD = "of-the-cluster"
PROGRAM = (sys.executable, "-c", "from times_doctor_cli.entry import main; main()")


@dataclass
class Machine:
    """One machine; its first process has a process namespace, so that all can be killed at once."""

    name: str
    uid: int
    home: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        path = self.home / "log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def engines(self) -> list[psutil.Process]:
        """Solves that run here now."""
        return [process for process in self._processes() if "native.solve" in " ".join(_cmdline(process))]

    def _processes(self) -> Iterator[psutil.Process]:
        for process in psutil.process_iter():
            try:
                if process.uids().real == self.uid:
                    yield process
            except psutil.NoSuchProcess:
                continue


@dataclass
class Cluster:
    """Starts them, breaks them, and takes everything down."""

    lease_s: float
    program: str
    """The server's."""
    is_guarded: bool = False
    """TLS, a certificate of whoever comes, a user for each role (deploy/users.acl); control is a machine of its own."""
    network: Network = field(default_factory=Network)
    machines: dict[str, Machine] = field(default_factory=dict)
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="tdc-", dir="/tmp")))

    def __post_init__(self) -> None:
        self.folder.chmod(0o755)
        self._privileges = _ordinary()

    def add(self, name: str) -> Machine:
        home = self.folder / name
        machine = self.machines[name] = Machine(name, FIRST_UID + len(self.machines), home)
        for path in (home, home / "tmp"):
            path.mkdir(mode=0o700)
            os.chown(path, machine.uid, machine.uid)
        self.network.add(name)
        return machine

    def guard(self) -> None:
        """Gives each machine its certificates and users, once all machines exist."""
        files = certificates(self.folder / "tls", names=f"IP:{self.network.addresses['broker']}")
        (files / "users.acl").write_text(users())
        for machine in self.machines.values():
            is_broker = machine.name == "broker"
            own = ("server.crt", "server.key", "users.acl") if is_broker else ("client.crt", "client.key")
            for name in ("ca.crt", *own):
                path = Path(shutil.copy(files / name, machine.home))
                path.chmod(0o600)
                os.chown(path, machine.uid, machine.uid)

    def start_broker(self) -> None:
        """A server with the configuration in deploy/; a restart brings back its data."""
        broker = self.machines["broker"]
        words = [self.program, str(ROOT / "deploy" / "redis.conf"), "--bind", self.network.addresses["broker"]]
        if self.is_guarded:
            words += ["--port", "0", "--tls-port", "6379", *words_of_tls(broker.home)]
            words += ["--aclfile", str(broker.home / "users.acl")]
        else:
            words += ["--requirepass", PASSWORD]
        self._start(broker, *words, "--dir", str(broker.home))

    def start_control(self) -> None:
        """For hosts that may only solve."""
        self._start(self.machines["control"], *PROGRAM, "worker", "--role", "control")

    def start_host(self, name: str) -> None:
        role = "solve" if self.is_guarded else "both"
        words = f"worker --role {role} --slots 1 --threads 1"
        self._start(self.machines[name], *PROGRAM, *words.split())

    def kill(self, name: str) -> None:
        """Cuts the power: kills all its processes at once."""
        process = self.machines[name].process
        assert process is not None
        process.kill()
        process.wait(10)

    def hosts(self) -> list[str]:
        """The live solver hosts, as the laptop sees them."""
        done = self.run("hosts", "--json")
        cards = json.loads(done.stdout)["hosts"] if done.stdout else []
        return sorted(card["host"] for card in cards if "solve" in card["roles"])

    def run(self, *words: object) -> subprocess.CompletedProcess[str]:
        """Runs a command on the laptop."""
        return subprocess.run(**self._command(words), capture_output=True, timeout=PATIENCE_S * 3)

    def scan(self, *words: object) -> Scanning:
        """Starts a scan on the laptop."""
        process = subprocess.Popen(
            **self._command(("scan", *words, "--queue", "--json")), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        return Scanning(self, process)

    def put(self, name: str, content: bytes) -> Path:
        """A file on the laptop."""
        laptop = self.machines["laptop"]
        path = laptop.home / name
        path.write_bytes(content)
        os.chown(path, laptop.uid, laptop.uid)
        return path

    def close(self) -> None:
        for machine in self.machines.values():
            if machine.process is not None and machine.process.poll() is None:
                machine.process.send_signal(signal.SIGKILL)
                machine.process.wait(10)
        self.network.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self, machine: Machine, *words: str) -> None:
        space = ["unshare", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc", "--"]
        # A shell as the first process: it reaps orphans, like init.
        init = ["sh", "-c", 'hostname "$0" && { "$@" & wait; }', machine.name]
        with (machine.home / "log").open("ab") as log:
            machine.process = subprocess.Popen(
                [*self.network.into(machine.name), *space, *init, *self._as(machine), *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=machine.home,
            )

    def _command(self, words: tuple[object, ...]) -> dict[str, Any]:
        laptop = self.machines["laptop"]
        argv = [*self.network.into("laptop"), *self._as(laptop), *PROGRAM, *map(str, words)]
        return {"args": argv, "cwd": laptop.home, "text": True, "stdin": subprocess.DEVNULL}

    def _as(self, machine: Machine) -> list[str]:
        """Command prefix that drops this machine's user and environment."""
        environ = self._door_of(machine) | {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(machine.home),
            "TMPDIR": str(machine.home / "tmp"),
            "TIMES_DOCTOR_HOST": machine.name,
            "TIMES_DOCTOR_LEASE_S": str(self.lease_s),
            "GAMS_PATH": "/nonexistent",  # asking a real GAMS for its solvers takes seconds
        }
        ids = [f"--reuid={machine.uid}", f"--regid={machine.uid}", "--clear-groups", "--no-new-privs"]
        return ["setpriv", *ids, *self._privileges, "env", "-i", *(f"{k}={v}" for k, v in environ.items())]

    def _door_of(self, machine: Machine) -> dict[str, str]:
        """How a machine connects to the broker."""
        address = f"{self.network.addresses['broker']}:6379/0"
        if not self.is_guarded:
            return {"TIMES_DOCTOR_BROKER_URL": f"redis://:{PASSWORD}@{address}"}
        user = {"laptop": "client", "control": "control"}.get(machine.name, "worker")
        url = {"TIMES_DOCTOR_BROKER_URL": f"rediss://{user}:{words_of(user)}@{address}"}
        return url | environ_of_clients(tls_of_clients(machine.home))


@dataclass
class Scanning:
    """A running scan, followed by the laptop."""

    cluster: Cluster
    process: subprocess.Popen[str]
    started_s: float = field(default_factory=time.time)
    ended_s: float = 0.0

    def wait_for(self, condition: Callable[[dict[str, Any]], bool], *, what: str) -> dict[str, Any]:
        """Its status, once it meets the condition."""
        seen: dict[str, Any] = {}

        def holds() -> bool:
            assert self.process.poll() is None, self.process.communicate()
            done = self.cluster.run("status", "last", "--json")
            if done.returncode == 0:
                seen.update(json.loads(done.stdout))
            return bool(seen) and condition(seen)

        wait_until(holds, timeout_s=PATIENCE_S, what=what)
        return seen

    def wait_for_running(self, runs: int) -> dict[str, str]:
        """Host by run, once this many run."""
        running = lambda seen: sum(row["state"] == "running" for row in seen["runs"]) >= runs  # noqa: E731
        rows = self.wait_for(running, what=f"{runs} runs run")["runs"]
        return {row["run"]: row["host"] for row in rows if row["state"] == "running"}

    def report(self, *, timeout_s: float = PATIENCE_S * 2) -> dict[str, Any]:
        """The report, once it is over."""
        out, err = self.process.communicate(timeout=timeout_s)
        self.ended_s = time.time()
        assert out, err
        report: dict[str, Any] = json.loads(out)
        return report


def _ordinary() -> list[str]:
    """What another user needs besides its id to start our program; empty if it can reach it."""
    ids = [f"--reuid={FIRST_UID}", f"--regid={FIRST_UID}", "--clear-groups"]
    for more in ([], ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]):
        argv = ["setpriv", *ids, "--no-new-privs", *more, "env", sys.executable, "-c", "import times_doctor_cli"]
        if subprocess.run(argv, cwd="/", capture_output=True).returncode == 0:
            return more
    raise AssertionError(f"no other user can start {sys.executable}")


def _cmdline(process: psutil.Process) -> list[str]:
    try:
        words: list[str] = process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return []
    return words
