"""Admission: the threads and the memory of what runs on this host never exceed the host.

Kept in this process and not in Redis: it dies with the process, so no dead host's figures have to be cleared.
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
    """What this host has, and who uses how much of it."""

    def __init__(self, *, cores: int, memory_mb: int, slots: int, is_alone: bool = False) -> None:
        """`is_alone`: no other host could take what is larger than this one: it is taken all the same."""
        self.total = Room(cores, memory_mb)
        self._slots = slots
        self._is_alone = is_alone
        self._used: dict[str, Room] = {}
        self._kept: dict[str, tuple[Room, float]] = {}
        """What was taken from the line and is not claimed yet, and until when it may be."""
        self._lock = threading.Lock()

    def need(self, run: RunSpec) -> Room:
        """What a run needs here: what it asks for, else what it took before."""
        need = Room(run.threads, run.mem_mb or run.expected_mb or 0)
        if self._is_alone:
            return Room(min(need.threads, self.total.threads), min(need.mem_mb, self.total.mem_mb))
        return need

    def claim(self, member: str, need: Room, ask: Callable[[Room], _T]) -> _T:
        """Asks CLAIM with what is free, and books `need` if the answer is `Owned`: one claim at a time."""
        with self._lock:
            if (kept := self._kept.pop(member, None)) is not None:  # in line it may need more: it lacked memory before
                need = Room(need.threads, max(need.mem_mb, kept[0].mem_mb))
            answer = ask(self._free())
            if isinstance(answer, Owned):
                self._used[member] = need
            return answer

    def take(self, ask: Callable[[Room], tuple[str, str, Room] | None]) -> tuple[str, str] | None:
        """Asks TAKE with what is free, where a slot is; keeps room for the answer until its message is here."""
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
        """Gives the booking of `member` back at the end."""
        try:
            yield
        finally:
            with self._lock:
                self._used.pop(member, None)
