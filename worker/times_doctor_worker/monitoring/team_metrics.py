"""The metrics of a team, read from its keys at each scrape: there are no counters to lose.

Labels come from bounded sets only: hosts, queues, engines, solvers, states, verdicts, reasons. Persons, models,
profiles, scans and runs are never labels. A broken key costs only the metrics read from it, and is counted.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

import msgspec
import redis
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from times_doctor_tasks.config.settings import BROKER_SCHEMES, ENGINES
from times_doctor_tasks.contract.clock import monotonic_s, now_ms
from times_doctor_tasks.contract.hosts import HostCard, WorkerPlan
from times_doctor_tasks.contract.keys import CONTROL_QUEUE, solve_queue
from times_doctor_tasks.contract.states import RunState, Verdict
from times_doctor_tasks.profiles.registry import built_in_profiles
from times_doctor_tasks.state_store.connection import connect
from times_doctor_tasks.state_store.dead_letters import DeadLetters
from times_doctor_tasks.state_store.reader import Records
from times_doctor_tasks.state_store.report_bytes import unpacked
from times_doctor_worker.recovery.sweeper import OpenRun, Sweeper

logger = logging.getLogger(__name__)

#: Name to labels and meaning. docs/operations.md has the same table.
METRICS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "times_doctor_build_info": (("version",), "always 1; the label is the version of this control worker"),
    "times_doctor_broker_up": ((), "1: Redis answers; 0: only this, build_info and sweep_age are exported"),
    "times_doctor_sweep_age_seconds": ((), "seconds since this control worker last checked all open scans"),
    "times_doctor_unreadable": (("part",), "1: this part of the metrics could not be read"),
    "times_doctor_host_up": (("host",), "1: sends heartbeats; 0: lost without a clean shutdown in the last 24 h"),
    "times_doctor_host_taking": (("host",), "1: takes runs; 0: drains"),
    "times_doctor_host_solvers": (("host",), "solvers offered now; 0: out of rotation"),
    "times_doctor_host_slots": (("host",), "runs that it can solve at once"),
    "times_doctor_host_running_runs": (("host",), "runs that it carries now"),
    "times_doctor_host_cores": (("host",), "threads that its runs share"),
    "times_doctor_host_load1": (("host",), "load average of the last minute"),
    "times_doctor_host_memory_bytes": (("host",), "memory of the machine, or the limit of its control group"),
    "times_doctor_host_memory_used_bytes": (("host",), "memory used"),
    "times_doctor_host_disk_bytes": (("host",), "size of the disk that holds its cache"),
    "times_doctor_host_disk_used_bytes": (("host",), "used on that disk"),
    "times_doctor_licence_expiry_timestamp_seconds": (
        ("host",),
        "end of its GAMS licence, seconds since 1970; absent for an expired demo where other solvers are served",
    ),
    "times_doctor_queue_messages": (("queue", "engine", "solver"), "messages in the queue that no worker has taken"),
    "times_doctor_waiting_runs": (
        ("queue", "engine", "solver"),
        "runs that wait, in the queue or for a host that fits",
    ),
    "times_doctor_oldest_waiting_run_seconds": (("queue", "engine", "solver"), "age of the oldest of those runs"),
    "times_doctor_seats": (("solver",), "limit of concurrent solves on all hosts, if one is set"),
    "times_doctor_seats_in_use": (("solver",), "seats that runs hold"),
    "times_doctor_seats_waiting_runs": (("solver",), "runs that wait for a seat"),
    "times_doctor_scans_open": ((), "scans without a report"),
    "times_doctor_runs": (("state",), "runs of open scans"),
    "times_doctor_finished_runs": (("engine", "solver", "verdict"), "runs of the newest 1,000 scans with a report"),
    "times_doctor_dead_letters": (("reason",), "rejected messages since the last `deadletters drop`"),
    "times_doctor_broker_used_bytes": ((), "memory that Redis uses"),
    "times_doctor_broker_limit_bytes": ((), "its maxmemory; 0: no limit"),
    "times_doctor_store_used_bytes": ((), "models and results in Redis, where the store is in Redis"),
}
#: Seconds to wait for Redis: Prometheus gives up after ten.
SOCKET_TIMEOUT_S = 3.0
#: The label for values outside the sets that we know.
OTHER = "other"
#: Most values of a label that others write: hosts, reasons.
MOST_VALUES = 500
#: Newest scans whose reports are counted, and most reports read in one scrape: after a start it takes a few scrapes.
NEWEST = 1000
REPORTS_A_SCRAPE = 100
#: Milliseconds for which a host that was lost without a clean shutdown is shown as down.
DOWN_SHOWN_MS = 86_400_000
_MB = 1 << 20


class _Ended(msgspec.Struct):
    engine: str
    solver: str
    state: RunState
    verdict: Verdict | None = None
    reused_from: str = ""


class _Report(msgspec.Struct):
    """The part of a report that is counted."""

    runs: list[_Ended]


class Team(Collector):
    """Prometheus's collector. Each scrape is one pass; concurrent scrapes wait for each other."""

    def __init__(self, plan: WorkerPlan, version: str, sweeper: Callable[[], Sweeper | None]) -> None:
        """`sweeper`: this worker's, which has just read every open run; None until it exists."""
        self._records = Records(_connect(plan.broker_url), plan.key_prefix)
        url = plan.broker_url if plan.store_url == "redis" else plan.store_url
        #: The server of the store; None where the store is no Redis.
        self._blobs = _connect(url) if url.startswith(BROKER_SCHEMES) else None
        self._version = version
        self._sweeper = sweeper
        #: Scan to its runs: a report does not change.
        self._finished: dict[str, Counter[tuple[str, ...]]] = {}
        self._unread: set[str] = set()
        self._lock = threading.Lock()
        solvers = {profile.solver for profile in built_in_profiles(engine=None)}
        self._known = {(engine, solver) for engine in ENGINES for solver in solvers}
        self._queues = {solve_queue(*pair) for pair in self._known}

    def text(self) -> bytes:
        """The metrics as Prometheus reads them."""
        registry = CollectorRegistry(auto_describe=False)
        with self._lock:
            registry.register(self)
            return generate_latest(registry)

    def collect(self) -> Iterator[Metric]:
        """All current metric families."""
        sweeper = self._sweeper()
        yield _family("build_info", {(self._version,): 1})
        if sweeper is not None and sweeper.swept_s is not None:
            yield _family("sweep_age_seconds", {(): monotonic_s() - sweeper.swept_s})
        try:
            self._records.client.ping()
        except redis.RedisError:
            yield _family("broker_up", {(): 0})
            return
        yield _family("broker_up", {(): 1})
        unread = set()
        for part in (self._team, self._seats, self._ended, self._dead_letters, self._memory, self._store):
            name = part.__name__.strip("_")
            try:
                yield from list(part())
            except Exception as error:  # noqa: BLE001  # whatever stands in a key, the other parts are told
                unread.add(name)
                if name not in self._unread:
                    logger.warning("metrics: %s cannot be read: %s", name, error, extra={"action": "metrics_unread"})
                if isinstance(error, redis.ConnectionError | redis.TimeoutError):
                    break  # each of the others would wait for as long
        self._unread = unread
        yield _family("unreadable", {(name,): 1 for name in unread})

    def _team(self) -> Iterator[Metric]:
        cards = self._records.live_hosts()[:MOST_VALUES]
        yield from self._hosts(cards)
        sweeper = self._sweeper()
        scans, runs = sweeper.open_runs() if sweeper is not None else (0, [])
        states = Counter(run.state for run in runs)
        yield _family("scans_open", {(): scans})
        yield _family("runs", {(state,): states[state] for state in RunState})
        named = {CONTROL_QUEUE, *(queue for card in cards for queue in card.queues)}
        yield from self._waiting(runs, named)

    def _hosts(self, cards: list[HostCard]) -> Iterator[Metric]:
        up: dict[tuple[str, ...], float] = dict.fromkeys(((host,) for host in self._gone()), 0)
        yield _family("host_up", up | {(card.host,): 1 for card in cards})
        solving = [card for card in cards if "solve" in card.roles]
        for name, value in _OF_A_HOST.items():
            found = ((card.host, _number(value, card)) for card in solving)
            yield _family(name, {(host,): number for host, number in found if number is not None})

    def _gone(self) -> list[str]:
        """Hosts that beat within a day, including the live ones."""
        since_ms = now_ms() - DOWN_SHOWN_MS
        found = self._records.client.zrange(self._records.keys.hosts(), since_ms, "+inf", byscore=True)
        return [name.decode("utf-8", "replace") for name in found[-MOST_VALUES:]]

    def _waiting(self, runs: Iterable[OpenRun], named: set[str]) -> Iterator[Metric]:
        now, oldest, waiting = self._records.server_ms(), Counter[str](), Counter[str]()
        for run in runs:
            if run.state in (RunState.QUEUED, RunState.PARKED):
                queue = run.queue if run.queue in named or run.queue in self._queues else OTHER
                waiting[queue] += 1
                oldest[queue] = max(oldest[queue], now - run.since_ms, 0)
        queues = sorted(named | oldest.keys() - {OTHER})[:MOST_VALUES]
        yield _family("queue_messages", {_labels(queue): depth for queue, depth in self._depths(queues).items()})
        yield _family(
            "waiting_runs", {_labels(queue): waiting[queue] for queue in (*queues, *(waiting.keys() - queues))}
        )
        yield _family("oldest_waiting_run_seconds", {_labels(queue): ms / 1000 for queue, ms in oldest.items()})

    def _depths(self, queues: list[str]) -> dict[str, int]:
        """Messages in each queue, in one round trip; without keys of a wrong type, which its workers repair."""
        lists = {queue: self._records.keys.queue_lists(queue) for queue in queues}
        pipe = self._records.client.pipeline(transaction=False)
        for name in (name for names in lists.values() for name in names):
            pipe.llen(name)
        answers = iter(pipe.execute(raise_on_error=False))
        found = {queue: [next(answers) for _ in names] for queue, names in lists.items()}
        return {queue: sum(numbers) for queue, numbers in found.items() if all(isinstance(n, int) for n in numbers)}

    def _seats(self) -> Iterator[Metric]:
        seats = dict(sorted(self._records.seats().items())[:MOST_VALUES])
        held = Counter(solver for solver, _ in self._records.held_seats())
        waiting = Counter(place.solver for place in self._records.line()) if seats else Counter[str]()
        yield _family("seats", {(solver,): amount for solver, (amount, _) in seats.items()})
        yield _family("seats_in_use", {(solver,): held[solver] for solver in seats})
        yield _family("seats_waiting_runs", {(solver,): waiting[solver] for solver in seats})

    def _ended(self) -> Iterator[Metric]:
        scans = self._records.scans(newest=NEWEST)
        self._finished = {scan: self._finished[scan] for scan in scans if scan in self._finished}
        new = [scan for scan in scans if scan not in self._finished]
        reported = self._records.reported(new)
        to_read = [scan for scan in new if scan in reported][:REPORTS_A_SCRAPE]
        pipe = self._records.client.pipeline(transaction=False)
        for scan in to_read:
            pipe.get(self._records.keys.report(scan))
        for scan, raw in zip(to_read, pipe.execute(raise_on_error=False), strict=True):
            self._finished[scan] = self._counted(unpacked(raw) if isinstance(raw, bytes) else b"")
        total = sum(self._finished.values(), Counter[tuple[str, ...]]())
        yield _family("finished_runs", total)

    def _counted(self, raw: bytes) -> Counter[tuple[str, ...]]:
        """Runs of a report by engine, solver and verdict; none if it cannot be read."""
        try:
            runs = msgspec.json.decode(raw, type=_Report).runs
        except (msgspec.DecodeError, UnicodeDecodeError):
            return Counter()
        found: Counter[tuple[str, ...]] = Counter()
        for run in runs:
            pair = (run.engine, run.solver) if (run.engine, run.solver) in self._known else (OTHER, OTHER)
            found[(*pair, run.verdict or run.state)] += not run.reused_from
        return +found

    def _dead_letters(self) -> Iterator[Metric]:
        counts = Counter(DeadLetters(self._records.client, self._records.keys).counts())
        common = dict(counts.most_common(MOST_VALUES))
        rest = counts.total() - sum(common.values())
        yield _family("dead_letters", {(why,): n for why, n in (common | {OTHER: rest}).items() if n})

    def _memory(self) -> Iterator[Metric]:
        info = self._records.client.info("memory")
        yield _family("broker_used_bytes", {(): info["used_memory"]})
        yield _family("broker_limit_bytes", {(): info["maxmemory"]})

    def _store(self) -> Iterator[Metric]:
        if self._blobs is not None:
            used: bytes | None = self._blobs.hget(self._records.keys.blob_bytes(), "used")  # type: ignore[assignment]
            yield _family("store_used_bytes", {(): int(used or 0)})


