from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # has no stubs of its own
import pytest

from times_doctor_worker.process import supervisor
from times_doctor_worker.process.fork_server import Warden, start_warden
from times_doctor_worker.process.solver_process import Ended, SolverProcess, end_leftovers

LONE_WORKER = Path(__file__).with_name("lone_worker.py")
ENV = {"PATH": os.environ["PATH"]}
#: The engine, a child and a grandchild, as with GAMS; all would go on for minutes.
TREE = ["/bin/sh", "-c", "sh -c 'sleep 300 & sleep 300' & sleep 300"]

pytestmark = [
    pytest.mark.timeout(60),
    # Python 3.12 says so when pytest-xdist has its threads; the worker forks before it has any.
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


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


def _until(condition: Callable[[], object], deadline_s: float = 10.0) -> None:
    end_s = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end_s, "it did not happen in time"
        time.sleep(0.005)


def _ended(process: SolverProcess) -> Ended:
    ended = process.wait(20)
    assert ended is not None
    return ended


class Tree:
    """The processes of one group, remembered by pid and start time."""

    def __init__(self, group: int, size: int) -> None:
        self.group = group
        _until(lambda: len(self._look()) >= size)
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

    def alive(self) -> list[int]:
        return [pid for pid, ticks in self.members.items() if _is_alive(pid, ticks)]

    def seconds_until_gone(self) -> float:
        begin_s = time.monotonic()
        _until(lambda: not self.alive())
        return time.monotonic() - begin_s


def _is_alive(pid: int, ticks: int) -> bool:
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
        self.who: dict[str, int] = json.loads(self.output.readline())
        self.tree = Tree(self.who["engine"], size)

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


def test_return_code_and_usage_of_an_engine_are_told(spawn: Callable[..., SolverProcess]) -> None:
    script = "x = bytearray(30_000_000)\nn = sum(range(2_000_000))\nraise SystemExit(3)"

    ended = _ended(spawn(sys.executable, "-c", script))

    assert (ended.returncode, ended.signal, ended.why) == (3, None, "exit code 3")
    assert 0.01 < ended.wall_s < 20
    assert ended.cpu_s is not None
    assert 0.005 < ended.cpu_s < 20
    assert ended.max_rss_bytes is not None
    assert ended.max_rss_bytes > 30_000_000


def test_engine_killed_by_a_signal_says_which(spawn: Callable[..., SolverProcess]) -> None:
    process = spawn("/bin/sleep", "300")
    os.kill(process.pid, signal.SIGSEGV)

    ended = _ended(process)

    assert (ended.returncode, ended.signal, ended.why) == (-11, signal.SIGSEGV, "signal SIGSEGV")


def test_engine_gets_its_folder_its_environment_and_nothing_of_ours(
    spawn: Callable[..., SolverProcess], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIMES_DOCTOR_BROKER_URL", "redis://:secret@host/0")
    script = (
        "import os, json; fds = os.listdir('/proc/self/fd'); status = open('/proc/self/status').read();"
        "print(json.dumps([os.getcwd(), dict(os.environ), [os.path.realpath(f'/proc/self/fd/{f}') for f in fds],"
        "[l for l in status.splitlines() if l.startswith(('SigBlk', 'SigIgn'))], os.getpgid(0) == os.getpid()]))"
    )

    process = spawn(sys.executable, "-I", "-S", "-W", "ignore", "-c", script, stdout_path=str(tmp_path / "out"))
    _ended(process)
    cwd, environ, files, signals, leads = json.loads((tmp_path / "out").read_text())

    assert cwd == str(tmp_path)
    assert environ.pop("LC_CTYPE", "C.UTF-8") == "C.UTF-8"  # Python's own, at its start
    assert environ == {**ENV, supervisor.MARKER_VARIABLE: str(tmp_path / "marker0")}
    real = [name for name in files if name not in ("/dev/null", str(tmp_path / "out"))]
    assert [name for name in real if not name.startswith("/proc/")] == []
    # Python itself ignores SIGPIPE (13) and SIGXFSZ (25), bits 12 and 24; 32 and 33 are the C library's own.
    not_ours = 1 << 12 | 1 << 24 | 1 << 31 | 1 << 32
    assert [int(line.split()[1], 16) & ~not_ours for line in signals] == [0, 0]
    assert leads


def test_both_outputs_may_go_to_one_file(spawn: Callable[..., SolverProcess], tmp_path: Path) -> None:
    (tmp_path / "out").write_text("of an earlier run")
    out = str(tmp_path / "out")

    _ended(spawn("/bin/sh", "-c", "echo one; echo two >&2; echo three", stdout_path=out, stderr_path=out))

    assert (tmp_path / "out").read_text() == "one\ntwo\nthree\n"


@pytest.mark.parametrize(
    ("argv", "more", "error"),
    [
        (["/no/such/engine"], {}, FileNotFoundError),
        (["/etc/passwd"], {}, PermissionError),
        (["/bin/true"], {"cwd": "/no/such/folder"}, FileNotFoundError),
        (["/bin/true"], {"stdout_path": "/no/such/folder/out"}, FileNotFoundError),
        (["/bin/true"], {"marker": "/dev/null/marker"}, NotADirectoryError),
    ],
)
def test_engine_that_cannot_start_is_an_error_that_names_the_file(
    spawn: Callable[..., SolverProcess], argv: list[str], more: dict[str, str], error: type[OSError]
) -> None:
    with pytest.raises(error) as caught:
        spawn(*argv, **more)

    assert caught.value.filename == next(iter(more.values()), argv[0])


def test_nul_byte_in_an_order_is_refused_before_it_is_sent(spawn: Callable[..., SolverProcess]) -> None:
    with pytest.raises(ValueError, match="NUL"):
        spawn("/bin/echo", "a\0b")

    assert _ended(spawn("/bin/true")).returncode == 0


def test_interrupt_reaches_the_engine_alone(spawn: Callable[..., SolverProcess], tmp_path: Path) -> None:
    script = "trap 'echo engine; exit 5' INT; (trap 'echo child' INT; sleep 300; sleep 300) & echo ready; wait"
    out = tmp_path / "out"
    process = spawn("/bin/sh", "-c", script, stdout_path=str(out))
    _until(lambda: out.read_text() == "ready\n")
    tree = Tree(process.pid, 3)

    process.interrupt()

    assert _ended(process).returncode == 5
    assert out.read_text() == "ready\nengine\n"
    assert tree.alive() == []  # what an engine leaves behind goes with it


@pytest.mark.parametrize(("way", "number"), [("terminate", signal.SIGTERM), ("kill", signal.SIGKILL)])
def test_terminate_and_kill_reach_the_whole_tree(
    spawn: Callable[..., SolverProcess], way: str, number: signal.Signals
) -> None:
    process = spawn(*TREE)
    tree = Tree(process.pid, 5)

    getattr(process, way)()

    assert _ended(process).signal == number
    assert tree.alive() == []


def test_whoever_ignores_sigterm_is_ended_when_the_engine_is_gone(spawn: Callable[..., SolverProcess]) -> None:
    process = spawn("/bin/sh", "-c", "(trap '' TERM; sleep 300; sleep 300) & sleep 300")
    tree = Tree(process.pid, 4)

    process.terminate()

    assert _ended(process).signal == signal.SIGTERM
    assert tree.alive() == []


def test_second_kill_ends_a_supervisor_that_hangs(spawn: Callable[..., SolverProcess]) -> None:
    process = spawn(*TREE)
    tree = Tree(process.pid, 5)
    os.kill(process.supervisor_pid, signal.SIGSTOP)

    process.kill()
    assert process.wait(0.2) is None
    process.kill()

    assert _ended(process).why == "supervisor killed"
    assert tree.seconds_until_gone() < 5


def test_closing_a_solver_process_ends_its_engine(spawn: Callable[..., SolverProcess], tmp_path: Path) -> None:
    process = spawn(*TREE)
    tree = Tree(process.pid, 5)

    process.close()

    assert tree.seconds_until_gone() < 5
    assert process.poll() == process.poll()
    assert _ended(process).why == "given up by the worker"
    _until(lambda: not (tmp_path / "marker0").exists())


def test_closing_does_the_work_of_a_supervisor_and_a_sentinel_that_were_killed(
    spawn: Callable[..., SolverProcess],
) -> None:
    process = spawn(*TREE)
    tree = Tree(process.pid, 5)
    guards = [psutil.Process(process.supervisor_pid)]
    guards += [child for child in guards[0].children() if child.pid != process.pid]
    for guard in guards:
        guard.suspend()
    for guard in guards:
        guard.kill()
    _until(lambda: not any(guard.is_running() and guard.status() != psutil.STATUS_ZOMBIE for guard in guards))
    assert len(tree.alive()) == 5

    process.close()

    assert tree.alive() == []


def test_commands_after_the_end_do_nothing(spawn: Callable[..., SolverProcess]) -> None:
    process = spawn("/bin/true")
    ended = _ended(process)

    process.interrupt()
    process.kill()

    assert process.poll() is ended
    assert process.fileno() == -1


def test_marker_names_the_engine_while_it_runs_and_goes_with_it(
    spawn: Callable[..., SolverProcess], tmp_path: Path
) -> None:
    process = spawn("/bin/sleep", "300")

    assert (tmp_path / "marker0").read_text() == f"{process.pid} {process.started_at} {supervisor.boot_id()}\n"
    assert process.started_at == supervisor.start_ticks(process.pid) > 0
    process.kill()
    _ended(process)
    assert not (tmp_path / "marker0").exists()


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

    assert lone_worker.tree.seconds_until_gone() < 5
    if "supervisor" not in victims:
        _until(lambda: not lone_worker.marker.exists())


def test_kill_of_a_supervisor_is_told_to_the_worker(lone_worker: LoneWorker) -> None:
    lone_worker.kill("supervisor", "sentinel")

    assert json.loads(lone_worker.output.readline()) == {"returncode": None, "why": "supervisor killed"}
    assert lone_worker.tree.seconds_until_gone() < 5  # killed they are; the kernel takes its time on a busy machine
    assert not lone_worker.marker.exists()


def test_solve_goes_on_without_its_warden(lone_worker: LoneWorker) -> None:
    lone_worker.kill("warden")
    lone_worker.signal(signal.SIGTERM, "engine")

    assert json.loads(lone_worker.output.readline()) == {"returncode": -15, "why": "signal SIGTERM"}


def test_sentinel_that_is_killed_is_replaced_and_the_solve_goes_on(lone_worker: LoneWorker) -> None:
    guard = psutil.Process(lone_worker.who["supervisor"])

    lone_worker.kill("sentinel")

    _until(lambda: {c.pid for c in guard.children()} - {lone_worker.who["engine"], lone_worker.who["sentinel"]})
    assert len(lone_worker.tree.alive()) == 5
    lone_worker.kill("worker", "supervisor")
    assert lone_worker.tree.seconds_until_gone() < 5


def test_stopped_worker_loses_no_solve(lone_worker: LoneWorker) -> None:
    lone_worker.signal(signal.SIGSTOP, "worker")
    _until(lambda: psutil.Process(lone_worker.who["worker"]).status() == psutil.STATUS_STOPPED)
    # Three times as long as a heartbeat would have waited.
    with pytest.raises(AssertionError):
        _until(lambda: len(lone_worker.tree.alive()) < 5, deadline_s=2.0)

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
    _until(lambda: len(lone_worker.tree.alive()) == 4)

    assert end_leftovers(lone_worker.marker.parent) == [lone_worker.who["engine"]]

    assert lone_worker.tree.alive() == []
    assert list(lone_worker.marker.parent.iterdir()) == []
    assert end_leftovers(lone_worker.marker.parent) == []


def test_leftovers_of_another_boot_or_another_start_are_not_ours_to_end(tmp_path: Path) -> None:
    with subprocess.Popen(["/bin/sleep", "300"], start_new_session=True) as stranger:
        ticks = supervisor.start_ticks(stranger.pid)
        (tmp_path / "other_start").write_text(f"{stranger.pid} {ticks - 1} {supervisor.boot_id()}\n")
        (tmp_path / "other_boot").write_text(f"{stranger.pid} {ticks} 0123-4567\n")
        (tmp_path / "cut_short").write_text(f"{stranger.pid}")

        assert end_leftovers(tmp_path) == []

        assert stranger.poll() is None
        assert list(tmp_path.iterdir()) == []
        stranger.kill()


def test_several_threads_spawn_at_once(spawn: Callable[..., SolverProcess]) -> None:
    codes: list[int | None] = []

    def solve(code: int) -> None:
        codes.append(_ended(spawn("/bin/sh", "-c", f"exit {code}")).returncode)

    threads = [threading.Thread(target=solve, args=[code]) for code in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(codes, key=str) == [0, 1, 2, 3]


def test_warden_that_was_killed_is_replaced_whoever_asks_first(
    warden: Warden, spawn: Callable[..., SolverProcess]
) -> None:
    running = spawn("/bin/sleep", "300")
    first = warden.pid
    os.kill(first, signal.SIGKILL)
    codes: list[int | None] = []
    threads = [
        threading.Thread(target=lambda: codes.append(_ended(spawn("/bin/sh", "-c", "exit 7")).returncode))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert codes == [7, 7, 7, 7]
    assert warden.pid != first
    assert running.poll() is None
    running.kill()
    assert _ended(running).signal == signal.SIGKILL


def test_fifty_spawns_leave_no_process_behind(warden: Warden, spawn: Callable[..., SolverProcess]) -> None:
    known: dict[int, int] = {}
    for _ in range(50):
        process = spawn("/bin/true")
        for pid in (process.pid, process.supervisor_pid):
            known[pid] = supervisor.start_ticks(pid)
        _ended(process)

    def left() -> list[int]:
        # Zombies count as well here.
        return [pid for pid, ticks in known.items() if ticks and supervisor.start_ticks(pid) == ticks]

    _until(lambda: not left())
    assert psutil.Process(warden.pid).children() == []


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
    _until(lambda: {orphan.ppid() for orphan in orphans} == {process.supervisor_pid})
    for victim in (psutil.Process(process.supervisor_pid), sentinel):
        victim.suspend()
    for victim in (sentinel, psutil.Process(process.supervisor_pid)):
        victim.kill()
    _until(lambda: {orphan.ppid() for orphan in orphans} == {warden.pid})

    assert _ended(process).why == "supervisor killed"
    # Reaped as well: here a zombie would count.
    _until(lambda: not [pid for pid, ticks in tree.members.items() if supervisor.start_ticks(pid) == ticks])


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


def test_a_file_open_before_the_warden_reaches_no_engine(tmp_path: Path) -> None:
    with (tmp_path / "held open").open("w") as held:
        os.set_inheritable(held.fileno(), True)
        warden = start_warden()
        script = f"import os; raise SystemExit(os.path.exists('/proc/self/fd/{held.fileno()}'))"
        with warden.spawn(
            [sys.executable, "-I", "-S", "-c", script], cwd=tmp_path, env=ENV, marker=tmp_path / "marker"
        ) as process:
            assert _ended(process).returncode == 0
        warden.close()
