"""A team whose hosts each reach the broker through a proxy, and a witness that records which solver ran when."""

from __future__ import annotations

import hashlib
import itertools
import os
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psutil  # type: ignore[import-untyped]  # has no stubs of its own
import redis
from celery import signals

from tests.conftest import wait_until
from tests.faults import invariants
from tests.faults.broker import PortBroker
from tests.faults.proxy import FaultProxy
from tests.integration.workers import PATIENCE_S, Team, Worker, point_at
from tests.recorded.install import install_recorded_gams
from times_doctor_tasks.blob_store.factory import open_store
from times_doctor_tasks.celery_app.canvas import enqueue, keeping_messages
from times_doctor_tasks.contract.cancel_flag import StopRequest
from times_doctor_tasks.contract.keys import solve_queue
from times_doctor_tasks.contract.messages import ModelRef, Reported, RunSpec, ScanSpec, StateChanged
from times_doctor_tasks.contract.states import TERMINAL, RunState, ScanMode, StopReason
from times_doctor_tasks.snapshot.manifest import Manifest, StagedFile, encode_manifest, manifest_sha256
from times_doctor_tasks.state_store.run_store import RunStore

#: The lease of runs in these tests, seconds.
LEASE_S = 3.0
#: Most seconds from "not yours" to the end of a solver: a beat, a SIGINT, two seconds until SIGTERM, a busy machine.
STOPPED_WITHIN_S = 8.0
Environ = Mapping[str, str]
NONE: Environ = MappingProxyType({})
MODELS = Path(__file__).parents[1] / "recorded" / "models"


@dataclass(frozen=True)
class Seat:
    """The working folder of a solver: `<cache>/runs/<scan>/<run>.<attempt>` on a host."""

    host: str
    scan: str
    run: str
    attempt: int
    """Negative where that folder has been removed."""


class Witness:
    """Samples the machine's processes ten times a second: records from when to when each attempt had a live solver."""

    PERIOD_S = 0.1
    #: The kernel's suffix for the name of a deleted folder.
    DELETED = " (deleted)"

    def __init__(self, folder: Path) -> None:
        self._root = str(folder)
        self.spans: dict[Seat, tuple[float, float]] = {}
        self.most_at_once = 0
        """Attempts with a living solver, at the look that saw the most of them."""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="witness", daemon=True)
        self._thread.start()

    def now(self) -> dict[Seat, list[int]]:
        """Live solver processes by working folder."""
        found: dict[Seat, list[int]] = {}
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError, ValueError):
                seat = self._seat(str((process / "cwd").readlink()))
                if seat is not None:
                    found.setdefault(seat, []).append(int(process.name))
        return found

    def overlaps_s(self) -> dict[str, float]:
        """For each run that two attempts solved at once: the longest overlap."""
        longest: dict[str, float] = {}
        by_run = sorted(self.spans.items(), key=lambda item: (item[0].scan, item[0].run))
        for (scan, run), group in itertools.groupby(by_run, key=lambda item: (item[0].scan, item[0].run)):
            for (_, one), (_, other) in itertools.combinations(group, 2):
                overlap_s = min(one[1], other[1]) - max(one[0], other[0])
                if overlap_s > 0:
                    longest[f"{scan} {run}"] = max(longest.get(f"{scan} {run}", 0.0), overlap_s)
        return longest

    def of_scan(self, scan: str) -> list[tuple[Seat, float, float]]:
        """Its attempts in the order in which their solvers started."""
        spans = [(seat, *span) for seat, span in self.spans.items() if seat.scan == scan]
        return sorted(spans, key=lambda item: item[1])

    def close(self) -> None:
        self._ended.set()
        self._thread.join(5)

    def _seat(self, cwd: str) -> Seat | None:
        if not cwd.startswith(self._root):
            return None
        host, cache, runs, scan, folder = cwd[len(self._root) + 1 :].split("/")
        run, _, attempt = folder.removesuffix(self.DELETED).rpartition(".")
        is_gone = folder.endswith(self.DELETED)  # a new folder of that name was made under a live solver
        number = -int(attempt) if is_gone else int(attempt)
        return Seat(host, scan, run, number) if (cache, runs) == ("cache", "runs") else None

    def _loop(self) -> None:
        while not self._ended.wait(self.PERIOD_S):
            now_s = time.monotonic()
            seats = self.now()
            self.most_at_once = max(self.most_at_once, len(seats))
            for seat in seats:
                first_s, _ = self.spans.get(seat, (now_s, now_s))
                self.spans[seat] = (first_s, now_s)


