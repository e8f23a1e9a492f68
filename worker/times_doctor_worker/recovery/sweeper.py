"""The sweeper of a control worker: sees to it that every open scan goes on and ends in a report.

It ends waiting runs that were cancelled, publishes the callback of a scan whose runs have all ended, and publishes
runs again whose message must be lost. It trusts no clock but its own monotonic one.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import redis
from kombu.exceptions import OperationalError

from times_doctor_tasks.celery_app.ports import AggregatePort
from times_doctor_tasks.contract.clock import monotonic_s
from times_doctor_tasks.contract.errors import TimesDoctorError
from times_doctor_tasks.contract.messages import AggregateTask, ScanSpec
from times_doctor_tasks.contract.states import TERMINAL, WAITING, RunState
from times_doctor_tasks.state_store.connection import is_wrong_type
from times_doctor_tasks.state_store.dead_letters import DeadLetters
from times_doctor_tasks.state_store.run_store import RunStatus, RunStore
from times_doctor_worker.execution.run_reporter import parse_cancel
from times_doctor_worker.recovery.actions import Remedies, open_scans
from times_doctor_worker.recovery.race import Referee
from times_doctor_worker.recovery.rules import Action, Remedy, ScanWatch

logger = logging.getLogger(__name__)

#: Seconds between two looks at the open scans.
SWEEP_S = 0.5
#: Seconds after the last run's end before the report is made without Celery's callback: so long, and so many round
#: trips of ours, because on a far line the callback is on its way for longer than that.
CALLBACK_GRACE_S = 2.0
CALLBACK_TRIPS = 20
#: Round trips that are remembered: the shortest of them says how far Redis is, whatever held up the others.
TRIPS_KEPT = 20
#: A pause between two looks after which what was seen before says nothing about silence.
GAP_S = 5.0
#: Newest scans that are looked at; older open ones have had their time.
NEWEST = 200


@contextmanager
def _alone(scan: str) -> Iterator[None]:
    """What is wrong with one scan must not end the look at the others; only an outage does that."""
    try:
        yield
    except (TimesDoctorError, redis.ResponseError, ValueError) as error:
        if isinstance(error, redis.ResponseError) and not is_wrong_type(error):
            raise
        # A document of another version, or a key of another type: what is here cannot see to it.
        logger.error("scan left alone: %s", error, extra={"action": "scan_unreadable", "scan": scan})


@dataclass
class _Watched:
    """What the sweeper remembers of an open scan."""

    spec: ScanSpec
    watch: ScanWatch
    referee: Referee
    all_ended_s: float | None = None
    queues: dict[str, str] = field(default_factory=dict)
    """Run to the queue of its message; read when it is first needed."""


@dataclass
class Sweeper:
    """One look after the other, in a thread of its own."""

    store: RunStore
    reporter: AggregatePort
    remedies: Remedies
    _open: dict[str, _Watched] = field(default_factory=dict)
    _server: str = ""
    _swept_s: float = 0.0
    _trips_s: deque[float] = field(default_factory=lambda: deque(maxlen=TRIPS_KEPT))
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
        self._mind_gaps(now_s)
        self._find_scans()
        self._end_refused()
        for watched in list(self._open.values()):
            with _alone(watched.spec.scan):
                self._see_to(watched, now_s)

    def _end_refused(self) -> None:
        """Ends runs whose message was put aside: published again it would be put aside again."""
        letters = DeadLetters(self.store.client, self.store.keys)
        for (scan, run), why in letters.runs().items():
            with _alone(scan):
                spec = self.store.scan(scan)
                if spec is not None:
                    self.remedies.refuse(spec, run, why)
                letters.settle(scan, run)

    def _see_to(self, watched: _Watched, now_s: float) -> None:
        statuses = self.store.statuses(watched.spec)
        stopped = watched.referee.look(self.store, statuses)
        for run, reason in stopped.items():
            logger.info(
                "stopping %s: %s", run, reason, extra={"action": "stopped", "scan": watched.spec.scan, "run": run}
            )
        self._end_cancelled(watched.spec, statuses)
        self._recover(watched, statuses, now_s)
        self._see_to_report(watched, statuses, now_s)

    def _mind_gaps(self, now_s: float) -> None:
        """Silence counts only while this process looked without a break, and at the same start of the server."""
        asked_s = monotonic_s()
        server = self.store.server_run()
        self._trips_s.append(monotonic_s() - asked_s)
        if server != self._server or now_s - self._swept_s > GAP_S:
            self.forget()
        self._server, self._swept_s = server, now_s

    def forget(self) -> None:
        """Redis was away: every watch begins anew."""
        for watched in self._open.values():
            watched.watch.forget()
            watched.all_ended_s = None

    def _find_scans(self) -> None:
        scans = open_scans(self.store, NEWEST)
        for scan in self._open.keys() - set(scans):
            del self._open[scan]
        for spec in self.store.specs([scan for scan in scans if scan not in self._open]):
            self._open[spec.scan] = _Watched(spec, ScanWatch(spec), Referee(spec))

    def _recover(self, watched: _Watched, statuses: dict[str, RunStatus], now_s: float) -> None:
        spec = watched.spec
        published = self.store.published(spec)
        for action in watched.watch.look(statuses, published, now_s, taken=self._taken(watched, statuses)):
            ids = {"scan": spec.scan, "run": action.run, "attempt": action.seen.attempt, "host": action.seen.host}
            logger.warning(
                "recovery: %s a run that is %s", action.remedy, action.seen.state,
                extra={"action": f"recovery_{action.remedy}", **ids},
            )  # fmt: skip
            self._apply(spec, action)

    def _taken(self, watched: _Watched, statuses: dict[str, RunStatus]) -> set[str]:
        """Runs that wait although their queue is empty: somebody has their message, or nobody."""
        waiting = [run for run, status in statuses.items() if status.state is RunState.QUEUED]
        if waiting and not watched.queues:
            watched.queues = {run.run: run.queue for run in self.store.runs(watched.spec)}
        queues = {watched.queues[run] for run in waiting if run in watched.queues}
        empty = {queue for queue in queues if not self.store.waiting([queue])}
        return {run for run in waiting if watched.queues.get(run) in empty}

    def _apply(self, spec: ScanSpec, action: Action) -> None:
        match action.remedy:
            case Remedy.LOSE:
                self.remedies.lose(spec, action.run, action.seen)
            case Remedy.REQUEUE:
                self.remedies.requeue(spec, action.run, action.seen, reason=f"{action.seen.host} went silent")
            case _:
                self.remedies.publish(spec, action.predecessor or action.run)

    def _end_cancelled(self, spec: ScanSpec, statuses: dict[str, RunStatus]) -> None:
        if not any(status.state in WAITING for status in statuses.values()):
            return
        flags = self.store.cancel_flags(spec.scan)
        for run, status in statuses.items():
            request = parse_cancel(flags.get(run, "") or flags.get("*", ""))
            if request is not None and status.state in WAITING:
                self.remedies.cancel(spec, run, request.reason)

    def _see_to_report(self, watched: _Watched, statuses: dict[str, RunStatus], now_s: float) -> None:
        if any(status.state not in TERMINAL for status in statuses.values()):
            watched.all_ended_s = None
            return
        if watched.spec.rounds is not None and self._has_gone_on(watched.spec):
            return
        if watched.all_ended_s is None:
            watched.all_ended_s = now_s
            return
        grace_s = CALLBACK_GRACE_S + CALLBACK_TRIPS * min(self._trips_s, default=0.0)
        if now_s - watched.all_ended_s >= grace_s:
            ids = {"scan": watched.spec.scan}
            logger.warning("no callback, reporting", extra={"action": "report_overdue", **ids})
            self.reporter.aggregate(AggregateTask(scan=watched.spec.scan))

    def _has_gone_on(self, spec: ScanSpec) -> bool:
        """Whether a round was added to a scan since it was read; it is then watched with it."""
        now = self.store.scan(spec.scan)
        if now is None or now.runs == spec.runs:
            return False
        self._open[spec.scan] = _Watched(now, ScanWatch(now), Referee(now))
        return True

    def _loop(self) -> None:
        while not self._ending.wait(SWEEP_S):
            try:
                self.sweep(monotonic_s())
            except (redis.RedisError, OperationalError) as error:
                logger.warning("sweep: redis does not answer: %s", error, extra={"action": "sweep_waits"})
                self.forget()
            except Exception:
                # A defect in one look must not end all the looks to come.
                logger.exception("sweep: defect", extra={"action": "defect"})
