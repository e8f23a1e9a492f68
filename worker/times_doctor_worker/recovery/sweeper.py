"""The sweeper of a control worker: ensures that every open scan proceeds and ends in a report.

It ends waiting runs that were cancelled, publishes the callback of a scan whose runs have all ended, and republishes
runs whose message seems lost. It trusts only its own monotonic clock.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import msgspec
import redis
from kombu.exceptions import OperationalError

from times_doctor_tasks.celery_app.ports import AggregatePort
from times_doctor_tasks.contract.cancel_flag import parse_flag
from times_doctor_tasks.contract.clock import monotonic_s
from times_doctor_tasks.contract.keys import EVENTS_MAX
from times_doctor_tasks.contract.messages import AggregateTask, ScanSpec
from times_doctor_tasks.contract.states import OWNED, TERMINAL, WAITING, RunState
from times_doctor_tasks.state_store.connection import is_wrong_type
from times_doctor_tasks.state_store.dead_letters import DeadLetters
from times_doctor_tasks.state_store.run_store import RunStatus, RunStore
from times_doctor_worker.recovery.actions import Remedies
from times_doctor_worker.recovery.backlog import Backlog
from times_doctor_worker.recovery.race import Referee
from times_doctor_worker.recovery.rules import Action, Remedy, ScanWatch
from times_doctor_worker.recovery.script_loader import load_scripts

logger = logging.getLogger(__name__)

#: Seconds between two sweeps of the open scans.
SWEEP_S = 0.5
#: Seconds, plus a number of round trips, from the last run's end until the report is made without Celery's callback: on
#: a slow line the callback takes longer than the seconds.
CALLBACK_GRACE_S = 2.0
CALLBACK_TRIPS = 20
#: Round trips that are remembered: the shortest one gives the distance to Redis; others may have been delayed.
TRIPS_KEPT = 20
#: Most losses that are remembered if there is no notifier.
LOSSES_KEPT = 1000
#: A pause between two sweeps after which earlier observations say nothing about silence.
GAP_S = 5.0
#: Each sweep looks for new scans among this many newest ones. These seconds pass between two looks through all scans,
#: and between two reads of all runs of a scan: an event reports every change, unless it was removed.
NEWEST = 200
ALL_S = 30.0
#: About how many runs of one scan are read in this way per second.
ALL_A_S = 50
#: Seconds between two loads of the scripts, in case they were flushed.
LOAD_S = 30.0
#: About how many runs one sweep reads: if more are open, the scans that were read longest ago come first.
RUNS_A_SWEEP = 500
#: About how many runs of one scan are read per second: a scan with more than half as many open is read less often.
RUNS_A_S = 200


@contextmanager
def alone(scan: str) -> Iterator[None]:
    """An error in one scan must not end the sweep of the others; only an outage may."""
    try:
        yield
    except (redis.RedisError, OperationalError, OSError) as error:
        if not is_wrong_type(error):
            raise
        logger.error("scan left alone: %s", error, extra={"action": "scan_unreadable", "scan": scan})
    except Exception as error:  # noqa: BLE001  a document of another version, a message that is none, a defect
        logger.error("scan left alone: %r", error, extra={"action": "scan_unreadable", "scan": scan})


class _Watched(msgspec.Struct):
    """The sweeper's memory of an open scan."""

    spec: ScanSpec
    watch: ScanWatch
    referee: Referee
    all_ended_s: float | None = None
    queues: dict[str, str] = msgspec.field(default_factory=dict)
    """Run to the queue of its message; read when it is first needed."""
    looked_s: float = float("-inf")
    after: str = "0"
    """The newest event that was seen."""
    all_s: float = float("-inf")
    """When all of its open runs were read."""
    statuses: dict[str, RunStatus] = msgspec.field(default_factory=dict)
    """As last seen; ended runs are not read again."""
    published: set[str] = msgspec.field(default_factory=set)
    """Runs whose message was seen, likewise."""

    def unended(self) -> list[str]:
        """Runs that had not ended when they were last seen."""
        seen = self.statuses
        return [run for run in self.spec.runs if run not in seen or seen[run].state not in TERMINAL]

    def waiting(self) -> dict[str, str]:
        """Runs that were queued when they were last seen, with their queues as far as those are known."""
        queued = (run for run, status in self.statuses.items() if status.state is RunState.QUEUED)
        return {run: self.queues[run] for run in queued if run in self.queues}


class OpenRun(msgspec.Struct, frozen=True):
    """A run of an open scan as last seen."""

    state: RunState
    since_ms: int
    """Start of its state by the server's clock; for an untouched run the client's time of the request."""
    queue: str
    """Empty where it was never needed."""