class DoorTeam(Team):
    """A team whose server has a port, and perhaps a user for each role."""

    @property
    def port_broker(self) -> PortBroker:
        assert isinstance(self.broker, PortBroker)
        return self.broker

    def worker(self, name: str, *words: str, **options: Any) -> Worker:
        """If roles have users, each worker has one role, and the control worker starts first."""
        if self.port_broker.door.has_users and "control" not in words:
            if not any("control" in worker.card_name for worker in self.workers):
                super().worker("control", "--role", "control")
            words = words if "--role" in words else (*words, "--role", "solve")
        return super().worker(name, *words, **options)


class Bed(DoorTeam):
    """The team of a fault test; each host is behind a proxy."""

    def __init__(self, folder: Path, broker: PortBroker) -> None:
        super().__init__(folder, broker)
        self.proxies: dict[str, FaultProxy] = {}
        self.witness = Witness(folder)
        self.hosts: set[str] = set()
        self._keeper: Keeper | None = None
        self._gams = install_recorded_gams(folder / "gams", speed=0.01)

    def control(
        self, name: str = "c", *, dies_at: str = "", deaths: Path | None = None, environ: Environ = NONE
    ) -> Worker:
        """Starts a control worker without a proxy."""
        environ = self.port_broker.environ_of("control") | dict(environ)
        return self._worker(name, ["--role", "control"], environ, dies_at=dies_at, deaths=deaths)

    def host(
        self,
        name: str,
        *,
        slots: int = 2,
        role: str = "solve",
        dies_at: str = "",
        deaths: Path | None = None,
        environ: Environ = NONE,
    ) -> Worker:
        """Starts a solver host behind a proxy; it has HiGHS and a recorded GAMS.

        Args:
            dies_at: A point in the code (`mortal_worker.py`) where it dies, as often as the file `deaths` says.
        """
        proxy = self.proxies.get(name)
        if proxy is None:
            proxy = self.proxies[name] = FaultProxy(self.port_broker.port)
        self.hosts.add(name)
        words = ["--role", role, "--slots", str(slots), "--threads", str(slots)]
        defaults = self.port_broker.environ_of(role, port=proxy.port) | {
            "GAMS_PATH": str(self._gams),
            "TIMES_DOCTOR_DRAIN_S": "0.5",
        }
        return self._worker(name, words, defaults | dict(environ), dies_at=dies_at, deaths=deaths)

    def _worker(
        self, name: str, words: list[str], environ: dict[str, str], *, dies_at: str = "", deaths: Path | None = None
    ) -> Worker:
        program = ["-m", "times_doctor_worker"]
        if deaths is not None:
            program = [str(Path(__file__).with_name("mortal_worker.py"))]
            environ = environ | {"TD_TEST_DEATH": dies_at, "TD_TEST_DEATHS": str(deaths)}
        argv = [sys.executable, *program, "--name", name, *words]
        worker = Worker(self, name, argv, name, environ)
        self.workers.append(worker)
        worker.wait_until_ready()
        return worker

    def again(self, worker: Worker) -> Worker:
        """Starts an ended worker again."""
        argv: list[str] = list(worker.process.args)  # type: ignore[arg-type]  # it was given a list
        cache = worker.environ["HOME"].rpartition("/")[2]
        new = Worker(self, worker.name, argv, cache, worker.environ)
        self.workers.append(new)
        return new

    def keep(self) -> Keeper:
        """Restarts a host's worker after errors, as a service manager does, until the end of the test."""
        self._keeper = Keeper(self)
        return self._keeper

    @property
    def desk_environ(self) -> dict[str, str]:
        """The environment of the command line."""
        return self.port_broker.environ_of("client") | {
            "TIMES_DOCTOR_STORE_URL": self.store_url,
            "TIMES_DOCTOR_KEY_PREFIX": self.broker.prefix,
        }

    def submit_gams(
        self,
        *profiles: str,
        speed: float = 0.01,
        mode: ScanMode = ScanMode.CHORD,
        queue: str = solve_queue("gams", "cplex"),
        dies_over: int | None = None,
        keeps: bool = False,
        order: Callable[[RunStore, ScanSpec, list[RunSpec]], list[RunSpec]] = lambda _, __, runs: runs,
        **fields: object,
    ) -> ScanSpec:
        """Submits a scan of a recorded GAMS model, which mostly waits: minutes at the speed 0.01.

        Args:
            dies_over: The client dies before it publishes the message of that number.
            keeps: It has stored that message before.
            order: Gives each run its step.
        """
        self.set_speed(speed)
        content = (MODELS / "denselp.gms").read_bytes()
        name = hashlib.sha256(content).hexdigest()
        file = StagedFile(path="model/denselp.gms", size_bytes=len(content), sha256=name)
        manifest = Manifest(driver=file.path, files=(file,))
        snapshot = manifest_sha256(manifest)
        open_store(self.store_url).put({name: content, snapshot: encode_manifest(manifest)})
        scan = f"g{uuid.uuid4().hex[:8]}"
        runs = [self._gams_run(scan, index, profile, queue) for index, profile in enumerate(profiles)]
        spec = ScanSpec(
            scan=scan,
            created_ms=time.time_ns() // 1_000_000,
            mode=mode,
            model=ModelRef(title="m", run_dir="/m", snapshot=snapshot, driver=manifest.driver),
            runs=tuple(run.run for run in runs),
            **{"lease_s": LEASE_S, **fields},  # type: ignore[arg-type]
        )
        desk = self.broker.desk
        runs = order(desk, spec, runs)
        desk.submit(spec, runs)
        point_at(self.broker.desk_url, self.broker.prefix)
        hooks = [keeping_messages(desk), _dying(dies_over)]  # called in the order in which they are connected
        with suppress(ClientDies), ExitStack() as stack:
            for hook in hooks if keeps else reversed(hooks):
                stack.enter_context(hook)
            enqueue(spec, runs)
        return spec

    def set_speed(self, speed: float) -> None:
        """Sets the speed of the recorded GAMS on all hosts, for later runs."""
        install_recorded_gams(self._gams, speed=speed)

    def _gams_run(self, scan: str, index: int, profile: str, queue: str) -> RunSpec:
        method = {"dual": 2, "bar": 4, "sift": 5}[profile.split("-")[0]]
        return RunSpec(
            scan=scan,
            run=f"cplex.{profile}",
            index=index,
            engine="gams",
            solver="cplex",
            profile=profile,
            options=f"lpmethod {method}\n",
            queue=queue,
        )

    def wait_for_solvers(self, spec: ScanSpec, amount: int, *, timeout_s: float = PATIENCE_S) -> list[Seat]:
        """Waits until `amount` runs of a scan are solving, also in Redis; returns their hosts."""

        def are_there() -> bool:
            states = [status.state for status in self.store.statuses(spec).values()]
            seats = {(seat.run, seat.host) for seat in self.witness.now() if seat.scan == spec.scan}
            return states.count(RunState.RUNNING) >= amount and len(seats) >= amount

        wait_until(are_there, timeout_s=timeout_s, what=f"{amount} runs of {spec.scan} are solved")
        return [seat for seat in self.witness.now() if seat.scan == spec.scan]

    def cancel(self, spec: ScanSpec) -> None:
        """Ends a scan that would take for ever."""
        self.broker.desk.ask_cancel(spec.scan, ["*"], StopRequest(StopReason.USER, now=True))

    def settled(self, *specs: ScanSpec, overlap_s: float = 0.3, reports: int = 1) -> None:
        """Waits until all scans have ended, then asserts all invariants.

        Args:
            overlap_s: How long two solvers may have worked on one run: as long as its hosts were cut off.
        """
        invariants.check(self, specs, hosts=self.hosts)
        wait_until(lambda: not self.witness.now(), timeout_s=30, what="no solver is left")
        overlaps_s = {run: seconds for run, seconds in self.witness.overlaps_s().items() if seconds > overlap_s}
        assert overlaps_s == {}
        for spec in specs:
            self._check_books(spec, reports)

    def _check_books(self, spec: ScanSpec, reports: int) -> None:
        store, open_runs = self.store, sorted(set(spec.runs) - set(spec.reused))
        events = [event for _, _, event in store.events(spec.scan, count=100_000)]
        assert sum(isinstance(event, Reported) for event in events) <= reports
        ends = [event.run for event in events if isinstance(event, StateChanged) and event.state in TERMINAL]
        assert len(ends) == len(set(ends)), f"ended more than once: {ends}"
        ended = {run.decode() for run in store.client.smembers(store.keys.ended(spec.scan))}
        assert sorted(ended) == open_runs
        for run in open_runs:
            held = store.client.hmget(store.keys.state(spec.scan, run), "lease_ms", "state")
            assert held[0] in (None, b"0"), f"a lease is left on {run}: {held}"
        if spec.mode is ScanMode.CHAIN:
            self._check_chain(spec)

    def _check_chain(self, spec: ScanSpec) -> None:
        events = [event for _, _, event in self.store.events(spec.scan, count=100_000)]
        first = [event.run for event in events if isinstance(event, StateChanged) and event.state is RunState.CLAIMED]
        order = [spec.runs.index(run) for run in first]
        assert order == sorted(order), f"out of order: {first}"
        spans = self.witness.of_scan(spec.scan)
        for (one, _, end_s), (other, start_s, _) in itertools.combinations(spans, 2):
            assert one.run == other.run or start_s >= end_s - 2 * Witness.PERIOD_S, f"{one} and {other} at once"

    def close(self) -> None:
        if self._keeper is not None:
            self._keeper.close()
        with suppress(redis.RedisError):
            super().close()
        while self.proxies:
            self.proxies.popitem()[1].close()
        self.witness.close()


