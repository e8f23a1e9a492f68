"""Finds what to notify people of, by polling. It delays neither recovery nor reports."""

from __future__ import annotations

from times_doctor_tasks.contract.clock import now_ms
from times_doctor_tasks.contract.messages import ScanSpec
from times_doctor_tasks.state_store.run_store import RunStore
from times_doctor_tasks.state_store.told import mark_told
from times_doctor_worker.notification.outbox import Outbox
from times_doctor_worker.notification.targets import Targets
from times_doctor_worker.notification.wording import ended, lost, waits
from times_doctor_worker.recovery.rules import Action
from times_doctor_worker.recovery.sweeper import NEWEST, Sweeper, alone

#: Seconds between two looks.
LOOK_S = 5.0
#: Seconds for which a report is news: after a crash another control worker sends it; old reports are never sent.
LATE_MS = 600_000


class Notifier:
    """Reads what the sweeper has read, and the done marks of scans."""

    def __init__(self, store: RunStore, targets: Targets, sweeper: Sweeper, outbox: Outbox | None = None) -> None:
        self._store = store
        self._targets = targets
        self._sweeper = sweeper
        self._outbox = outbox or Outbox(targets)
        self._open: set[str] = set()
        self._settled: set[str] = set()
        """Scans with a report that need no more messages."""
        self._waits_told: set[str] = set()
        self._lost: dict[str, tuple[ScanSpec, dict[str, Action]]] = {}

    def look(self) -> None:
        """Sends what is new.

        Raises:
            redis.RedisError: to be called again.
        """
        waiting = self._sweeper.waiting()
        self._tell_losses()
        self._tell_waits(waiting)
        self._tell_ended()
        self._open = {spec.scan for spec, _ in waiting}

    def _tell_losses(self) -> None:
        """A scan's lost hosts are sent in one message, at the first look without new ones."""
        fresh = set()
        while self._sweeper.losses:
            spec, action = self._sweeper.losses.popleft()
            events = self._lost.setdefault(spec.scan, (spec, {}))[1]
            events[f"lost {action.run} {action.seen.attempt}"] = action
            fresh.add(spec.scan)
        for scan in self._lost.keys() - fresh:
            spec, events = self._lost[scan]
            name = self._targets.name_for(spec)
            if name and (told := mark_told(self._store, scan, list(events))):
                self._outbox.put(name, lost(spec, [events[event] for event in told]))
            del self._lost[scan]

    def _tell_waits(self, waiting: list[tuple[ScanSpec, list[int]]]) -> None:
        self._waits_told &= {spec.scan for spec, _ in waiting}
        if self._targets.waits_s is None or not waiting:
            return
        server_ms = self._store.server_ms()
        for spec, since_ms in waiting:
            longest_s = (server_ms - min(since_ms, default=server_ms)) / 1000
            if longest_s <= self._targets.waits_s or spec.scan in self._waits_told:
                continue
            name = self._targets.name_for(spec)
            if name and mark_told(self._store, spec.scan, ["waits"]):
                self._outbox.put(name, waits(spec, len(since_ms), longest_s))
            self._waits_told.add(spec.scan)

    def _tell_ended(self) -> None:
        newest = set(self._store.scans(newest=NEWEST))
        marks = self._store.reported(list((newest | self._open) - self._settled))
        fresh = [scan for scan, mark in marks.items() if now_ms() - mark.at_ms < LATE_MS]
        for spec in self._store.specs(fresh):
            with alone(spec.scan):
                name = self._targets.name_for(spec)
                report = self._store.report(spec.scan) if name else None
                if report is not None and mark_told(self._store, spec.scan, ["ended"]):
                    self._outbox.put(name, ended(report))
        self._settled = (self._settled & newest) | marks.keys()
