"""Starts a worker: engines, host card, ports, Celery's consumer, and the way it all ends."""

from __future__ import annotations

import logging
import logging.config
import os
import secrets
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

import redis
from celery.worker import WorkController

from times_doctor_tasks import ports
from times_doctor_tasks.app import app, configure
from times_doctor_tasks.blobs import open_store
from times_doctor_tasks.canvas import keeping_messages, publish_again, publish_fresh
from times_doctor_tasks.clock import now_ms
from times_doctor_tasks.connection import connect
from times_doctor_tasks.keys import CONTROL_QUEUE, host_queue, solve_queue
from times_doctor_tasks.messages import SPOKEN_SCHEMAS, HostCard, ScanSpec, WorkerPlan
from times_doctor_tasks.store import RunStore
from times_doctor_worker.admission import Admission
from times_doctor_worker.attempt import Bench
from times_doctor_worker.engine_search import Found, find_engines
from times_doctor_worker.executor import Executor
from times_doctor_worker.pool import WakingPool
from times_doctor_worker.processes import end_leftovers
from times_doctor_worker.reporting import Reporter
from times_doctor_worker.sweeper import Sweeper
from times_doctor_worker.uplink import Uplink
from times_doctor_worker.warden import Warden
from times_doctor_worker.workspace import Workspace

logger = logging.getLogger(__name__)

#: Seconds between a host's beats, and after how many its card is gone.
HOST_BEAT_S = 5.0
HOST_TTL_S = 20


