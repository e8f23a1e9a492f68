"""Real workers on a real broker, for tests: each a process of its own with its own home and cache."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from tests.conftest import server_program, wait_until
from times_doctor_tasks.blob_store.factory import open_store
from times_doctor_tasks.celery_app.app import app, configure
from times_doctor_tasks.celery_app.canvas import enqueue, keeping_messages
from times_doctor_tasks.contract.keys import solve_queue
from times_doctor_tasks.contract.messages import ModelRef, Report, RunSpec, ScanSpec
from times_doctor_tasks.contract.states import RunState, ScanMode
from times_doctor_tasks.snapshot.manifest import Manifest, StagedFile, encode_manifest, manifest_sha256
from times_doctor_tasks.state_store.connection import connect
from times_doctor_tasks.state_store.run_store import RunStatus, RunStore

#: Seconds to start a process, or to deliver a message, on a machine that is busy with other tests.
PATIENCE_S = 40.0
#: So long that no worker of a busy machine is taken for dead. Tests that wait for the end of a lease name their own.
LEASE_S = 30.0
TINY_MPS = b"""NAME TINY
ROWS
 N COST
 G LIM1
 G LIM2
COLUMNS
 X COST 1.0 LIM1 1.0
 Y COST 2.0 LIM1 1.0
 Y LIM2 1.0
RHS
 RHS LIM1 4.0 LIM2 1.0
