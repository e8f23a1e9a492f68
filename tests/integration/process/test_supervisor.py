from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # has no stubs of its own
import pytest

from tests.conftest import wait_until
from tests.integration.process.conftest import ENV, TREE, Tree, end_of
from tests.integration.workers import killed
from times_doctor_worker.process import supervisor
from times_doctor_worker.process.fork_server import Warden, start_warden
from times_doctor_worker.process.solver_process import SolverProcess, end_leftovers

pytestmark = [
    pytest.mark.timeout(60),
    # Python 3.12 says so when pytest-xdist has its threads; the worker forks before it has any.
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


def test_return_code_and_usage_of_an_engine_are_told(spawn: Callable[..., SolverProcess]) -> None:
    script = "x = bytearray(30_000_000)\nn = sum(range(2_000_000))\nraise SystemExit(3)"

    ended = end_of(spawn(sys.executable, "-c", script))

    assert (ended.returncode, ended.signal, ended.why) == (3, None, "exit code 3")
    assert 0.01 < ended.wall_s < 20
    assert ended.cpu_s is not None
    assert 0.005 < ended.cpu_s < 20
    assert ended.max_rss_bytes is not None
    assert ended.max_rss_bytes > 30_000_000


def test_engine_killed_by_a_signal_says_which(spawn: Callable[..., SolverProcess]) -> None:
    process = spawn("/bin/sleep", "300")
    os.kill(process.pid, signal.SIGSEGV)

    ended = end_of(process)

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
    end_of(process)
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

    end_of(spawn("/bin/sh", "-c", "echo one; echo two >&2; echo three", stdout_path=out, stderr_path=out))

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

    assert end_of(spawn("/bin/true")).returncode == 0


def test_interrupt_reaches_the_engine_alone(spawn: Callable[..., SolverProcess], tmp_path: Path) -> None:
    script = "trap 'echo engine; exit 5' INT; (trap 'echo child' INT; sleep 300; sleep 300) & echo ready; wait"
    out = tmp_path / "out"
    process = spawn("/bin/sh", "-c", script, stdout_path=str(out))
    wait_until(lambda: out.read_text() == "ready\n")
    tree = Tree(process.pid, 3)

    process.interrupt()

    assert end_of(process).returncode == 5
    assert out.read_text() == "ready\nengine\n"
    assert tree.alive() == []  # what an engine leaves behind goes with it


@pytest.mark.parametrize(("way", "number"), [("terminate", signal.SIGTERM), ("kill", signal.SIGKILL)])
def test_terminate_and_kill_reach_the_whole_tree(
    spawn: Callable[..., SolverProcess], way: str, number: signal.Signals
) -> None:
    process = spawn(*TREE)
    tree = Tree(process.pid, 5)

    getattr(process, way)()

    assert end_of(process).signal == number
    assert tree.alive() == []


def test_whoever_ignores_sigterm_is_ended_when_the_engine_is_gone(spawn: Callable[..., SolverProcess]) -> None:
    process = spawn("/bin/sh", "-c", "(trap '' TERM; sleep 300; sleep 300) & sleep 300")
    tree = Tree(process.pid, 4)

    process.terminate()

    assert end_of(process).signal == signal.SIGTERM
    assert tree.alive() == []


def test_daemon_of_an_engine_ends_with_it(spawn: Callable[..., SolverProcess], tmp_path: Path) -> None:
    """It has left the engine's group and session, and its parent has ended before the engine."""
    script = "(setsid sh -c 'echo $$ > pid; exec sleep 300' &); while [ ! -s pid ]; do sleep 0.01; done; exit 3"

    assert end_of(spawn("/bin/sh", "-c", script)).returncode == 3
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))


def test_second_kill_ends_a_supervisor_that_hangs(spawn: Callable[..., SolverProcess]) -> None:
    process = spawn(*TREE)
    tree = Tree(process.pid, 5)
    os.kill(process.supervisor_pid, signal.SIGSTOP)

    process.kill()
    assert process.wait(0.2) is None
    process.kill()

    assert end_of(process).why == "supervisor killed"
    tree.until_gone()


def test_closing_a_solver_process_ends_its_engine(spawn: Callable[..., SolverProcess], tmp_path: Path) -> None:
    process = spawn(*TREE)
    tree = Tree(process.pid, 5)

    process.close()

    tree.until_gone()
    assert process.poll() == process.poll()
    assert end_of(process).why == "given up by the worker"
    wait_until(lambda: not (tmp_path / "marker0").exists())


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
    wait_until(lambda: not any(guard.is_running() and guard.status() != psutil.STATUS_ZOMBIE for guard in guards))
    assert len(tree.alive()) == 5

    process.close()

    tree.until_gone()  # killed they are; the kernel takes its time on a busy machine


def test_commands_after_the_end_do_nothing(spawn: Callable[..., SolverProcess]) -> None:
    process = spawn("/bin/true")
    ended = end_of(process)

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
    end_of(process)
    assert not (tmp_path / "marker0").exists()


def test_leftovers_of_another_boot_or_another_start_are_not_ours_to_end(tmp_path: Path) -> None:
    with subprocess.Popen(["/bin/sleep", "300"], start_new_session=True) as stranger, killed(stranger):
        ticks = supervisor.start_ticks(stranger.pid)
        (tmp_path / "other_start").write_text(f"{stranger.pid} {ticks - 1} {supervisor.boot_id()}\n")
        (tmp_path / "other_boot").write_text(f"{stranger.pid} {ticks} 0123-4567\n")
        (tmp_path / "cut_short").write_text(f"{stranger.pid}")

        assert end_leftovers(tmp_path) == []

        assert stranger.poll() is None
        assert list(tmp_path.iterdir()) == []


def test_several_threads_spawn_at_once(spawn: Callable[..., SolverProcess]) -> None:
    codes: list[int | None] = []

    def solve(code: int) -> None:
        codes.append(end_of(spawn("/bin/sh", "-c", f"exit {code}")).returncode)

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
        threading.Thread(target=lambda: codes.append(end_of(spawn("/bin/sh", "-c", "exit 7")).returncode))
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
    assert end_of(running).signal == signal.SIGKILL


def test_fifty_spawns_leave_no_process_behind(warden: Warden, spawn: Callable[..., SolverProcess]) -> None:
    known: dict[int, int] = {}
    for _ in range(50):
        process = spawn("/bin/true")
        for pid in (process.pid, process.supervisor_pid):
            known[pid] = supervisor.start_ticks(pid)
        end_of(process)

    def left() -> list[int]:
        # Zombies count as well here.
        return [pid for pid, ticks in known.items() if ticks and supervisor.start_ticks(pid) == ticks]

    wait_until(lambda: not left())
    assert psutil.Process(warden.pid).children() == []


def test_a_file_open_before_the_warden_reaches_no_engine(tmp_path: Path) -> None:
    with (tmp_path / "held open").open("w") as held:
        os.set_inheritable(held.fileno(), True)
        warden = start_warden()
        script = f"import os; raise SystemExit(os.path.exists('/proc/self/fd/{held.fileno()}'))"
        with warden.spawn(
            [sys.executable, "-I", "-S", "-c", script], cwd=tmp_path, env=ENV, marker=tmp_path / "marker"
        ) as process:
            assert end_of(process).returncode == 0
        warden.close()