def configure_logging(level: str) -> None:
    """Logs of a worker go to stderr, one line each."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
            "root": {"handlers": ["stderr"], "level": level},
        }
    )


class Worker:
    """One worker process: solves, or aggregates, or both."""

    def __init__(self, plan: WorkerPlan, warden: Warden) -> None:
        self._plan = plan
        self._warden = warden
        self._ending = threading.Event()
        self._client = connect(plan.broker_url)
        self._store = RunStore(self._client, plan.key_prefix)
        self._controller: WorkController | None = None

    def run(self) -> None:
        """Works until it is told to end."""
        plan = self._plan
        blobs = open_store(plan.store_url)
        workspace = Workspace(Path(plan.cache_dir), blobs, host=plan.host)
        ended = end_leftovers(workspace.markers)
        if ended:
            logger.warning("ended %d solver processes of my predecessor", len(ended), extra={"action": "leftovers"})
        found = find_engines(plan, os.environ) if "solve" in plan.roles else Found()
        card = self._card(found)
        configure(plan.broker_url, prefix=plan.key_prefix)
        app.finalize()
        with ExitStack() as stack:
            stack.enter_context(keeping_messages(self._store))
            stack.enter_context(self._roles(found, workspace))
            stack.enter_context(self._signals())
            stack.enter_context(self._registered(card))
            self._consume(card)
        workspace.prune()

    def end(self) -> None:
        """Stops taking work and stops the solves that run; they are handed back."""
        self._ending.set()
        controller = self._controller
        if controller is not None and getattr(controller, "consumer", None) is not None:
            controller.consumer.call_soon(_raise_shutdown)

    def _card(self, found: Found) -> HostCard:
        plan = self._plan
        queues = [solve_queue(*name.split(".", 1)) for name in found.solvers]
        if "solve" in plan.roles:
            queues.append(host_queue(plan.host))
        if "control" in plan.roles:
            queues.append(CONTROL_QUEUE)
        return HostCard(
            host=plan.host,
            instance=secrets.token_hex(8),
            pid=os.getpid(),
            roles=plan.roles,
            slots=plan.slots,
            cores=plan.cores,
            memory_mb=plan.memory_mb,
            queues=tuple(queues),
            engines={name: engine.version for name, engine in found.engines.items()},
            solvers=tuple(found.solvers),
            licence=found.licences.get("gams", ""),
            licence_expires=found.expires.isoformat() if found.expires else None,
            schemas=tuple(sorted(SPOKEN_SCHEMAS)),
            started_ms=now_ms(),
            notes=tuple(found.notes),
        )

    @contextmanager
    def _roles(self, found: Found, workspace: Workspace) -> Iterator[None]:
        """Installs the ports of this worker's roles and runs their threads."""
        plan = self._plan
        uplink = Uplink(self._store)
        bench = Bench(
            self._warden, workspace, uplink, plan.host, found.engines, found.licences, shutdown=self._ending.is_set
        )
        admission = Admission(cores=plan.cores, memory_mb=plan.memory_mb)
        executor = Executor(self._store, bench, admission, self._republish, self._ending)
        reporter = Reporter(self._store, self._ending)
        ports.install(solver=executor, aggregator=reporter)
        uplink.start()
        sweeper = Sweeper(self._store, reporter, Postman(self._store)) if "control" in plan.roles else None
        if sweeper:
            sweeper.start()
        try:
            yield
        finally:
            if sweeper:
                sweeper.stop()
            uplink.stop()
            ports.install()

    def _republish(self, scan: str, run: str, host: str | None) -> None:
        publish_again(app, self._store, scan, run, queue=host_queue(host) if host else None)

    @contextmanager
    def _registered(self, card: HostCard) -> Iterator[None]:
        """Says that this host lives, for as long as it does."""
        gone = threading.Event()

        def beat() -> None:
            while True:
                try:
                    self._store.register_host(card, ttl_s=HOST_TTL_S)
                except redis.RedisError as error:
                    logger.warning("host card not sent: %s", error, extra={"action": "card_waits"})
                if gone.wait(HOST_BEAT_S):
                    return

        thread = threading.Thread(target=beat, name="host-card", daemon=True)
        thread.start()
        try:
            yield
        finally:
            gone.set()
            try:
                self._store.drop_host(card.host)
            except redis.RedisError:
                logger.info("host card not withdrawn; it expires by itself")

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT end the worker; the old handlers come back after it."""

        def on_signal(number: int, _frame: FrameType | None) -> None:
            logger.warning("signal %d: ending", number, extra={"action": "signal"})
            self.end()

        old = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in old.items():
                signal.signal(number, handler)

    def _consume(self, card: HostCard) -> None:
        self._controller = WorkController(
            app=app,
            hostname=f"{'solver' if 'solve' in card.roles else 'control'}@{card.host}",
            pool_cls=WakingPool,
            concurrency=card.slots,
            queues=list(card.queues),
            without_mingle=True,
            without_gossip=True,
            without_heartbeat=True,
            loglevel=logging.WARNING,
        )
        if self._ending.is_set():
            return
        self._controller.start()


class Postman:
    """The sweeper's publisher: through this process's Celery application."""

    def __init__(self, store: RunStore) -> None:
        self._store = store

    def again(self, scan: str, run: str) -> bool:
        """The kept message of a run; False when none was ever published."""
        return publish_again(app, self._store, scan, run)

    def fresh(self, spec: ScanSpec, run: str) -> None:
        """A new message for a run that never had one."""
        document = self._store.run(spec.scan, run)
        if document is not None:
            publish_fresh(spec, document)


def _raise_shutdown() -> None:
    from celery.exceptions import WorkerShutdown

    raise WorkerShutdown(0)


def end_with_lifeline(worker: Worker, fd: int) -> None:
    """Ends the worker when the other end of `fd` is closed: whoever started it is gone."""

    def wait() -> None:
        while os.read(fd, 1024):
            pass
        logger.info("lifeline closed: ending", extra={"action": "lifeline"})
        worker.end()

    threading.Thread(target=wait, name="lifeline", daemon=True).start()


def main(plan: WorkerPlan, warden: Warden, *, lifeline_fd: int | None = None) -> int:
    """Runs a worker to its end; returns its exit code."""
    worker = Worker(plan, warden)
    if lifeline_fd is not None:
        end_with_lifeline(worker, lifeline_fd)
    worker.run()
    sys.stdout.flush()
    return 0