@dataclass
class Sweeper:
    """Sweeps again and again in its own thread."""

    store: RunStore
    reporter: AggregatePort
    remedies: Remedies
    swept_s: float | None = None
    """When it last came to the end of a look; None: not yet."""
    losses: deque[tuple[ScanSpec, Action]] = field(default_factory=lambda: deque(maxlen=LOSSES_KEPT))
    """Runs that were taken from silent hosts, oldest first; the notifier removes them."""
    _open: dict[str, _Watched] = field(default_factory=dict)
    _backlog: Backlog = field(init=False)
    _all_s: float = float("-inf")
    _server: str = ""
    _loaded_s: float = float("-inf")
    _swept_s: float = 0.0
    _trips_s: deque[float] = field(default_factory=lambda: deque(maxlen=TRIPS_KEPT))
    _ending: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __post_init__(self) -> None:
        self._backlog = Backlog(self.store, {}, 0.0)

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
        """Sweeps every open scan once."""
        self._mind_gaps(now_s)
        self._find_scans(now_s)
        self._end_refused()
        self._backlog = Backlog(self.store, self._backlog.short_s, now_s)
        self._backlog.count([watched.waiting() for watched in self._open.values()])
        budget = RUNS_A_SWEEP
        for watched in sorted(self._open.values(), key=lambda one: one.looked_s):
            open_runs = len(watched.unended())
            if now_s - watched.looked_s < min(open_runs / RUNS_A_S, GAP_S) - SWEEP_S / 2:
                continue
            watched.looked_s = now_s
            budget -= max(1, open_runs)
            with alone(watched.spec.scan):
                self._see_to(watched, now_s)
            if budget <= 0:
                break

    def open_runs(self) -> tuple[int, list[OpenRun]]:
        """How many scans are open, and the runs of those that it has read. For any thread."""
        watched = list(self._open.values())
        return len(watched), [
            OpenRun(status.state, status.since_ms or one.spec.created_ms, one.queues.get(run, ""))
            for one in watched
            for run, status in one.statuses.items()
        ]

    def waiting(self) -> list[tuple[ScanSpec, list[int]]]:
        """Every open scan, and for each waiting run the time (server ms) when its wait began. For any thread."""
        asks = (RunState.QUEUED, RunState.PARKED)
        return [
            (one.spec, [s.since_ms or one.spec.created_ms for s in one.statuses.values() if s.state in asks])
            for one in list(self._open.values())
        ]

    def _end_refused(self) -> None:
        """Ends runs whose message is a dead letter: published again, it would become one again."""
        letters = DeadLetters(self.store.client, self.store.keys)
        for (scan, run), why in letters.runs().items():
            with alone(scan):
                spec = self.store.scan(scan)
                if spec is not None:
                    self.remedies.refuse(spec, run, why)
                letters.settle(scan, run)

    def _may_have_changed(self, watched: _Watched, now_s: float) -> list[str]:
        """Runs to read: those with an owner, those with a new event; now and then all."""
        scan, unended = watched.spec.scan, watched.unended()
        if watched.statuses and now_s - watched.all_s < max(ALL_S, len(unended) / ALL_A_S):
            with suppress(redis.ResponseError):  # wrong type: read all of them
                events = self.store.events(scan, after=watched.after, count=EVENTS_MAX)
                watched.after = events[-1][0] if events else watched.after
                told = {event.run for _, _, event in events}
                return [run for run in unended if run in told or watched.statuses[run].state in OWNED]
        watched.after, watched.all_s = self.store.newest_event(scan), now_s
        return unended

    def _see_to(self, watched: _Watched, now_s: float) -> None:
        fresh = self.store.statuses(watched.spec, self._may_have_changed(watched, now_s))
        watched.statuses = statuses = {run: fresh.get(run) or watched.statuses[run] for run in watched.spec.runs}
        stopped = watched.referee.look(self.store, statuses)
        for run, reason in stopped.items():
            logger.info(
                "stopping %s: %s", run, reason, extra={"action": "stopped", "scan": watched.spec.scan, "run": run}
            )
        self._end_cancelled(watched.spec, statuses)
        self._recover(watched, statuses, now_s)
        self._see_to_report(watched, statuses, now_s)

    def _mind_gaps(self, now_s: float) -> None:
        """Silence counts only while this process swept without a break, and the server did not restart."""
        asked_s = monotonic_s()
        server = self.store.server_run()
        self._trips_s.append(monotonic_s() - asked_s)
        if server != self._server or now_s - self._loaded_s > LOAD_S:
            load_scripts(self.store.client)
            self._loaded_s = now_s
        if server != self._server or now_s - self._swept_s > GAP_S:
            self.forget()
        self._server, self._swept_s = server, now_s

    def forget(self) -> None:
        """Redis was away and may have lost its last second: every watch restarts, and everything is read again."""
        for watched in self._open.values():
            watched.watch.forget()
            watched.all_ended_s = None
            watched.statuses = {}
            watched.published.clear()

    def _find_scans(self, now_s: float) -> None:
        looks_at_all = now_s - self._all_s >= ALL_S
        newest = self.store.scans(newest=0 if looks_at_all else NEWEST)
        if looks_at_all:
            self._all_s = now_s
        asked = list(dict.fromkeys([*newest, *self._open]))
        scans = set(asked).difference(self.store.reported(asked))
        if looks_at_all:  # a scan without its document is nobody's any more: the server lost its data, or was emptied
            scans -= self._open.keys() - {spec.scan for spec in self.store.specs(list(self._open))}
        for scan in self._open.keys() - scans:
            del self._open[scan]
        for spec in self.store.specs([scan for scan in asked if scan in scans and scan not in self._open]):
            self._open[spec.scan] = _Watched(spec, ScanWatch(spec), Referee(spec))

    def _recover(self, watched: _Watched, statuses: dict[str, RunStatus], now_s: float) -> None:
        spec = watched.spec
        unseen = [run for run in watched.unended() if run not in watched.published]
        watched.published |= {run for run, kept in self.store.published(spec, unseen).items() if kept}
        published = {run: run in watched.published or statuses[run].state in TERMINAL for run in spec.runs}
        queues = self._queues_of(watched, statuses)
        taken = {run for run, queue in queues.items() if self._backlog.depth(queue) == 0}
        waits = {run for run, queue in queues.items() if run in watched.published and self._backlog.is_whole(queue)}
        waits |= self._parked(spec.scan, statuses)
        for action in watched.watch.look(statuses, published, now_s, taken=taken, waits=waits):
            queue = queues.get(action.run) if action.run in watched.published else None
            if queue is not None and action.remedy is Remedy.PUBLISH and not self._backlog.may_publish(queue):
                continue
            ids = {"scan": spec.scan, "run": action.run, "attempt": action.seen.attempt, "host": action.seen.host}
            logger.warning(
                "recovery: %s a run that is %s", action.remedy, action.seen.state,
                extra={"action": f"recovery_{action.remedy}", **ids},
            )  # fmt: skip
            self._apply(spec, action)

    def _queues_of(self, watched: _Watched, statuses: dict[str, RunStatus]) -> dict[str, str]:
        """Runs that wait in a queue, and the queue of each."""
        if not watched.queues and any(status.state in WAITING for status in statuses.values()):
            watched.queues = {run.run: run.queue for run in self.store.runs(watched.spec)}
            for run in watched.spec.runs:
                if run not in watched.queues and statuses[run].state in WAITING:
                    self.remedies.lost_document(watched.spec, run)
        return watched.waiting()

    def _parked(self, scan: str, statuses: dict[str, RunStatus]) -> set[str]:
        """Runs in the line, or parked by an older worker that is alive: these will come back."""
        parked = {run: status.host for run, status in statuses.items() if status.state is RunState.PARKED}
        if not parked:
            return set()
        older = {card.host for card in self.store.live_hosts() if not card.shares_line}
        in_line = self.store.in_line(scan, list(parked))
        return {run for run, host in parked.items() if run in in_line or host in older}

    def _apply(self, spec: ScanSpec, action: Action) -> None:
        if action.remedy in (Remedy.LOSE, Remedy.REQUEUE):
            self.losses.append((spec, action))
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
            request = parse_flag(flags.get(run, "") or flags.get("*", ""))
            if request is not None and status.state in WAITING:
                self.remedies.cancel(spec, run, request)

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
            watched.all_ended_s = now_s  # try again later

    def _has_gone_on(self, spec: ScanSpec) -> bool:
        """Whether a round was added to a scan since it was read; if so, its runs are watched too."""
        now = self.store.scan(spec.scan)
        if now is None or now.runs == spec.runs:
            return False
        self._open[spec.scan] = _Watched(now, ScanWatch(now), Referee(now))
        return True

    def _loop(self) -> None:
        while not self._ending.wait(SWEEP_S):
            try:
                self.sweep(monotonic_s())
                self.swept_s = monotonic_s()
            except (redis.RedisError, OperationalError) as error:
                logger.warning("sweep: %s; tried again", error, extra={"action": "redis_away"})
                self.forget()
            except Exception:
                # A bug in one sweep must not end all later ones.
                logger.exception("sweep: defect", extra={"action": "defect"})
