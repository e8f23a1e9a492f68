"""A solver process as the worker sees it, and the cleanup after a worker that died."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import threading
import time
from pathlib import Path

import msgspec

from times_doctor_worker.process import supervisor

#: Most seconds to start an engine (it takes milliseconds; a host that swaps takes seconds).
START_TIMEOUT_S = 30.0

_POLL_S = 0.005


class Ended(msgspec.Struct, frozen=True):
    """How an engine ended."""

    returncode: int | None
    """As from `subprocess`: negative for a signal; None if no process was left to see it."""
    wall_s: float
    """From its start to its end."""
    max_rss_bytes: int | None
    """The largest single process of the tree; never below the 10 MB of the Python that became the engine."""
    cpu_s: float | None
    """Of the whole tree."""
    why: str
    """For people: "exit code 0", "signal SIGKILL", "supervisor killed"."""

    @property
    def signal(self) -> int | None:
        """The signal that ended it, if one did."""
        return -self.returncode if self.returncode is not None and self.returncode < 0 else None


class SolverProcess:
    """A running engine. To close it, or to lose it, ends the engine: use `with`, or keep it until `poll` says ended."""

    def __init__(self, channel: socket.socket, marker: str) -> None:
        self._channel = channel
        self._marker = marker
        self._lock = threading.Lock()
        self._received = b""
        self._ended: Ended | None = None
        self._started_s = time.monotonic()
        self._is_killed = False
        self._supervisor_started_at = 0
        self.pid = 0
        """The engine's own pid, which is also the number of its process group."""
        self.supervisor_pid = 0
        self.started_at = 0
        """Clock ticks since boot (0 where the system does not say): with the pid it names this process for good."""

    @classmethod
    def begin(cls, channel: socket.socket, marker: str) -> SolverProcess:
        """Waits on a new channel until the supervisor reports that the engine runs.

        Raises:
            OSError: The engine could not be started.
            ConnectionError: The supervisor, or the warden before it, was killed first.
            TimeoutError: No answer for `START_TIMEOUT_S`.
        """
        process = cls(channel, marker)
        try:
            process._read_start()
        except BaseException:  # also after Ctrl-C: the channel would have no owner
            channel.close()
            raise
        return process

    def poll(self) -> Ended | None:
        """How it ended, or None while it runs."""
        with self._lock:
            if self._ended is None:
                self._ended = self._read_end()
                if self._ended is not None:
                    self._channel.close()
            return self._ended

    def wait(self, timeout_s: float | None = None) -> Ended | None:
        """Waits for the end; None if it still runs after `timeout_s`."""
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        while (ended := self.poll()) is None:
            left_s = None if deadline_s is None else deadline_s - time.monotonic()
            if left_s is not None and left_s <= 0:
                return None
            poller = select.poll()  # select() refuses file descriptors over 1023
            poller.register(self._channel, select.POLLIN)
            poller.poll(None if left_s is None else left_s * 1000)
        return ended

    def interrupt(self) -> None:
        """Sends SIGINT to the engine only: GAMS tells its solver to stop, and keeps the result so far."""
        self._send(supervisor.INTERRUPT)

    def terminate(self) -> None:
        """Sends SIGTERM to the whole group: sent only to GAMS, it would orphan the solver."""
        self._send(supervisor.TERMINATE)

    def kill(self) -> None:
        """Sends SIGKILL to the whole group. The second call also kills the supervisor, in case it hangs: its sentinel
        then ends the group.
        """
        if self._is_killed and supervisor.start_ticks(self.supervisor_pid) == self._supervisor_started_at != 0:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.supervisor_pid, signal.SIGKILL)
        self._is_killed = True
        self._send(supervisor.KILL)

    def fileno(self) -> int:
        """File descriptor, readable when `poll` has news; -1 after the end."""
        return self._channel.fileno()

    def close(self) -> None:
        """Ends the engine if it still runs; does not wait."""
        self.poll()  # if the supervisor is dead, this ends what it left behind
        with self._lock:
            self._channel.close()

    def __enter__(self) -> SolverProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(self, command: bytes) -> None:
        # The engine may end, or its supervisor be killed, at any moment: only `poll` reports that.
        with self._lock, contextlib.suppress(OSError):
            self._channel.send(command)

    def _read_start(self) -> None:
        self._channel.settimeout(START_TIMEOUT_S)
        while b"\n" not in self._received:
            data = self._channel.recv(4096)
            if not data:
                raise ConnectionResetError("the supervisor was killed before it could start the engine")
            self._received += data
        line, _, self._received = self._received.partition(b"\n")
        word, _, rest = line.decode("utf-8", "surrogateescape").partition(" ")
        if word == "failed":
            number, _, name = rest.partition(" ")
            raise OSError(int(number), os.strerror(int(number)), name)
        self.pid, self.supervisor_pid, self.started_at = map(int, rest.split())
        self._supervisor_started_at = supervisor.start_ticks(self.supervisor_pid)
        self._channel.setblocking(False)

    def _read_end(self) -> Ended | None:
        # A very short engine may have ended before `begin` read that it started.
        while not self._received.endswith(b"\n"):
            if self._channel.fileno() < 0:
                return self._lost("given up by the worker")
            try:
                data = self._channel.recv(4096)
            except BlockingIOError:
                return None
            except ConnectionResetError:
                data = b""
            if not data:
                return self._lost("supervisor killed")
            self._received += data
        _, code, wall_s, max_rss_bytes, cpu_s = self._received.split()
        returncode = int(code)
        why = f"signal {_signal_name(-returncode)}" if returncode < 0 else f"exit code {returncode}"
        return Ended(returncode, float(wall_s), int(max_rss_bytes), float(cpu_s), why)

    def _lost(self, why: str) -> Ended:
        """The sentinel ends the group by itself; this does the same in case the sentinel was killed too."""
        end_group(self.pid, self.started_at, self._marker)
        Path(self._marker).unlink(missing_ok=True)
        return Ended(None, time.monotonic() - self._started_s, None, None, why)