ENDATA
"""


def endless_mps() -> bytes:
    """A market split of four rows: HiGHS finds solutions at once but never a proof."""
    rows, columns = 4, 32
    weight = [[(7919 * (i + 3) * (j + 11) + 104729 * i * j) % 100 for j in range(columns)] for i in range(rows)]
    lines = ["NAME SPLIT", "ROWS", " N COST", *(f" E R{i}" for i in range(rows)), "COLUMNS"]
    lines.append(" MARK 'MARKER' 'INTORG'")
    for j in range(columns):
        lines += [f" X{j} R{i} {weight[i][j]}" for i in range(rows)]
    lines.append(" MARK 'MARKER' 'INTEND'")
    for i in range(rows):
        lines += [f" S{i} R{i} 1", f" S{i} COST 1", f" T{i} R{i} -1", f" T{i} COST 1"]
    lines += ["RHS", *(f" RHS R{i} {sum(weight[i]) // 2}" for i in range(rows)), "BOUNDS"]
    lines += [f" BV BND X{j}" for j in range(columns)]
    return "\n".join([*lines, "ENDATA", ""]).encode()


class Broker:
    """A private server that can die and restart from its append-only file."""

    def __init__(self, *options: str, program: str | None = None, prefix: str = "", user: str = "") -> None:
        program = program or server_program()
        self.folder = tempfile.mkdtemp(prefix="tdw-", dir="/tmp")
        self.url = f"redis+socket://{user}{self.folder}/s"
        words = f"--port 0 --dir {self.folder} --unixsocket {self.folder}/s --save".split()
        self._argv = [program, *words, "", "--appendonly", "yes", "--appendfsync", "everysec", *options]
        self.prefix = prefix or f"t{uuid.uuid4().hex[:6]}"
        self.start()

    @property
    def desk_url(self) -> str:
        """The URL for clients."""
        return self.url

    def environ_of(self, role: str) -> dict[str, str]:
        """The environment of a worker with this role."""
        return {"TIMES_DOCTOR_BROKER_URL": self.url}

    def start(self) -> None:
        self.process = subprocess.Popen(self._argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.client = connect(self.url, retries=0)
        self.store = RunStore(self.client, self.prefix)
        try:
            wait_until(self._answers, what="broker answers", timeout_s=PATIENCE_S)
        except BaseException:  # nobody has this object yet who would close it
            self.process.kill()
            raise
        self.desk = RunStore(connect(self.desk_url), self.prefix)

    def wait_for_disk(self) -> None:
        """Returns when everything that was written so far is on disk."""
        pipe = self.client.pipeline(transaction=False)
        pipe.set(f"{self.prefix}:flushed", 1, px=1)
        pipe.execute_command("WAITAOF", 1, 0, 0)  # type: ignore[no-untyped-call]
        pipe.execute()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.client.close()
        self.desk.client.close()

    def close(self) -> None:
        self.kill()
        subprocess.run(["rm", "-rf", self.folder], check=True)

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.AuthenticationError:
            return True
        except redis.ConnectionError:
            return False


class Team:
    """One broker, one store, and the workers of a test."""

    def __init__(self, folder: Path, broker: Broker) -> None:
        self.folder = folder
        self.broker = broker
        self.workers: list[Worker] = []

    @property
    def store(self) -> RunStore:
        return self.broker.store

    def worker(
        self,
        name: str,
        *words: str,
        wait: bool = True,
        cache: str | None = None,
        python: Path | None = None,
        within: Sequence[str] = (),
        **environ: str,
    ) -> Worker:
        """Starts one; `within`: prefix of a program that becomes the worker."""
        program = [*within, str(python or sys.executable), "-m", "times_doctor_worker"]
        role = words[words.index("--role") + 1] if "--role" in words else "both"
        environ = self.broker.environ_of(role) | environ
        worker = Worker(self, name, [*program, "--name", name, *words], cache or name, environ)
        self.workers.append(worker)
        if wait:
            worker.wait_until_ready()
        return worker

    def submit(
        self,
        options: dict[str, str],
        *,
        model: bytes = TINY_MPS,
        mode: ScanMode = ScanMode.CHORD,
        queue: str | None = None,
        mem_mb: int | None = None,
        threads: int = 1,
        engine: str = "highs",
        solver: str = "highs",
        driver: str = "m.mps",
        wait_licence_s: float = 0.0,
        **fields: object,
    ) -> ScanSpec:
        """Publishes a scan of `model`: profile name to the text of its option file."""
        snapshot = self._upload(model, f"model/{driver}", kind="gams" if engine == "gams" else "lp")
        scan = f"s{uuid.uuid4().hex[:8]}"
        runs = [
            RunSpec(
                scan=scan,
                run=f"{solver}.{profile}",
                index=index,
                engine=engine,
                solver=solver,
                profile=profile,
                options=text,
                mem_mb=mem_mb,
                threads=threads,
                wait_licence_s=wait_licence_s,
                queue=queue or solve_queue(engine, solver),
            )
            for index, (profile, text) in enumerate(options.items())
        ]
        spec = ScanSpec(
            scan=scan,
            created_ms=time.time_ns() // 1_000_000,
            mode=mode,
            model=ModelRef(title="m", run_dir="/m", snapshot=snapshot, driver=f"model/{driver}"),
            runs=tuple(run.run for run in runs),
            **{"lease_s": LEASE_S, **fields},  # type: ignore[arg-type]
        )
        self.broker.desk.submit(spec, runs)
        point_at(self.broker.desk_url, self.broker.prefix)
        with keeping_messages(self.broker.desk):
            enqueue(spec, runs)
        return spec

    def _upload(self, model: bytes, path: str, *, kind: str) -> str:
        name = hashlib.sha256(model).hexdigest()
        file = StagedFile(path=path, size_bytes=len(model), sha256=name)
        manifest = Manifest(driver=path, files=(file,), kind=kind)
        snapshot = manifest_sha256(manifest)
        open_store(self.store_url).put({name: model, snapshot: encode_manifest(manifest)})
        return snapshot

    @property
    def store_url(self) -> str:
        return (self.folder / "store").as_uri()

    def status(self, spec: ScanSpec, profile: str) -> RunStatus:
        return self.store.statuses(spec)[f"highs.{profile}"]

    def wait_for_state(self, spec: ScanSpec, profile: str, state: RunState, *, host: str = "") -> None:
        def is_there() -> bool:
            status = self.status(spec, profile)
            return status.state is state and status.host.startswith(host)

        wait_until(is_there, timeout_s=PATIENCE_S, what=f"{profile} is {state}{f' on {host}' if host else ''}")

    @contextmanager
    def explaining(self, spec: ScanSpec) -> Iterator[None]:
        """If an assertion fails, shows the states of the runs and the workers' logs."""
        try:
            yield
        except AssertionError as error:
            states = "".join(f"\n{run}: {status}" for run, status in self.store.statuses(spec).items())
            logs = "".join(f"\n-- {worker.name}\n{worker.log[-4000:]}" for worker in self.workers)
            raise AssertionError(f"{error}{states}{logs}") from None

    def report(self, spec: ScanSpec, *, timeout_s: float = PATIENCE_S) -> Report:
        with self.explaining(spec):
            wait_until(lambda: self.store.is_reported(spec.scan), timeout_s=timeout_s, what="the report")
        report = self.store.report(spec.scan)
        assert report is not None
        return report

    def close(self) -> None:
        for worker in self.workers:
            worker.close()


