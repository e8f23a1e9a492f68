from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import psutil  # type: ignore[import-untyped]  # has no stubs of its own
import pytest

from tests.conftest import wait_until
from tests.integration.process.conftest import Remembered, is_alive
from times_doctor_tasks.parsers.gams.trace import TraceRow, read_trace
from times_doctor_worker.engines.gams_installation import GamsSystem, clean_environ, find_gams
from times_doctor_worker.execution.stop_policy import StagedStop, StopAction, StopTimes
from times_doctor_worker.process import supervisor
from times_doctor_worker.process.fork_server import Warden, start_warden
from times_doctor_worker.process.log_tail import LogTail
from times_doctor_worker.process.process_usage import TreeMeter
from times_doctor_worker.process.solver_process import Ended, SolverProcess

TESTS = Path(__file__).parents[1]
MODELS = TESTS / "recorded" / "models"
LONE_WORKER = TESTS / "integration" / "lone_worker.py"
#: What GAMS is while its solver works.
PARTS = {"gams", "gamscmex.out", "gmsgenux.out"}

pytestmark = [
    pytest.mark.long,
    pytest.mark.gams,
    pytest.mark.timeout(120),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def gams() -> GamsSystem:
    return find_gams()


def _argv(gams: GamsSystem, model: str, *more: str) -> list[str]:
    words = ["LP=CPLEX", "optfile=1", "lo=2", "logfile=run.log", "o=run.lst", "trace=trace.txt", "traceopt=3"]
    return [str(gams.path), str(MODELS / f"{model}.gms"), *words, *more]


def _mip(gams: GamsSystem) -> list[str]:
    """Its solver starts at once and works for a minute."""
    return _argv(gams, "mkp", "--m=30", "--n=250", "--lim=60")


def _barrier(gams: GamsSystem, folder: Path) -> list[str]:
    (folder / "cplex.opt").write_text("lpmethod 4\nsolutiontype 2\nthreads 1\nbardisplay 2\n")
    return _argv(gams, "denselp", "--m=700", "--n=1500", "--dens=1")


class Tree(Remembered):
    """The processes of one GAMS, by name."""

    def __init__(self, group: int) -> None:
        self.group = group
        # A part that was forked a moment ago still has the name of its parent.
        wait_until(lambda: set(self._look()) == PARTS, what="GAMS has started its solver")
        self.pids = self._look()
        self.members = {pid: supervisor.start_ticks(pid) for pid in self.pids.values()}

    def _look(self) -> dict[str, int]:
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if os.getpgid(int(folder.name)) == self.group:
                    found[(folder / "comm").read_text().strip()] = int(folder.name)
            except OSError:
                continue
        return found


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[list[str]], SolverProcess]]:
    warden = start_warden()
    processes: list[SolverProcess] = []

    def start(argv: list[str]) -> SolverProcess:
        marker = tmp_path / "markers" / f"m{len(processes)}"
        marker.parent.mkdir(exist_ok=True)
        processes.append(warden.spawn(argv, cwd=tmp_path, env=clean_environ(os.environ), marker=marker))
        return processes[-1]

    yield start
    for process in processes:
        process.close()
    warden.close()


def _wait_for_line(log: Path, text: str) -> None:
    with LogTail(log) as tail:
        seen = ""
        deadline_s = time.monotonic() + 60
        while text not in seen:
            assert time.monotonic() < deadline_s, f"no {text!r} in the log"
            seen += tail.poll()
            time.sleep(0.02)


