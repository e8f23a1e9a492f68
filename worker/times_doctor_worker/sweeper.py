"""The sweeper of a control worker: sees to it that every open scan goes on and ends in a report.

It ends waiting runs that were cancelled, publishes the callback of a scan whose runs have all ended, and publishes
runs again whose message must be lost. It trusts no clock but its own monotonic one.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from typing import Protocol

import redis

from times_doctor_tasks.clock import monotonic_s, now_ms
from times_doctor_tasks.messages import AggregateTask, RunResult, ScanSpec
from times_doctor_tasks.ports import AggregatePort
from times_doctor_tasks.states import TERMINAL, WAITING, RunState, StopReason
from times_doctor_tasks.store import RunStatus, RunStore
from times_doctor_worker.recovery import Action, Remedy, ScanWatch
from times_doctor_worker.uplink import parse_cancel

logger = logging.getLogger(__name__)

#: Seconds between two looks at the open scans.
SWEEP_S = 0.5
#: Seconds after the last run's end before the report is made without Celery's callback.
CALLBACK_GRACE_S = 2.0
#: Newest scans that are looked at; older open ones have had their time.
NEWEST = 200


@dataclass
class _Watched:
    """What the sweeper remembers of an open scan."""

    spec: ScanSpec
    watch: ScanWatch
    all_ended_s: float | None = None


class Publisher(Protocol):
    """Publishes messages of runs."""

    def again(self, scan: str, run: str) -> bool:
        """The kept message of a run; False when none was ever published."""

    def fresh(self, spec: ScanSpec, run: str) -> None:
        """A new message for a run that never had one."""


@dataclass
class Sweeper:
    """One look after the other, in a thread of its own."""

    store: RunStore
    reporter: AggregatePort
    publisher: Publisher
    _open: dict[str, _Watched] = field(default_factory=dict)
    _closed: set[str] = field(default_factory=set)
    _ending: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Starts the thread."""
        self._thread = threading.Thread(target=self._loop, name="sweeper", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def sweep(self, now_s: float) -> None:
        """One look at every open scan."""
        self._find_scans()
        for scan, watched in list(self._open.items()):
            if self.store.is_reported(scan):
                self._close(scan)
                continue
            statuses = self.store.statuses(watched.spec)
            self._end_cancelled(watched.spec, statuses)
            self._recover(watched, statuses, now_s)
            self._see_to_report(watched, statuses, now_s)

    def forget(self) -> None:
        """Redis was away: every watch begins anew."""
        for watched in self._open.values():
            watched.watch.forget()
            watched.all_ended_s = None

    def _find_scans(self) -> None:
        for scan in self.store.scans(newest=NEWEST):
            if scan in self._open or scan in self._closed:
                continue
            spec = self.store.scan(scan)
            if spec is None or self.store.is_reported(scan):
                self._closed.add(scan)
            else:
                self._open[scan] = _Watched(spec, ScanWatch(spec))

    def _close(self, scan: str) -> None:
        self._open.pop(scan, None)
        self._closed.add(scan)

    def _recover(self, watched: _Watched, statuses: dict[str, RunStatus], now_s: float) -> None:
        spec = watched.spec
        published = self.store.published(spec)
        for action in watched.watch.look(statuses, published, now_s):
            logger.warning(
                "run %s of %s: %s (attempt %d on %s)",
                action.run,
                spec.scan,
                action.remedy,
                action.seen.attempt,
                action.seen.host,
                extra={"action": f"recovery_{action.remedy}"},
            )
            self._apply(spec, action)

    def _apply(self, spec: ScanSpec, action: Action) -> None:
        if action.remedy is Remedy.LOSE:
            self._conclude(spec, action.run, RunState.LOST, StopReason.HOST_LOST, seen=action.seen)
            return
        asked = action.predecessor or action.run
        if not self.publisher.again(spec.scan, asked):
            self.publisher.fresh(spec, asked)
        if action.remedy is Remedy.REQUEUE:
            # Marked after the publication: a death in between leaves a silent run, which the next look finds.
            self.store.requeued(spec, action.run, seen=action.seen, reason=f"{action.seen.host} went silent")

    def _end_cancelled(self, spec: ScanSpec, statuses: dict[str, RunStatus]) -> None:
        if not any(status.state in WAITING for status in statuses.values()):
            return
        flags = self.store.cancel_flags(spec.scan)
        for run, status in statuses.items():
            request = parse_cancel(flags.get(run, "") or flags.get("*", ""))
            if request is not None and status.state in WAITING:
                self._conclude(spec, run, RunState.CANCELLED, request.reason)

    def _conclude(
        self, spec: ScanSpec, run: str, state: RunState, reason: StopReason, *, seen: RunStatus | None = None
    ) -> None:
        document = self.store.run(spec.scan, run)
        if document is None:
            return
        lost = state is RunState.LOST
        tries = seen.attempt - seen.handbacks if seen else 0
        result = RunResult(
            scan=spec.scan,
            run=run,
            engine=document.engine,
            solver=document.solver,
            profile=document.profile,
            state=state,
            attempt=seen.attempt if seen else 0,
            host=seen.host if seen else None,
            stop_reason=reason,
            sentence=f"Lost: {tries} attempts ended with their host gone." if lost else "Cancelled before it started.",
            next_step="See the worker's log on the hosts of its attempts." if lost else "",
            threads=document.threads,
            finished_ms=now_ms(),
        )
        self.store.conclude(spec, result, seen=seen)

    def _see_to_report(self, watched: _Watched, statuses: dict[str, RunStatus], now_s: float) -> None:
        if any(status.state not in TERMINAL for status in statuses.values()):
            watched.all_ended_s = None
            return
        if watched.all_ended_s is None:
            watched.all_ended_s = now_s
        elif now_s - watched.all_ended_s >= CALLBACK_GRACE_S:
            logger.warning("no callback for scan %s, reporting", watched.spec.scan, extra={"action": "report_overdue"})
            self.reporter.aggregate(AggregateTask(scan=watched.spec.scan))

    def _loop(self) -> None:
        while not self._ending.wait(SWEEP_S):
            try:
                self.sweep(monotonic_s())
            except redis.RedisError as error:
                logger.warning("sweep: redis does not answer: %s", error, extra={"action": "sweep_waits"})
                self.forget()
