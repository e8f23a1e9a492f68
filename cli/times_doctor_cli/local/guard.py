"""The guard: a small process that keeps the private broker and worker of one scan, and takes both down.

It is forked before anything heavy is imported, lives in a session of its own (Ctrl-C does not reach it), restarts a
worker that died, and when its lifeline to the command line closes (a normal end, or kill -9) nothing is left: the
worker gets time to stop its solves, then everything is killed and the folder removed.
"""

from __future__ import annotations

import os
import select
import signal
import sys

TYPE_CHECKING = False  # `typing` costs milliseconds that every scan would wait for
if TYPE_CHECKING:
    from collections.abc import Sequence

#: Sent over the lifeline: nothing solves any more, end at once.
END_NOW = b"k"
#: Seconds a worker gets to stop its solves when the command line vanished.
GRACE_S = 8.0
#: File that holds one byte per worker that died.
DEATHS = "deaths"
#: Pauses before a worker that died is started again, seconds; the last one repeats.
RESTART_PAUSES_S = (0.0, 1.0, 2.0, 5.0, 10.0)


def worker_argv(folder: str) -> list[str]:
    """How the private worker is started. It is another program to us: cli never imports the worker."""
    return [sys.executable, "-m", "times_doctor_worker", "--local", folder]


# Below is what needs a fork. There is no local scan where there is none.
assert sys.platform != "win32"


def fork_guard(folder: str, server: Sequence[str], worker: Sequence[str]) -> tuple[int, int]:
    """Forks the guard; returns its pid and the write end of its lifeline."""
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


def _let_go_of_terminal() -> None:
    """No standard streams: a guard that outlives its parent by a moment must not hold a pipe open."""
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)


class _Guard:
    """The guard's life."""

    def __init__(self, folder: str, server: Sequence[str], worker: Sequence[str], lifeline: int) -> None:
        self._folder = folder
        self._worker_argv = list(worker)
        self._lifeline = lifeline
        self._wake_r, wake_w = os.pipe()
        os.set_blocking(wake_w, False)
        signal.set_wakeup_fd(wake_w, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._server = self._spawn(list(server), "server.log", stdin=None)
        self._restarts = 0
        self._worker = self._start_worker()

    def run(self) -> int:
        """Until the lifeline closes."""
        restart_in_s: float | None = None
        while True:
            ready, _, _ = select.select([self._lifeline, self._wake_r], [], [], restart_in_s)
            if self._wake_r in ready:
                os.read(self._wake_r, 512)
            if self._lifeline in ready:
                break
            if self._reap() and restart_in_s is None:
                restart_in_s = RESTART_PAUSES_S[min(self._restarts, len(RESTART_PAUSES_S) - 1)]
            elif not ready and restart_in_s is not None:
                self._restarts += 1
                self._worker, restart_in_s = self._start_worker(), None
        said = os.read(self._lifeline, 1)
        self._end(at_once=said == END_NOW)
        return 0

    def _start_worker(self) -> int:
        read_end, self._worker_lifeline = os.pipe()
        try:
            return self._spawn(self._worker_argv, "worker.log", stdin=read_end)
        finally:
            os.close(read_end)

    def _reap(self) -> bool:
        """Collects what ended; True when the worker did."""
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
                self._note_death()

    def _cut_worker_lifeline(self) -> None:
        if self._worker_lifeline >= 0:
            os.close(self._worker_lifeline)
            self._worker_lifeline = -1

    def _note_death(self) -> None:
        """One byte per worker that died: the command line gives up on one that never lives (see `LocalStack`)."""
        fd = os.open(os.path.join(self._folder, DEATHS), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)  # noqa: PTH118
        os.write(fd, b"x")
        os.close(fd)

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

    def _spawn(self, argv: list[str], log: str, *, stdin: int | None) -> int:
        path = os.path.join(self._folder, log)  # noqa: PTH118
        actions: list[tuple[object, ...]] = [
            (os.POSIX_SPAWN_OPEN, 1, path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ]
        if stdin is not None:
            actions.insert(0, (os.POSIX_SPAWN_DUP2, stdin, 0))
        return os.posix_spawn(argv[0], argv, os.environ, file_actions=actions)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    except (ProcessLookupError, ChildProcessError):
        pass