def _connect(url: str) -> redis.Redis:
    return connect(url, socket_timeout_s=SOCKET_TIMEOUT_S, retries=0)


def _family(name: str, samples: Mapping[tuple[str, ...], float]) -> Metric:
    labels, words = METRICS[f"times_doctor_{name}"]
    family = GaugeMetricFamily(f"times_doctor_{name}", words, labels=labels)
    for values, number in samples.items():
        family.add_metric(values, number)
    return family


def _labels(queue: str) -> tuple[str, str, str]:
    """A queue with its engine and solver, if it belongs to a solver."""
    kind, _, pair = queue.partition(".")
    engine, _, solver = pair.partition(".") if kind == "solve" else ("", "", "")
    return (queue, engine, solver)


def _number(value: Callable[[HostCard], float | None], card: HostCard) -> float | None:
    try:
        number = value(card)
        return None if number is None else float(number)
    except (ValueError, OverflowError):  # not a date, or a number out of range
        return None


def _end_of(card: HostCard) -> float | None:
    """The end of a licence: it is still valid on its last day."""
    if not card.licence_expires or card.does_without_gams:
        return None
    return (datetime.fromisoformat(card.licence_expires).replace(tzinfo=UTC) + timedelta(days=1)).timestamp()


def _bytes(mb: int | None) -> int | None:
    return None if mb is None else mb * _MB


_OF_A_HOST: Mapping[str, Callable[[HostCard], float | None]] = {
    "host_taking": lambda card: card.taking,
    "host_solvers": lambda card: len(card.solvers),
    "host_slots": lambda card: card.slots,
    "host_running_runs": lambda card: len(card.running),
    "host_cores": lambda card: card.cores,
    "host_load1": lambda card: card.load_1m,
    "host_memory_bytes": lambda card: card.memory_mb * _MB,
    "host_memory_used_bytes": lambda card: _bytes(card.memory_used_mb),
    "host_disk_bytes": lambda card: _bytes(card.disk_mb),
    "host_disk_used_bytes": lambda card: _bytes(card.disk_used_mb),
    "licence_expiry_timestamp_seconds": _end_of,
}
