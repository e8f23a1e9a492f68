"""Admission: the threads and the memory of what runs on this host never exceed the host.

The figures live in this process and not in Redis, so that nobody has to clear those of a dead host.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from times_doctor_tasks.contract.clock import monotonic_s
from times_doctor_tasks.contract.messages import RunSpec
from times_doctor_tasks.state_store.run_store import KEPT_S, Owned, Room

_T = TypeVar("_T")


class Admission:
    """What this host has, and how much of it each run uses."""

    def __init__(self, *, cores: int, memory_mb: int, slots: int, is_alone: bool = False) -> None:
        """`is_alone`: there is no other host, so it also takes runs that are larger than this one."""
        self.total = Room(cores, memory_mb)
        self._slots = slots
        self._is_alone = is_alone
        self._used: dict[str, Room] = {}
        self._kept: dict[str, tuple[Room, float]] = {}
        """Runs that were taken from the line but not claimed yet, and until when they are kept."""
        self._lock = threading.Lock()

    def need(self, run: RunSpec) -> Room:
        """The memory and threads of a run: as requested, else as it took before."""
        need = Room(run.threads, run.needed_mb)
        if self._is_alone:
            return Room(min(need.threads, self.total.threads), min(need.mem_mb, self.total.mem_mb))
        return need

    def claim(self, member: str, need: Room, ask: Callable[[Room], _T]) -> _T:
        """Asks CLAIM with what is free, and books `need` if the answer is `Owned`: one claim at a time."""
        with self._lock:
            if (kept := self._kept.pop(member, None)) is not None:  # it lacked memory before
                need = Room(need.threads, max(need.mem_mb, kept[0].mem_mb))
            answer = ask(self._free())
            if isinstance(answer, Owned):
                self._used[member] = need
            return answer

    def take(self, ask: Callable[[Room], tuple[str, str, Room] | None]) -> tuple[str, str] | None:
        """Asks TAKE with what is free, if a slot is; keeps room for the answer until its message arrives."""
        with self._lock:
            free = self._free()
            has_slot = len(self._used) + len(self._kept) < self._slots
            taken = ask(free if has_slot else Room(0, 0))
            if taken is None:
                return None
            scan, run, need = taken
            self._kept[f"{scan} {run}"] = need, monotonic_s() + KEPT_S
            return scan, run

    def _free(self) -> Room:
        """What is free."""
        self._kept = {member: kept for member, kept in self._kept.items() if kept[1] > monotonic_s()}
        booked = [*self._used.values(), *(need for need, _ in self._kept.values())]
        return Room(
            self.total.threads - sum(room.threads for room in booked),
            self.total.mem_mb - sum(room.mem_mb for room in booked),
        )

    @contextmanager
    def released_after(self, member: str) -> Iterator[None]:
        """Returns the booking of `member` at the end."""
        try:
            yield
        finally:
            with self._lock:
                self._used.pop(member, None)
