"""The supervisor: a small process that starts one engine and stays until everything that the engine started has ended.

    worker ---channel (a socket pair)--- supervisor --> engine (GAMS) --> gamscmex --> solver     own process group
                                              \\--pipe-- sentinel (a shell, in its own session)

Two pipes ensure that no solver outlives its worker. Nothing is written to them: the kernel closes the pipes of a
process when it dies, in whatever way:

- the worker dies: the channel ends, the supervisor kills the engine's group;
- the supervisor dies: the sentinel's pipe ends, the sentinel kills the engine's group, and so does the worker;
- both at once: the sentinel acts alone. It is a shell and not Python, so that it takes 1 MB and survives a kill of
  all Python processes.

A *stopped* worker (SIGSTOP, a suspended laptop, a host that hangs) ends nothing: the pipes stay open. A heartbeat would
notice it, and would throw away hours of a healthy solve because a lid was closed. The lease in Redis decides whether
another host may take the run; BEAT tells the worker when it wakes up.

It imports little, and only from the standard library: this module is loaded before the worker's heavy imports, so that
a fork takes a millisecond.
"""

from __future__ import annotations

import contextlib
import functools
import os
import select
import signal
import socket
import sys
import time

from times_doctor_worker.process import landlock

#: Worker to supervisor, one byte each.
INTERRUPT, TERMINATE, KILL = b"I", b"T", b"K"
#: The engine's environment names the marker file, so that a later worker recognises it.
MARKER_VARIABLE = "TD_SOLVE_MARKER"
#: Seconds for which the supervisor tries to end what an engine left behind, before it reports anyway.
END_GROUP_S = 5.0

_PR_SET_DUMPABLE = 4
_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36
#: Ignored by warden, supervisor and sentinel: they end when their pipe ends, and not before. Otherwise the SIGTERM that
#: an init system sends to every process of a unit would prevent the worker's graceful stop.
_IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: Reset for the engine: an ignored signal stays ignored after exec, and Python ignores the last two.
_DEFAULTED = (*_IGNORED, signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ)
#: Waits for the group's number, then for the end of the pipe, then ends the group.
_SENTINEL = 'read -r group || exit 0; read -r nothing; kill -KILL "-$group"'


class Order:
    """One engine to start. Everything is bytes, as the kernel takes it."""

    __slots__ = ("argv", "cwd", "env", "marker_path", "reads", "stderr_path", "stdout_path")

    def __init__(
        self,
        argv: list[bytes],
        env: list[bytes],
        *,
        cwd: bytes,
        stdout_path: bytes,
        stderr_path: bytes,
        marker_path: bytes,
        reads: list[bytes] | None = None,
    ) -> None:
        """`reads`: the paths that it may read besides its folder, the only one it may write; None: no sandbox."""
        self.argv = argv
        self.env = env
        self.cwd = cwd
        self.stdout_path = stdout_path
        self.stderr_path = stderr_path
        self.marker_path = marker_path
        self.reads = reads

    def encode(self) -> bytes:
        """Fields joined by NUL, which the kernel allows in none; numbers of items (-1: no list) split the lists.

        Raises:
            ValueError: A field holds a NUL byte.
        """
        reads = [] if self.reads is None else self.reads
        fields = [self.cwd, self.stdout_path, self.stderr_path, self.marker_path, *self.argv, *reads, *self.env]
        if any(b"\0" in field for field in fields):
            raise ValueError("a command, path or environment variable of the engine holds a NUL byte")
        counts = b"%d %d" % (len(self.argv), -1 if self.reads is None else len(reads))
        return b"\0".join([counts, *fields])

    @classmethod
    def decode(cls, data: bytes) -> Order:
        """The order that `encode` wrote."""
        counts, cwd, stdout_path, stderr_path, marker_path, *rest = data.split(b"\0")
        words, seen = map(int, counts.split())
        argv, reads, env = rest[:words], rest[words : words + max(seen, 0)], rest[words + max(seen, 0) :]
        return cls(
            argv,
            env,
            cwd=cwd,
            stdout_path=stdout_path,
            stderr_path=stderr_path,
            marker_path=marker_path,
            reads=None if seen < 0 else reads,
        )


def start_ticks(pid: int | str) -> int:
    """When a process started, in clock ticks since boot (`/proc/<pid>/stat` field 22); 0 if unknown.

    With the pid it identifies a process until the next boot: pids are reused, this pair is not.
    """
    try:
        # The name in field 2 may hold spaces and brackets: count from its last bracket.
        return int(_read(f"/proc/{pid}/stat").rpartition(b")")[2].split()[19])
    except (OSError, IndexError):
        return 0


