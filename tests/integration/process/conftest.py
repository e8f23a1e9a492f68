from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # has no stubs of its own
import pytest

from tests.conftest import wait_until
from tests.integration.workers import PATIENCE_S
from times_doctor_worker.process import supervisor
from times_doctor_worker.process.fork_server import Warden, start_warden
from times_doctor_worker.process.solver_process import Ended, SolverProcess

LONE_WORKER = Path(__file__).parents[1] / "lone_worker.py"


ENV = {"PATH": os.environ["PATH"]}


#: The engine, a child and a grandchild, as with GAMS; all would go on for minutes.
TREE = ["/bin/sh", "-c", "sh -c 'sleep 300 & sleep 300' & sleep 300"]


@pytest.fixture
def warden() -> Iterator[Warden]:
    warden = start_warden()
    yield warden
    warden.close()


@pytest.fixture
def spawn(warden: Warden, tmp_path: Path) -> Iterator[Callable[..., SolverProcess]]:
    processes: list[SolverProcess] = []
    numbers = itertools.count()

    def spawn(*argv: str, **more: str) -> SolverProcess:
        arguments = {"cwd": str(tmp_path), "env": ENV, "marker": str(tmp_path / f"marker{next(numbers)}"), **more}
        process = warden.spawn(argv, **arguments)  # type: ignore[arg-type]  # strings are paths
        processes.append(process)
        return process

    yield spawn
    for process in processes:
        process.close()


def end_of(process: SolverProcess) -> Ended:
    ended = process.wait(PATIENCE_S)
    assert ended is not None
    return ended


class Remembered:
    """Processes, by pid and start time."""

    members: dict[int, int]

    def alive(self) -> list[int]:
        return [pid for pid, ticks in self.members.items() if is_alive(pid, ticks)]

    def until_gone(self) -> None:
        """Returns when none is left. Tests let them sleep for minutes: none ends by itself before."""
        wait_until(lambda: not self.alive(), timeout_s=PATIENCE_S, what="all processes are gone")


class Tree(Remembered):
    """The processes of one group."""

    def __init__(self, group: int, size: int) -> None:
        self.group = group
        wait_until(lambda: len(self._look()) >= size)
        self.members = self._look()

    def _look(self) -> dict[int, int]:
        found = {}
        for process in psutil.process_iter():
            try:
                if os.getpgid(process.pid) == self.group and process.status() != psutil.STATUS_ZOMBIE:
                    found[process.pid] = supervisor.start_ticks(process.pid)
            except (ProcessLookupError, psutil.NoSuchProcess):
                continue
        return found


def is_alive(pid: int, ticks: int) -> bool:
    try:
        return supervisor.start_ticks(pid) == ticks and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class LoneWorker:
    """A separate worker process with one engine, for tests that kill it."""

    def __init__(self, folder: Path, argv: list[str] = TREE, size: int = 5) -> None:
        self.marker = folder / "markers" / "m1"
        order = {"argv": argv, "cwd": str(folder), "env": ENV, "marker": str(self.marker)}
        self.marker.parent.mkdir()
        self.process = subprocess.Popen(
            [sys.executable, str(LONE_WORKER), json.dumps(order)], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.output = self.process.stdout
        try:
            self.who: dict[str, int] = json.loads(self.output.readline())
            self.tree = Tree(self.who["engine"], size)
        except BaseException:  # nobody has this object yet who would end it
            self.end()
            raise

    def signal(self, number: signal.Signals, *names: str) -> None:
        for name in names:
            os.kill(self.who[name], number)

    def kill(self, *names: str) -> None:
        # All at once: stopped first, so that none can react to the end of another.
        self.signal(signal.SIGSTOP, *names)
        self.signal(signal.SIGKILL, *names)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.output.close()


@pytest.fixture
def lone_worker(tmp_path: Path) -> Iterator[LoneWorker]:
    worker = LoneWorker(tmp_path)
    yield worker
    worker.end()
