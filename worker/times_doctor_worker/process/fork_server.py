"""The warden: a small process, forked before any heavy import, that forks one supervisor per solve.

Forking from it costs a millisecond or two; starting a fresh Python instead costs twenty, and forking from the worker
itself would copy a process with threads. It keeps no state: for each order it forks a supervisor, which then talks to
the worker directly. So if the warden dies, running solves go on (each has its own channel to the worker), and the next
`spawn` starts another warden.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import struct
import sys
import threading

from times_doctor_worker.process import supervisor

TYPE_CHECKING = False  # importing `typing` would delay the fork; type checkers know this name
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from times_doctor_worker.process.solver_process import SolverProcess

_LENGTH = struct.Struct("!I")
#: A warden started later (the first one died) is a fresh interpreter: the worker has threads by then, so forking is not
#: safe. It finds its control socket as file 0, and our package by its folder.
_PROGRAM = (
    "import sys; sys.path.append(sys.argv[1]); from times_doctor_worker.process.fork_server import serve; serve(0)"
)


def start_warden() -> Warden:
    """Forks the warden. Call it first in the process, before threads and heavy imports."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        try:
            serve(theirs.fileno())
        finally:
            os._exit(1)
    theirs.close()
    return Warden(ours, pid)


class Warden:
    """The worker's end of the warden. Several threads may spawn at once."""

    def __init__(self, control: socket.socket, pid: int) -> None:
        self._control = control
        self.pid = pid
        self._lock = threading.Lock()

    def spawn(
        self,
        argv: Sequence[str | os.PathLike[str]],
        *,
        cwd: str | os.PathLike[str],
        env: Mapping[str, str],
        marker: str | os.PathLike[str],
        stdout_path: str | os.PathLike[str] | None = None,
        stderr_path: str | os.PathLike[str] | None = None,
        reads: Sequence[str | os.PathLike[str]] | None = None,
    ) -> SolverProcess:
        """Starts an engine under a new supervisor and returns once its program runs.

        Args:
            argv: The first is the path of the program: no search, no shell.
            env: Its environment; the variable that names its marker is added.
            marker: The file for its pid and start time while it runs; one per run, in a folder with only markers
                (`end_leftovers`).
            stdout_path: Emptied first; None is the null device. `stderr_path` may be the same file.
            reads: Paths to read and run besides `cwd`, the only one to write, without network; None: no sandbox.

        Raises:
            OSError: The program, its folder or one of its files is missing or not allowed, as from `subprocess`.
            TimeoutError: The host did not manage to start it in `solver_process.START_TIMEOUT_S`.
        """
        # Imported here: a worker forks the warden before any heavy import.
        from times_doctor_worker.process.solver_process import SolverProcess

        order = _order(argv, cwd, env, marker, stdout_path, stderr_path, reads)
        for is_last_try in (False, True):
            ours, theirs = socket.socketpair()
            with theirs:
                self._send(order, theirs)
            try:
                return SolverProcess.begin(ours, os.path.abspath(marker))  # noqa: PTH100
            except ConnectionError:
                # The warden, or the supervisor it forked, was killed before an engine ran.
                if is_last_try:
                    raise
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Ends the warden. Running solves go on until their own channels are closed."""
        with self._lock:
            self._control.close()
            self._reap()

    def _send(self, order: bytes, channel: socket.socket) -> None:
        with self._lock:
            try:
                self._send_now(order, channel)
            except (BrokenPipeError, ConnectionResetError):
                self._replace()
                self._send_now(order, channel)

    def _send_now(self, order: bytes, channel: socket.socket) -> None:
        socket.send_fds(self._control, [_LENGTH.pack(len(order))], [channel.fileno()])
        self._control.sendall(order)

    def _replace(self) -> None:
        self._control.close()
        self._reap()
        self._control, theirs = socket.socketpair()
        package_root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120
        with theirs:
            self.pid = os.posix_spawn(
                sys.executable,
                [sys.executable, "-I", "-S", "-c", _PROGRAM, package_root],
                {name: value for name, value in os.environ.items() if not name.startswith("TIMES_DOCTOR_")},
                file_actions=[(os.POSIX_SPAWN_DUP2, theirs.fileno(), 0)],
            )

    def _reap(self) -> None:
        try:
            os.waitpid(self.pid, 0)
        except ChildProcessError:
            # Another wait reaped it: it has ended.
            return


def serve(control_fd: int) -> None:
    """The warden's main loop: ends when the worker does."""
    os.setsid()
    supervisor.keep_secrets()
    # We were forked from a process with open files: its file objects, when collected, would close our files.
    gc.disable()
    control = socket.socket(fileno=os.dup(control_fd))
    _let_go_of_everything_but(control.fileno())
    supervisor.ignore_polite_signals()
    # The kernel reaps ended supervisors, and their children if they are killed (in a container, process 1 often does
    # not); they report to the worker and not to us.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    supervisor.name_process("td-warden", adopt_orphans=True)
    supervisor.boot_id()  # cached for all supervisors
    while (received := _receive(control)) is not None:
        order, channel = received
        try:
            pid = os.fork()
        except OSError as error:
            channel.sendall(b"failed %d fork\n" % (error.errno or 0))
            channel.close()
            continue
        if pid == 0:
            try:
                control.close()
                supervisor.Supervisor(order, channel).run()
            finally:
                os._exit(0)
        channel.close()
    os._exit(0)


def _let_go_of_everything_but(kept: int) -> None:
    """Lets go of the parent's files, folder, terminal and pipes: a reader of a pipe would wait for us."""
    os.chdir("/")
    os.closerange(3, kept)
    os.closerange(kept + 1, min(os.sysconf("SC_OPEN_MAX"), 1 << 20))
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    if null > 2:
        os.close(null)


def _receive(control: socket.socket) -> tuple[supervisor.Order, socket.socket] | None:
    head, files, _, _ = socket.recv_fds(control, _LENGTH.size, 1)
    if not head:
        return None
    head += _receive_exactly(control, _LENGTH.size - len(head))
    channel = socket.socket(fileno=files[0])
    channel.set_inheritable(False)  # a file received over a socket is inheritable: the engine would get it
    return supervisor.Order.decode(_receive_exactly(control, _LENGTH.unpack(head)[0])), channel


def _receive_exactly(control: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        more = control.recv(length - len(data))
        if not more:
            raise EOFError("the worker went away in the middle of an order")
        data += more
    return data


def _order(
    argv: Sequence[str | os.PathLike[str]],
    cwd: str | os.PathLike[str],
    env: Mapping[str, str],
    marker: str | os.PathLike[str],
    stdout_path: str | os.PathLike[str] | None,
    stderr_path: str | os.PathLike[str] | None,
    reads: Sequence[str | os.PathLike[str]] | None,
) -> bytes:
    environment = {**env, supervisor.MARKER_VARIABLE: os.path.abspath(marker)}  # noqa: PTH100
    return supervisor.Order(
        [os.fsencode(word) for word in argv],
        [os.fsencode(f"{name}={value}") for name, value in environment.items()],
        cwd=_absolute(cwd),
        stdout_path=_absolute(stdout_path) if stdout_path else b"",
        stderr_path=_absolute(stderr_path) if stderr_path else b"",
        marker_path=_absolute(marker),
        reads=None if reads is None else [_absolute(path) for path in reads],
    ).encode()


def _absolute(path: str | os.PathLike[str]) -> bytes:
    """Relative to the worker's working directory: the warden's is /."""
    return os.fsencode(os.path.abspath(path))  # noqa: PTH100  pathlib is an import too heavy for here