@functools.cache
def boot_id() -> str:
    """The id of this boot, or empty if the kernel gives none."""
    try:
        return _read("/proc/sys/kernel/random/boot_id").decode().strip()
    except OSError:
        return ""


def _read(path: str) -> bytes:
    # Not open(): a newly forked process pays a page fault for everything that it touches.
    file = os.open(path, os.O_RDONLY)
    try:
        return os.read(file, 4096)
    finally:
        os.close(file)


def ignore_polite_signals() -> None:
    """Makes this process ignore signals: it ends only when its pipe ends (or by SIGKILL)."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)


def name_process(name: str, *, adopt_orphans: bool = False) -> None:
    """Shows a name in `ps` and `top`; on Linux also makes this process the parent of its orphaned descendants.

    On macOS orphans go to init: they are still ended with the group, but their CPU time is not counted.
    """
    _control(_PR_SET_NAME, name.encode())
    if adopt_orphans:
        _control(_PR_SET_CHILD_SUBREAPER, 1)


def keep_secrets() -> None:
    """Closes this process's memory, environment and open files to other processes of its user (Linux): a solver must
    not read the broker's password there. Forked children inherit it; exec resets it.
    """
    _control(_PR_SET_DUMPABLE, 0)


def _control(option: int, value: int | bytes) -> None:
    if sys.platform == "linux":
        with contextlib.suppress(ImportError, OSError, AttributeError):  # a Python without ctypes
            landlock.libc().prctl(option, value, 0, 0, 0)


class _Sentinel:
    """A shell in a separate session that ends the engine's group when this process dies."""

    def __init__(self, group: int | None = None) -> None:
        readable, self.pipe = os.pipe()
        if group is not None:
            self.watch(group)
        # Its name must not contain times-doctor: `pkill -9 -f times-doctor` must not find it.
        command = ["sh", "-c", _SENTINEL, "solve-sentinel"]
        actions = [(os.POSIX_SPAWN_DUP2, readable, 0)]
        self.pid = os.posix_spawn("/bin/sh", command, {}, file_actions=actions, setsid=True)
        os.close(readable)

    def watch(self, group: int) -> None:
        os.write(self.pipe, b"%d\n" % group)

    def end(self) -> None:
        """Dismisses the sentinel before the pipe ends: another process may have the group's number by then."""
        os.kill(self.pid, signal.SIGKILL)
        os.close(self.pipe)
        os.waitpid(self.pid, 0)


