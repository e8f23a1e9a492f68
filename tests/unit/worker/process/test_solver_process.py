from __future__ import annotations

import errno
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from times_doctor_worker.process import supervisor
from times_doctor_worker.process.solver_process import Ended, SolverProcess, end_leftovers

#: A pid that no Linux gives (its limit is 2**22), so that no real process is meant.
NO_PID = 2**22 + 1


class Supervisor:
    """The supervisor's end of a channel, played by the test."""

    def __init__(self, folder: Path) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.marker = folder / "marker"

    def begin(self, text: str) -> SolverProcess:
        self.ours.sendall(text.encode())
        return SolverProcess.begin(self.theirs, str(self.marker))


@pytest.fixture
def guard(tmp_path: Path) -> Iterator[Supervisor]:
    guard = Supervisor(tmp_path)
    yield guard
    guard.ours.close()
    guard.theirs.close()


STARTED = f"started {NO_PID} {NO_PID} 4711\n"


def test_a_start_names_engine_and_supervisor(guard: Supervisor) -> None:
    process = guard.begin(f"started {NO_PID} {NO_PID + 1} 4711\n")

    assert (process.pid, process.supervisor_pid, process.started_at) == (NO_PID, NO_PID + 1, 4711)
    assert process.poll() is None
    assert process.fileno() == guard.theirs.fileno()


def test_an_end_is_told_once_and_kept(guard: Supervisor) -> None:
    process = guard.begin(STARTED)
    guard.ours.sendall(b"ended -9 12.500000 1048576 ")
    assert process.poll() is None

    guard.ours.sendall(b"11.250000\n")

    assert process.poll() == Ended(-9, 12.5, 1 << 20, 11.25, "signal SIGKILL")
    assert process.wait(0) is process.poll()
    assert process.fileno() == -1


def test_an_engine_that_ended_before_its_start_was_read_is_not_lost(guard: Supervisor) -> None:
    guard.ours.sendall(STARTED.encode() + b"ended 3 0.001000 1024 0.001000\n")
    guard.ours.shutdown(socket.SHUT_WR)

    process = SolverProcess.begin(guard.theirs, str(guard.marker))

    ended = process.wait(1)
    assert ended is not None
    assert (ended.returncode, ended.why) == (3, "exit code 3")


def test_a_supervisor_that_falls_silent_was_killed(guard: Supervisor) -> None:
    guard.marker.write_text("")
    process = guard.begin(STARTED)

    guard.ours.close()

    ended = process.wait(1)
    assert ended is not None
    assert (ended.returncode, ended.signal, ended.max_rss_bytes, ended.why) == (None, None, None, "supervisor killed")
    assert not guard.marker.exists()


def test_a_supervisor_killed_with_commands_unread_is_the_same(guard: Supervisor) -> None:
    process = guard.begin(STARTED)
    process.interrupt()

    guard.ours.close()  # with unread data this resets the connection

    ended = process.wait(1)
    assert ended is not None
    assert ended.why == "supervisor killed"


def test_commands_are_one_byte_each(guard: Supervisor) -> None:
    process = guard.begin(STARTED)

    process.interrupt()
    process.terminate()
    process.kill()

    assert guard.ours.recv(10) == supervisor.INTERRUPT + supervisor.TERMINATE + supervisor.KILL


def test_commands_to_a_dead_supervisor_do_nothing(guard: Supervisor) -> None:
    process = guard.begin(STARTED)
    guard.ours.close()

    process.interrupt()
    process.close()
    process.kill()


def test_a_failed_start_is_the_error_of_the_system(guard: Supervisor) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        guard.begin(f"failed {errno.ENOENT} /opt/my gams/gams\n")

    assert caught.value.filename == "/opt/my gams/gams"
    assert guard.theirs.fileno() == -1


def test_a_supervisor_gone_before_the_start_is_a_lost_connection(guard: Supervisor) -> None:
    guard.ours.close()

    with pytest.raises(ConnectionError):
        SolverProcess.begin(guard.theirs, str(guard.marker))


def test_a_start_that_never_comes_times_out(guard: Supervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("times_doctor_worker.process.solver_process.START_TIMEOUT_S", 0.05)

    with pytest.raises(TimeoutError):
        SolverProcess.begin(guard.theirs, str(guard.marker))


def test_wait_returns_without_an_end_after_its_time(guard: Supervisor) -> None:
    assert guard.begin(STARTED).wait(0.05) is None


@pytest.mark.parametrize(
    ("returncode", "number"), [(0, None), (3, None), (None, None), (-signal.SIGTERM, signal.SIGTERM), (144, None)]
)
def test_only_a_negative_return_code_is_a_signal(returncode: int | None, number: int | None) -> None:
    assert Ended(returncode, 1.0, None, None, "").signal == number


def test_without_markers_there_are_no_leftovers(tmp_path: Path) -> None:
    assert end_leftovers(tmp_path) == []
    assert end_leftovers(tmp_path / "not there") == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "12",
        f"{NO_PID} 17 {supervisor.boot_id()}\n",
        "not a marker at all\n",
        "\xff",
        f"x y {supervisor.boot_id()}\n",
    ],
)
def test_a_marker_without_a_living_engine_is_removed(tmp_path: Path, text: str) -> None:
    (tmp_path / "m1").write_text(text, encoding="latin-1")

    assert end_leftovers(tmp_path) == []

    assert list(tmp_path.iterdir()) == []
