"""The right to be the worker of one name at one broker: a lock on this machine, and a check for beats elsewhere."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from times_doctor_tasks.config.settings import shown_url
from times_doctor_tasks.contract.clock import monotonic_s
from times_doctor_tasks.contract.errors import InfrastructureError
from times_doctor_tasks.contract.hosts import HostCard
from times_doctor_worker.process.file_locks import try_hold
from times_doctor_worker.process.solver_process import end_leftovers

#: Seconds to watch the card of another worker for a beat: a little more than two beats.
WATCH_S = 12.0
#: Seconds between two looks.
LOOK_S = 0.2
#: Seconds after which an unused folder of another broker without results is removed.
KEEP_OTHERS_S = 86_400.0


class NameTaken(InfrastructureError):
    """Another worker of this name is alive."""

    words = (
        "A worker called {0!r} is already live at this broker (pid {1}, started {2}). Two workers with "
        "one name would treat each other's runs as their own. Stop that one, or start this one with --name NAME."
    )


class Tenure:
    """One process's hold on a name. The kernel releases it when the process ends.

    <cache>/workers/<name>/<broker>/    lock, markers/ and spool/: of one worker at a time
    """

    def __init__(self, cache: Path, name: str, *, broker_url: str, key_prefix: str) -> None:
        self.name = name
        self.instance = secrets.token_hex(8)
        broker = hashlib.sha256(f"{shown_url(broker_url)} {key_prefix}".encode()).hexdigest()[:12]
        self.folder = cache / "workers" / name / broker
        self._lock = -1
        self.predecessor = ""
        """Instance of the worker that held the lock before us: it is gone for sure."""

    @property
    def markers(self) -> Path:
        """Markers of the running engines, for a successor."""
        return self.folder / "markers"

    @property
    def spool(self) -> Path:
        """The spool: results that may have to be offered again."""
        return self.folder / "spool"

    def take(self, read_card: Callable[[], HostCard | None], wait: Callable[[float], object] = time.sleep) -> None:
        """Waits until no other worker of this name can be alive; returns at once if it is certain.

        Raises:
            NameTaken: another one is alive.
            OSError: the cache folder cannot be written.
        """
        deadline_s = monotonic_s() + WATCH_S
        seen: HostCard | None = None
        while True:
            is_held = self._hold()
            card = read_card()
            if is_held and (card is None or card.instance == self.predecessor):
                return
            if card and seen and card.instance == seen.instance and card.beat != seen.beat:
                raise _taken(card)
            seen = card
            if monotonic_s() > deadline_s:
                if is_held:
                    return  # its card has not expired yet, but it is silent
                raise _taken(card) if card else NameTaken(self.name, 0, "unknown")
            wait(LOOK_S)

    def end_leftovers(self) -> list[int]:
        """Ends engines that earlier workers left running, at any broker; returns their pids."""
        ended = end_leftovers(self.markers)
        for other in self.folder.parent.iterdir():
            if other != self.folder and (lock := _lock(other / "lock")) >= 0:
                try:
                    ended += end_leftovers(other / "markers")
                    is_old = time.time() - (other / "lock").stat().st_mtime > KEEP_OTHERS_S
                    if is_old and not any((other / "spool").glob("*.json")):
                        shutil.rmtree(other, ignore_errors=True)
                finally:
                    os.close(lock)
        return ended

    def close(self, *, forget: bool) -> None:
        """Releases the lock. `forget`: keep nothing, as there is no next worker (the broker was private)."""
        if forget:
            shutil.rmtree(self.folder, ignore_errors=True)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _hold(self) -> bool:
        if self._lock >= 0:
            return True
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = _lock(self.folder / "lock")
        if self._lock < 0:
            return False
        self.predecessor = os.read(self._lock, 64).decode("ascii", "replace")
        os.ftruncate(self._lock, 0)
        os.lseek(self._lock, 0, os.SEEK_SET)
        os.write(self._lock, self.instance.encode())
        return True


def _taken(card: HostCard) -> NameTaken:
    started = time.strftime("%Y-%m-%d %H:%M", time.localtime(card.started_ms / 1000)) if card.started_ms else "unknown"
    return NameTaken(card.host, card.pid, started)


def _lock(path: Path) -> int:
    """The number of the locked file, or -1 if another process holds the lock."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except FileNotFoundError:
        return -1  # removed by another process meanwhile
    if try_hold(fd):
        return fd
    os.close(fd)
    return -1
