"""Admission: the threads and the memory of what runs on this host never exceed the host.

Kept in this process and not in Redis: it dies with the process, so no dead host's figures have to be cleared.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from times_doctor_tasks.contract.messages import RunSpec
from times_doctor_tasks.state_store.run_store import Owned, Room

_T = TypeVar("_T")


class Admission:
    """What this host has, and who uses how much of it."""

    def __init__(self, *, cores: int, memory_mb: int) -> None:
        self.total = Room(cores, memory_mb)
        self._used: dict[str, Room] = {}
        self._lock = threading.Lock()

    def need(self, run: RunSpec) -> Room:
        """What a run needs here: what it asks for, but never more than the whole host."""
        return Room(min(run.threads, self.total.threads), min(run.mem_mb or 0, self.total.mem_mb))

    def free(self) -> Room:
        """What nobody uses."""
        used = list(self._used.values())
        return Room(
            self.total.threads - sum(room.threads for room in used),
            self.total.mem_mb - sum(room.mem_mb for room in used),
        )

    def claim(self, member: str, need: Room, ask: Callable[[Room], _T]) -> _T:
        """Asks CLAIM with what is free, and books `need` if the answer is `Owned`: one claim at a time."""
        with self._lock:
            answer = ask(self.free())
            if isinstance(answer, Owned):
                self._used[member] = need
            return answer

    @contextmanager
    def released_after(self, member: str) -> Iterator[None]:
        """Gives the booking of `member` back at the end."""
        try:
            yield
        finally:
            with self._lock:
                self._used.pop(member, None)