class Worker:
    """`python -m times_doctor_worker` as a service, in a new session."""

    def __init__(self, team: Team, name: str, argv: list[str], cache: str, environ: dict[str, str]) -> None:
        self.team = team
        self.name = name
        self.card_name = f"control@{name}" if "control" in argv else name
        home = team.folder / cache
        home.mkdir(exist_ok=True)
        self._log_path = home / f"{name}.log"
        self._log_path.touch()
        self._seen = self._log_path.stat().st_size
        keep = {"PATH", "LANG", "TZ", "PYTHONPATH", "COVERAGE_PROCESS_START"}
        self.environ = {n: value for n, value in os.environ.items() if n in keep} | {
            "HOME": str(home),
            "TIMES_DOCTOR_STORE_URL": team.store_url,
            "TIMES_DOCTOR_KEY_PREFIX": team.broker.prefix,
            "TIMES_DOCTOR_CACHE_DIR": str(home / "cache"),
            "GAMS_PATH": "/nonexistent",  # asking a real GAMS for its solvers takes a second
            **environ,
        }
        with self._log_path.open("ab") as log:
            self.process = subprocess.Popen(
                argv,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=home,
                start_new_session=True,
            )

    @property
    def log(self) -> str:
        """The log of this start."""
        with self._log_path.open("rb") as log:
            log.seek(self._seen)
            return log.read().decode()

    def has_said(self, action: str) -> bool:
        return re.search(rf"\baction={action}\b", self.log) is not None

    def wait_for(self, action: str, *, timeout_s: float = PATIENCE_S) -> None:
        try:
            wait_until(lambda: self.has_said(action), timeout_s=timeout_s, what=f"{self.name} says {action}")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log}") from None

    def wait_until_ready(self) -> None:
        def beats() -> bool:
            card = self.team.store.host(self.card_name)
            assert self.process.poll() is None, self.log
            return card is not None and card.pid == self.process.pid

        wait_until(beats, timeout_s=PATIENCE_S, what=f"{self.name} beats")

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.process.wait()

    def wait(self, timeout_s: float = PATIENCE_S) -> int:
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} does not end\n{self.log}") from None

    def close(self) -> None:
        if self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.kill()


@contextmanager
def killed(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Ends a process with its test, whatever comes: `Popen` itself waits for it."""
    try:
        yield
    finally:
        process.kill()


def point_at(url: str, prefix: str) -> None:
    """Closes Celery's connections: a test process uses one broker after another."""
    app._after_fork()
    app._local = threading.local()
    app._backend_cache = None
    configure(url, prefix=prefix)
    app.finalize()


# -- fixtures, for the conftest.py of each folder that wants them --------------------------------------------------


@pytest.fixture
def broker() -> Iterator[Broker]:
    broker = Broker()
    yield broker
    broker.close()


@pytest.fixture
def team(broker: Broker, tmp_path: Path) -> Iterator[Team]:
    team = Team(tmp_path, broker)
    yield team
    team.close()