class Supervisor:
    """Starts the engine of one order and reports on its channel: `started`, then `ended`; or `failed`."""

    def __init__(self, order: Order, channel: socket.socket) -> None:
        self._order = order
        self._channel = channel
        self._engine_pid = 0
        self._status: int | None = None
        self._max_rss_bytes = 0
        self._cpu_s = 0.0
        self._abandoned = False

    def run(self) -> None:
        """Returns when the engine and everything that it started have ended."""
        os.setsid()
        name_process("td-supervisor", adopt_orphans=True)
        self._wake = self._wake_on_child()
        try:
            self._start()
        except OSError as error:
            self._say(f"failed {error.errno} {error.filename or ''}")
            return
        started_s = time.monotonic()
        self._say(f"started {self._engine_pid} {os.getpid()} {start_ticks(self._engine_pid)}")
        while self._status is None:
            self._step()
        wall_s = time.monotonic() - started_s
        self._end_group()
        self._sentinel.end()
        _remove(self._order.marker_path)
        code = os.waitstatus_to_exitcode(self._status)
        self._say(f"ended {code} {wall_s:.6f} {self._max_rss_bytes} {self._cpu_s:.6f}")

    def _start(self) -> None:
        self._sentinel = _Sentinel()
        try:
            self._engine_pid = _start_engine(self._order, self._sentinel)
        except OSError:
            self._sentinel.end()
            raise

    def _wake_on_child(self) -> int:
        readable, writable = os.pipe()
        os.set_blocking(readable, False)
        os.set_blocking(writable, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
        return readable

    def _step(self) -> None:
        watched: list[int | socket.socket] = [self._wake] if self._abandoned else [self._wake, self._channel]
        readable, _, _ = select.select(watched, [], [])
        if self._wake in readable:
            os.read(self._wake, 4096)
            self._reap()
        if self._channel in readable and self._status is None:
            self._obey()

    def _reap(self) -> None:
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self._sentinel.pid:
                self._replace_sentinel()
                continue
            if pid == self._engine_pid:
                self._status = status
            self._cpu_s += usage.ru_utime + usage.ru_stime
            rss_bytes = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
            self._max_rss_bytes = max(self._max_rss_bytes, rss_bytes)

    def _replace_sentinel(self) -> None:
        """The sentinel was killed, but the solve still runs: a new one must guard it."""
        os.close(self._sentinel.pipe)
        self._sentinel = _Sentinel(self._engine_pid)

    def _obey(self) -> None:
        try:
            commands = self._channel.recv(64)
        except ConnectionResetError:
            commands = b""
        if not commands:
            self._abandoned = True
            commands = KILL
        for command in (commands[i : i + 1] for i in range(len(commands))):
            # The engine is our child and not yet reaped: no other process can have its number.
            if command == INTERRUPT:
                os.kill(self._engine_pid, signal.SIGINT)
            elif command == TERMINATE:
                os.killpg(self._engine_pid, signal.SIGTERM)
            elif command == KILL:
                os.killpg(self._engine_pid, signal.SIGKILL)

    def _end_group(self) -> None:
        """Ends the processes that an engine left behind, daemons too, and waits until they have ended."""
        deadline_s = time.monotonic() + END_GROUP_S
        while time.monotonic() < deadline_s:
            self._reap()
            adopted = self._adopted()
            for pid in adopted:  # our children, and not yet reaped: no other process can have their numbers
                os.kill(pid, signal.SIGKILL)
            try:
                os.killpg(self._engine_pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):  # macOS says EPERM for a group of zombies
                if not adopted:
                    return
            if select.select([self._wake], [], [], 0.01)[0]:
                os.read(self._wake, 4096)

    def _adopted(self) -> list[int]:
        """Descendants of the engine that left its group and lost their parent; unknown where there is no /proc."""
        try:
            with open(f"/proc/self/task/{os.getpid()}/children", "rb") as children:  # noqa: PTH123
                return [int(pid) for pid in children.read().split() if int(pid) != self._sentinel.pid]
        except OSError:
            return []

    def _say(self, line: str) -> None:
        try:
            self._channel.sendall(line.encode("utf-8", "surrogateescape") + b"\n")
        except OSError:
            # The worker has died: nobody reads, and the next read of the channel shows it.
            return


def _start_engine(order: Order, sentinel: _Sentinel) -> int:
    """The engine's pid, once its program has replaced ours.

    Raises:
        OSError: Its folder, its output files or its program could not be opened; `filename` says which.
    """
    readable, writable = os.pipe()
    pid = os.fork()
    if pid == 0:
        _become_engine(order, sentinel, writable)
    os.close(writable)
    with open(readable, "rb") as pipe:  # noqa: PTH123
        problem = pipe.read()
    if problem:
        os.waitpid(pid, 0)
        number, _, name = problem.partition(b" ")
        raise OSError(int(number), os.strerror(int(number)), os.fsdecode(name))
    return pid


def _become_engine(order: Order, sentinel: _Sentinel, problems: int) -> None:
    try:
        # Group, sentinel and marker come first: from here on a successor can find us at any moment.
        os.setpgid(0, 0)
        sentinel.watch(os.getpid())
        _write_marker(order.marker_path)
        os.chdir(order.cwd)
        for path, number in ((order.stdout_path, 1), (order.stderr_path, 2)):
            if path:
                os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o666), number)
        signal.set_wakeup_fd(-1)
        for signal_number in _DEFAULTED:
            signal.signal(signal_number, signal.SIG_DFL)
        if order.reads is not None:
            landlock.confine(order.reads, [order.cwd, b"/dev/null"])
        environment = dict(item.split(b"=", 1) for item in order.env)
        os.execve(order.argv[0], order.argv, environment)  # noqa: S606  no shell is the point
    except OSError as error:
        name = os.fsencode(error.filename) if error.filename else b""
        os.write(problems, b"%d %s" % (error.errno or 0, name))
    finally:
        os._exit(127)


def _write_marker(path: bytes) -> None:
    text = f"{os.getpid()} {start_ticks('self')} {boot_id()}\n"
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.write(file, text.encode())
    os.close(file)


def _remove(path: bytes) -> None:
    try:
        os.unlink(path)  # noqa: PTH108
    except OSError:
        # Already removed, or its folder is: a marker without a live process means nothing.
        return
