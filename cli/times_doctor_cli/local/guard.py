"""The guard: a small process that keeps the private broker and worker of one scan, and ends both.

It is forked before any heavy import, has its own session (Ctrl-C does not reach it), and restarts a worker that died.
When its lifeline to the command line closes (at a normal end, or kill -9), it cleans up: the worker gets time to stop
its solves, then everything is killed and the folder removed. If the server dies, the scan is lost: the guard stops the
worker, and keeps the logs until the command line has read them.
"""

from __future__ import annotations

import os
import select
import signal
import sys

TYPE_CHECKING = False  # importing `typing` would cost each scan milliseconds
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

#: Sent over the lifeline: no solve is left, end at once.
END_NOW = b"k"
#: Seconds that a worker gets to stop its solves when the command line has died.
GRACE_S = 8.0
#: The file with one of these bytes for each process that died.
DEATHS = "deaths"
SERVER_DIED, WORKER_DIED = b"s", b"w"
#: Seconds before a worker that died is restarted; the last one repeats.
RESTART_PAUSES_S = (0.0, 1.0, 2.0, 5.0, 10.0)
_PR_SET_PDEATHSIG = 1


def worker_argv(folder: str) -> list[str]:
    """How the private worker is started. It is a separate program: cli never imports the worker."""
    return [sys.executable, "-m", "times_doctor_worker", "--local", folder]


def has_ended(pid: int) -> bool:
    """Whether the guard has ended; it must be our child, and this must not be called again after True."""
    return sys.platform != "win32" and os.waitpid(pid, os.WNOHANG)[0] != 0


def wait_for(pid: int) -> None:
    """Returns when the guard has ended."""
    os.waitpid(pid, 0)


# The code below needs fork. Without it there are no local scans.
assert sys.platform != "win32"


def fork_guard(folder: str, server: Sequence[str], worker: Sequence[str]) -> tuple[int, int]:
    """Forks the guard; returns its pid and the write end of its lifeline."""
    _fill_standard_streams()
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(write_end)
            os.setsid()
            _let_go_of_terminal()
            code = _Guard(folder, server, worker, read_end).run()
        finally:
            os._exit(code)
    os.close(read_end)
    return pid, write_end


def _fill_standard_streams() -> None:
    """A stream that is closed at our start (cron, `<&-`) becomes /dev/null, so that no pipe of ours gets its number."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(fd)


def _let_go_of_terminal() -> None:
    """Closes standard streams: a guard that briefly outlives its parent must not hold a pipe open."""
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)


class _Guard:
    """The guard's main loop."""

    def __init__(self, folder: str, server: Sequence[str], worker: Sequence[str], lifeline: int) -> None:
        self._folder = folder
        self._worker_argv = list(worker)
        self._lifeline = lifeline
        self._wake_r, wake_w = os.pipe()
        os.set_blocking(wake_w, False)
        signal.set_wakeup_fd(wake_w, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._worker = 0
        self._worker_lifeline = -1
        self._server = self._start_server(list(server))
        self._restarts = 0
        self._worker = self._start_worker()

    def run(self) -> int:
        """Runs until the lifeline closes."""
        restart_in_s: float | None = None
        while True:
            ready, _, _ = select.select([self._lifeline, self._wake_r], [], [], restart_in_s)
            if self._wake_r in ready:
                os.read(self._wake_r, 512)
            if self._lifeline in ready:
                break
            worker_ended = self._reap()
            if not self._server:
                restart_in_s = None
            elif worker_ended and restart_in_s is None:
                restart_in_s = RESTART_PAUSES_S[min(self._restarts, len(RESTART_PAUSES_S) - 1)]
            elif not ready and restart_in_s is not None:
                self._restarts += 1
                self._worker, restart_in_s = self._start_worker(), None
        said = os.read(self._lifeline, 1)
        self._end(at_once=said == END_NOW or not self._server)
        return 0

    def _start_server(self, argv: list[str]) -> int:
        """If the guard is killed, the server dies too (Linux): otherwise it would run for ever without a client."""
        guard = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become(argv, "server.log", stdin=os.open(os.devnull, os.O_RDONLY), parent=guard)
        return pid

    def _start_worker(self) -> int:
        read_end, self._worker_lifeline = os.pipe()
        pid = os.fork()
        if pid == 0:
            self._become(self._worker_argv, "worker.log", stdin=read_end)
        os.close(read_end)
        return pid

    def _reap(self) -> bool:
        """Reaps ended children; True if the worker ended."""
        worker_ended = False
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return worker_ended
            if pid == 0:
                return worker_ended
            if pid == self._worker:
                worker_ended = True
                self._worker = 0
                self._cut_worker_lifeline()
                self._append(DEATHS, WORKER_DIED)
            elif pid == self._server:
                self._server = 0
                self._cut_worker_lifeline()
                self._append(DEATHS, SERVER_DIED)

    def _cut_worker_lifeline(self) -> None:
        if self._worker_lifeline >= 0:
            os.close(self._worker_lifeline)
            self._worker_lifeline = -1

    def _append(self, name: str, content: bytes) -> None:
        """Notes a death for the command line: see `LocalStack`."""
        fd = self._log(name)
        os.write(fd, content)
        os.close(fd)

    def _log(self, name: str) -> int:
        path = os.path.join(self._folder, name)  # noqa: PTH118
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def _end(self, *, at_once: bool) -> None:
        self._cut_worker_lifeline()
        if self._worker and not at_once:
            self._wait_for_worker(GRACE_S)
        for pid in (self._worker, self._server):
            if pid:
                _kill(pid)
        for name in os.listdir(self._folder):  # noqa: PTH208  # flat: files and a socket
            os.unlink(os.path.join(self._folder, name))  # noqa: PTH108, PTH118
        os.rmdir(self._folder)  # noqa: PTH106

    def _wait_for_worker(self, seconds: float) -> None:
        import time

        deadline = time.monotonic() + seconds
        while self._worker and time.monotonic() < deadline:
            ready, _, _ = select.select([self._wake_r], [], [], deadline - time.monotonic())
            if ready:
                os.read(self._wake_r, 512)
            if self._reap():
                return

    def _become(self, argv: list[str], log: str, *, stdin: int, parent: int = 0) -> NoReturn:
        """Turns a newly forked child into a program, which dies with `parent` if one is given."""
        try:
            os.dup2(stdin, 0)
            for fd in (1, 2):
                os.dup2(self._log(log), fd)
            if parent:
                _die_with(parent)
            os.execv(argv[0], argv)  # noqa: S606  # a list, no shell
        except OSError as error:
            os.write(2, f"{argv[0]} cannot be started: {error.strerror}\n".encode())
        finally:
            os._exit(127)


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(0)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    except (ProcessLookupError, ChildProcessError):
        pass