@contextmanager
def _lone_worker(argv: list[str], folder: Path) -> Iterator[tuple[dict[str, int], IO[bytes]]]:
    order = {"argv": argv, "cwd": str(folder), "env": clean_environ(os.environ), "marker": str(folder / "marker")}
    with subprocess.Popen([sys.executable, str(LONE_WORKER), json.dumps(order)], stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        try:
            yield json.loads(worker.stdout.readline()), worker.stdout
        finally:
            worker.kill()


def _ended(process: SolverProcess) -> Ended:
    ended = process.wait(60)
    assert ended is not None
    return ended


def _rows(folder: Path) -> list[TraceRow]:
    return read_trace((folder / "trace.txt").read_text())


@pytest.mark.parametrize(
    ("victims", "number"),
    [
        (["worker"], signal.SIGKILL),
        (["supervisor"], signal.SIGKILL),
        (["worker", "supervisor"], signal.SIGKILL),
        (["worker", "warden"], signal.SIGKILL),
        (["worker", "warden", "supervisor"], signal.SIGKILL),
        (["supervisor", "sentinel"], signal.SIGKILL),
        (["gams"], signal.SIGKILL),
        (["gams"], signal.SIGTERM),
        (["gamscmex.out"], signal.SIGKILL),
        (["gmsgenux.out"], signal.SIGKILL),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else value.name,
)
def test_whoever_is_killed_the_whole_solver_tree_is_gone(
    gams: GamsSystem, tmp_path: Path, victims: list[str], number: signal.Signals
) -> None:
    with _lone_worker(_mip(gams), tmp_path) as (who, _):
        tree = Tree(who["engine"])
        pids = [{**who, **tree.pids}[victim] for victim in victims]
        if len(pids) > 1:
            # All at once: stopped first, so that none of them can act on the end of another.
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
        for pid in pids:
            os.kill(pid, number)

        tree.until_gone()


@pytest.mark.parametrize("helper", ["warden", "sentinel"])
def test_a_solve_outlives_the_loss_of_a_helper_it_can_do_without(gams: GamsSystem, tmp_path: Path, helper: str) -> None:
    with _lone_worker(_mip(gams), tmp_path) as (who, output):
        tree = Tree(who["engine"])
        _wait_for_line(tmp_path / "run.log", "Root relaxation")  # before, a SIGINT may be lost
        ticks = supervisor.start_ticks(who[helper])

        os.kill(who[helper], signal.SIGKILL)
        wait_until(lambda: not is_alive(who[helper], ticks))
        os.kill(who["engine"], signal.SIGINT)

        assert json.loads(output.readline()) == {"returncode": 0, "why": "exit code 0"}
    assert tree.alive() == []
    assert [(row.model_status, row.solver_status) for row in _rows(tmp_path)] == [(8, 8)]


def test_interrupt_keeps_what_the_solver_has(
    gams: GamsSystem, tmp_path: Path, start: Callable[[list[str]], SolverProcess]
) -> None:
    process = start(_barrier(gams, tmp_path))
    tree = Tree(process.pid)
    _wait_for_line(tmp_path / "run.log", "\n   2 ")

    process.interrupt()
    ended = _ended(process)

    assert (ended.returncode, tree.alive()) == (0, [])
    assert [(row.model_status, row.solver_status) for row in _rows(tmp_path)] == [(6, 8)]
    assert "LP status (13): user aborted" in (tmp_path / "run.log").read_text()
    assert not (tmp_path / "225a").exists()
    assert list((tmp_path / "markers").iterdir()) == []


@pytest.mark.parametrize(("way", "code"), [("terminate", -15), ("kill", -9)])
def test_terminate_and_kill_leave_nothing_of_gams(
    gams: GamsSystem, start: Callable[[list[str]], SolverProcess], way: str, code: int
) -> None:
    process = start(_mip(gams))
    tree = Tree(process.pid)

    getattr(process, way)()

    assert _ended(process).returncode == code
    assert tree.alive() == []


def test_a_staged_stop_in_a_hurry_is_over_in_seconds(
    gams: GamsSystem, tmp_path: Path, start: Callable[[list[str]], SolverProcess]
) -> None:
    process = start(_mip(gams))
    tree = Tree(process.pid)
    os.killpg(process.pid, signal.SIGSTOP)  # a solver that hears no SIGINT
    stop = StagedStop(StopTimes(hurry_s=0.5, kill_after_s=0.5))
    stop.ask(now=True)
    actions: list[StopAction] = []
    meter = TreeMeter(process.pid)

    while (ended := process.wait(0.05)) is None:
        action = stop.step(time.monotonic(), log_bytes=0, cpu_s=meter.sample().cpu_s)
        if action is not None:
            actions.append(action)
            getattr(process, action.value)()

    assert actions == [StopAction.INTERRUPT, StopAction.TERMINATE, StopAction.KILL]
    assert (ended.signal, tree.alive()) == (signal.SIGKILL, [])
    assert not (tmp_path / "trace.txt").exists() or _rows(tmp_path) == []


def test_gams_inherits_no_file_and_no_credential_of_the_worker(
    gams: GamsSystem, start: Callable[[list[str]], SolverProcess], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIMES_DOCTOR_BROKER_URL", "redis://:secret@host/0")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    held_open = (tmp_path / "held open").open("w")
    os.set_inheritable(held_open.fileno(), True)

    process = start(_mip(gams))
    tree = Tree(process.pid)

    for pid in tree.pids.values():
        assert b"secret" not in Path(f"/proc/{pid}/environ").read_bytes()
    # A pipe of our own would be one that somebody outside of the tree holds too.
    inside = set().union(*(_files(pid) for pid in tree.pids.values()))
    outside = {str(tmp_path / "held open")} | _files(os.getpid()) | _files(process.supervisor_pid)
    assert inside & outside <= {"/dev/null"}
    assert [name for name in inside if name.startswith("socket:")] == []
    held_open.close()


def _files(pid: int) -> set[str]:
    found = set()
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found.add(str(file.readlink()))
    return found


def test_memory_of_the_tree_is_the_sum_of_its_processes(
    gams: GamsSystem, tmp_path: Path, start: Callable[[list[str]], SolverProcess]
) -> None:
    process = start(_barrier(gams, tmp_path))
    tree = Tree(process.pid)
    meter = TreeMeter(process.pid)

    usage = meter.sample()
    by_psutil = sum(psutil.Process(pid).memory_info().rss for pid in tree.pids.values())

    assert usage.processes == len(PARTS)
    assert abs(usage.rss_bytes - by_psutil) < 0.25 * by_psutil  # it grows while we look
    wait_until(lambda: meter.sample().cpu_s > usage.cpu_s)
    process.kill()
    ended = _ended(process)
    assert meter.sample().processes == 0
    assert ended.max_rss_bytes


def test_gams_says_its_licence_and_its_solvers(gams: GamsSystem) -> None:
    assert gams.version.count(".") == 2
    assert gams.licence.kind in ("demo", "full")
    assert "cplex" in gams.usable_solvers()
    assert "kestrel" not in gams.usable_solvers()


def test_a_warden_that_died_starts_gams_all_the_same(gams: GamsSystem, tmp_path: Path) -> None:
    warden: Warden = start_warden()
    os.kill(warden.pid, signal.SIGKILL)

    with warden.spawn(
        _argv(gams, "tiny"), cwd=tmp_path, env=clean_environ(os.environ), marker=tmp_path / "marker"
    ) as process:
        ended = _ended(process)
    warden.close()

    assert ended.returncode == 0
    assert [row.objective for row in _rows(tmp_path)] == [1.0]