def end_group(group: int, leader_started_at: int, marker: str) -> bool:
    """Kills the rest of an engine's process group and waits until it has ended; returns whether there was any.

    Another group may have the number by now: it kills only the engine itself (pid and start time) and processes with
    the engine's marker in their environment.
    """
    found = False
    deadline_s = time.monotonic() + supervisor.END_GROUP_S
    while members := _living_members(group, leader_started_at, marker):
        found = True
        for pid in members:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline_s:
            break
        time.sleep(_POLL_S)
    return found


def end_leftovers(marker_dir: str | os.PathLike[str]) -> list[int]:
    """Ends the engines that an earlier worker with this folder of markers left behind; returns their pids.

    There is work only if a worker, its supervisors and their sentinels were all killed. The caller ensures that no
    other worker with the same folder is alive.
    """
    ended = []
    for path in sorted(Path(marker_dir).glob("*")):
        words = path.read_text(encoding="ascii", errors="replace").split()
        # An incomplete file belongs to an engine whose program never started.
        is_whole = len(words) >= 2 and all(word.isdecimal() for word in words[:2])
        if is_whole and words[2:] == supervisor.boot_id().split():
            pid, started_at = int(words[0]), int(words[1])
            if end_group(pid, started_at, os.path.abspath(path)):  # noqa: PTH100  resolve() would follow links
                ended.append(pid)
        path.unlink(missing_ok=True)
    return ended


def _living_members(group: int, leader_started_at: int, marker: str) -> list[int]:
    # Imported here: it takes 37 ms, and only rare ends of a solve need it.
    import psutil  # type: ignore[import-untyped]  # has no stubs of its own

    members = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) != group or process.status() == psutil.STATUS_ZOMBIE:
                continue
            is_engine = process.pid == group and supervisor.start_ticks(group) == leader_started_at != 0
            if is_engine or process.environ().get(supervisor.MARKER_VARIABLE) == marker:
                members.append(process.pid)
        except (psutil.Error, OSError):
            # It has ended, or it is another user's: not ours in either case.
            continue
    return members


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