class Keeper:
    """Restarts workers that ended with an error: after half a second, without a limit."""

    PAUSE_S = 0.5

    def __init__(self, bed: Bed) -> None:
        self._bed = bed
        self.starts = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="keeper", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._thread.join(30)

    def _loop(self) -> None:
        while not self._ended.wait(self.PAUSE_S):
            for worker in [worker for worker in self._bed.workers if worker.process.poll() not in (None, 0)]:
                self._bed.workers.remove(worker)
                self._bed.again(worker)
                self.starts += 1


class ClientDies(BaseException):
    """Raised instead of a SIGKILL: nothing catches it."""


@contextmanager
def _dying(over: int | None) -> Iterator[None]:
    """The publisher dies at the message of that number, counted from 0."""
    numbers = itertools.count()

    def die(**_: object) -> None:
        if next(numbers) == over:
            raise ClientDies

    signals.before_task_publish.connect(die, weak=False)
    try:
        yield
    finally:
        signals.before_task_publish.disconnect(die)


def tree(worker: Worker) -> list[psutil.Process]:
    """A worker and all its descendants: warden, supervisors, sentinels, engines."""
    root = psutil.Process(worker.process.pid)
    return [root, *root.children(recursive=True)]


def part_of(worker: Worker, part: str) -> psutil.Process:
    """The topmost process of a worker's tree with this name or argument."""
    for process in tree(worker):
        try:
            if process.name() == part or any(word.endswith(part) for word in process.cmdline()):
                return process
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    raise AssertionError(f"{worker.name} has no {part}")


def kill_host(worker: Worker) -> None:
    """Kills everything at once, as a power cut does. Stops it first, so that no process sees another die."""
    processes = tree(worker)
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)
    worker.process.wait()


@contextmanager
def parted(*proxies: FaultProxy) -> Iterator[None]:
    """Cuts hosts off from the broker in both directions."""
    for proxy in proxies:
        proxy.black_hole()
    try:
        yield
    finally:
        for proxy in proxies:
            proxy.heal()


def seeds(amount: int) -> Sequence[int]:
    """Seeds of a repeated test; the first is TD_FAULTS_SEED (0). pytest shows the seed in the name."""
    first = int(os.environ.get("TD_FAULTS_SEED", "0"))
    return range(first, first + amount)
