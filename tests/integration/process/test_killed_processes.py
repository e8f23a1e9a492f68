from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # has no stubs of its own
import pytest

from tests.conftest import wait_until
from tests.integration.process.conftest import TREE, LoneWorker, Tree, end_of
from times_doctor_worker.process import supervisor
from times_doctor_worker.process.fork_server import Warden
from times_doctor_worker.process.solver_process import SolverProcess, end_leftovers

pytestmark = [
    pytest.mark.timeout(60),
    # Python 3.12 says so when pytest-xdist has its threads; the worker forks before it has any.
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


@pytest.mark.parametrize(
    "victims",
    [
        ["worker"],
        ["supervisor"],
        ["worker", "supervisor"],
        ["worker", "warden"],
        ["warden", "worker", "supervisor"],
        ["supervisor", "sentinel"],
        ["engine"],
    ],
    ids="+".join,
)
def test_whoever_is_killed_nothing_goes_on_solving(lone_worker: LoneWorker, victims: list[str]) -> None:
    lone_worker.kill(*victims)

    lone_worker.tree.until_gone()
    if "supervisor" not in victims:
        wait_until(lambda: not lone_worker.marker.exists())


def test_kill_of_a_supervisor_is_told_to_the_worker(lone_worker: LoneWorker) -> None:
    lone_worker.kill("supervisor", "sentinel")

    assert json.loads(lone_worker.output.readline()) == {"returncode": None, "why": "supervisor killed"}
    lone_worker.tree.until_gone()
    assert not lone_worker.marker.exists()


def test_solve_goes_on_without_its_warden(lone_worker: LoneWorker) -> None:
    lone_worker.kill("warden")
    lone_worker.signal(signal.SIGTERM, "engine")

    assert json.loads(lone_worker.output.readline()) == {"returncode": -15, "why": "signal SIGTERM"}


def test_sentinel_that_is_killed_is_replaced_and_the_solve_goes_on(lone_worker: LoneWorker) -> None:
    guard = psutil.Process(lone_worker.who["supervisor"])

    lone_worker.kill("sentinel")

    wait_until(lambda: {c.pid for c in guard.children()} - {lone_worker.who["engine"], lone_worker.who["sentinel"]})
    assert len(lone_worker.tree.alive()) == 5
    lone_worker.kill("worker", "supervisor")
    lone_worker.tree.until_gone()


def test_stopped_worker_loses_no_solve(lone_worker: LoneWorker) -> None:
    lone_worker.signal(signal.SIGSTOP, "worker")
    wait_until(lambda: psutil.Process(lone_worker.who["worker"]).status() == psutil.STATUS_STOPPED)
    # Three times as long as a heartbeat would have waited.
    with pytest.raises(AssertionError):
        wait_until(lambda: len(lone_worker.tree.alive()) < 5, timeout_s=2.0)

    lone_worker.signal(signal.SIGCONT, "worker")
    lone_worker.kill("engine")

    assert json.loads(lone_worker.output.readline()) == {"returncode": -9, "why": "signal SIGKILL"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_polite_signals_to_our_own_helpers_leave_the_solve_alone(
    lone_worker: LoneWorker, number: signal.Signals
) -> None:
    lone_worker.signal(number, "warden", "supervisor", "sentinel")
    lone_worker.kill("engine")

    assert json.loads(lone_worker.output.readline()) == {"returncode": -9, "why": "signal SIGKILL"}


def test_later_worker_ends_what_nobody_was_left_to_end(lone_worker: LoneWorker) -> None:
    lone_worker.kill("supervisor", "sentinel", "worker")
    lone_worker.signal(signal.SIGKILL, "engine")
    wait_until(lambda: len(lone_worker.tree.alive()) == 4)

    assert end_leftovers(lone_worker.marker.parent) == [lone_worker.who["engine"]]

    lone_worker.tree.until_gone()
    assert list(lone_worker.marker.parent.iterdir()) == []
    assert end_leftovers(lone_worker.marker.parent) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process adopt orphans")
def test_orphans_go_to_the_supervisor_and_then_to_the_warden(
    warden: Warden, spawn: Callable[..., SolverProcess]
) -> None:
    process = spawn(*TREE)
    tree = Tree(process.pid, 5)
    middle = next(c for c in psutil.Process(process.pid).children() if c.name() == "sh")
    orphans = middle.children()
    sentinel = next(c for c in psutil.Process(process.supervisor_pid).children() if c.pid != process.pid)

    middle.kill()
    wait_until(lambda: {orphan.ppid() for orphan in orphans} == {process.supervisor_pid})
    for victim in (psutil.Process(process.supervisor_pid), sentinel):
        victim.suspend()
    for victim in (sentinel, psutil.Process(process.supervisor_pid)):
        victim.kill()
    wait_until(lambda: {orphan.ppid() for orphan in orphans} == {warden.pid})

    assert end_of(process).why == "supervisor killed"
    # Reaped as well: here a zombie would count.
    wait_until(lambda: not [pid for pid, ticks in tree.members.items() if supervisor.start_ticks(pid) == ticks])


def test_nobody_waits_for_a_pipe_that_our_helpers_hold(lone_worker: LoneWorker) -> None:
    lone_worker.signal(signal.SIGSTOP, "worker")
    holders = []
    ours = str(Path(f"/proc/self/fd/{lone_worker.output.fileno()}").readlink())
    for name in ("warden", "supervisor", "sentinel", "engine"):
        files = Path(f"/proc/{lone_worker.who[name]}/fd").iterdir()
        holders += [name for file in files if str(file.readlink()) == ours]

    lone_worker.signal(signal.SIGCONT, "worker")

    assert holders == []
    assert {str(Path(f"/proc/{lone_worker.who[n]}/cwd").readlink()) for n in ("warden", "supervisor", "sentinel")} == {
        "/"
    }
