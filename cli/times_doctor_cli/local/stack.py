"""The local stack as the command line sees it: start early, wait for it, take it down."""

from __future__ import annotations

import os
import sys

from times_doctor_cli.local import guard
from times_doctor_cli.local.server_binary import find_server

#: Longest path of a unix socket that every platform takes (macOS: 104 with its end).
MAX_SOCKET_PATH = 100


class LocalStack:
    """A private broker and worker, kept by a guard."""

    def __init__(self, folder: str, guard_pid: int, lifeline: int) -> None:
        self.folder = folder
        self.socket = f"{folder}/s"
        self._guard_pid = guard_pid
        self._lifeline = lifeline
        self.is_solving = False
        """Whether a scan was submitted whose end nobody has seen yet."""

    @property
    def broker_url(self) -> str:
        """The broker's URL."""
        return f"redis+socket://{self.socket}"

    def end(self) -> None:
        """Takes everything down and waits until it is gone: at once, unless the worker has solves to stop first."""
        if self._lifeline < 0:
            return
        if not self.is_solving:
            os.write(self._lifeline, guard.END_NOW)
        os.close(self._lifeline)
        self._lifeline = -1
        os.waitpid(self._guard_pid, 0)

    def worker_deaths(self) -> int:
        """How many private workers have died so far."""
        try:
            return os.stat(f"{self.folder}/{guard.DEATHS}").st_size  # noqa: PTH116
        except FileNotFoundError:
            return 0

    def tail_of_log(self, name: str, lines: int = 15) -> str:
        """The last lines of `worker.log` or `server.log`, for an error message."""
        try:
            with open(f"{self.folder}/{name}", encoding="utf-8", errors="replace") as log:  # noqa: PTH123
                return "".join(log.readlines()[-lines:]).rstrip()
        except FileNotFoundError:
            return ""


def start_stack() -> LocalStack | None:
    """Starts server and worker; None when this machine has no server program (said later, in words)."""
    server = find_server()
    if server is None or sys.platform == "win32":
        return None
    folder = _private_folder()
    words = f"--port 0 --unixsocketperm 700 --appendonly no --maxmemory-policy noeviction --dir {folder}".split()
    argv = [server, *words, "--unixsocket", f"{folder}/s", "--save", ""]
    pid, lifeline = guard.fork_guard(folder, argv, guard.worker_argv(folder))
    return LocalStack(folder, pid, lifeline)


def _private_folder() -> str:
    """A new folder that only this user can enter, with a path short enough for a socket in it."""
    for parent in (os.environ.get("XDG_RUNTIME_DIR"), os.environ.get("TMPDIR"), "/tmp"):  # noqa: S108  # 0700 below
        name = f"td-{os.urandom(5).hex()}"
        if parent and len(parent) + len(name) + 3 <= MAX_SOCKET_PATH and os.access(parent, os.W_OK):
            folder = f"{parent.rstrip('/')}/{name}"
            os.mkdir(folder, 0o700)  # noqa: PTH102
            return folder
    sys.exit("times-doctor: no folder to put a socket in: TMPDIR and /tmp are not writable.")
