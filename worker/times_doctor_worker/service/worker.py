"""Builds a worker and runs it: broker, name, roles, host card, watchdog, consumer, and shutdown."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from times_doctor_tasks import __version__
from times_doctor_tasks.celery_app import ports
from times_doctor_tasks.celery_app.app import app, configure
from times_doctor_tasks.celery_app.canvas import keeping_messages
from times_doctor_tasks.config.settings import shown_url
from times_doctor_tasks.config.tls import trust
from times_doctor_tasks.contract.clock import monotonic_s
from times_doctor_tasks.contract.hosts import WorkerPlan
from times_doctor_tasks.state_store.connection import connect
from times_doctor_tasks.state_store.reader import Records
from times_doctor_tasks.state_store.run_store import RunStore
from times_doctor_worker.host.engine_availability import Offer
from times_doctor_worker.host.instance_lock import Tenure
from times_doctor_worker.host.registration import BEAT_S, Registration
from times_doctor_worker.process.fork_server import Warden
from times_doctor_worker.recovery.actions import Remedies
from times_doctor_worker.recovery.report_builder import Reporter
from times_doctor_worker.recovery.sweeper import Sweeper
from times_doctor_worker.redis_io.periodic import Repeating
from times_doctor_worker.redis_io.publisher import Postman
from times_doctor_worker.redis_io.retry import GivenUp, insist
from times_doctor_worker.service.broker_wait import require_rights, wait_for_broker
from times_doctor_worker.service.consumer import Intake
from times_doctor_worker.service.control_process import ControlChild
from times_doctor_worker.service.options import Service
from times_doctor_worker.service.shutdown import ENDED_WELL, Drain, Stint
from times_doctor_worker.service.solve_role import SolveRole, queues_beside_solving
from times_doctor_worker.service.watchdog import PERIOD_S, SOCKET_TIMEOUT_S, Watchdog, watch

if TYPE_CHECKING:
    from times_doctor_worker.monitoring.endpoint import Endpoint
    from times_doctor_worker.notification.targets import Targets

logger = logging.getLogger(__name__)

#: Exit code of a worker whose name another one has taken.
NAME_LOST = 5
#: Seconds between checks whether a temporary worker may end.
STINT_LOOK_S = 1.0


class Worker:
    """One worker process with the solve role, the control role, or (for a scan on this machine) both."""

    def __init__(self, service: Service, warden: Warden, *, is_private: bool = False) -> None:
        """A private one serves one scan on this machine."""
        plan = self._plan = service.plan
        self._service = service
        self._is_private = is_private
        self._sweeper: Sweeper | None = None
        self._targets = _targets_of(service)
        # One retry, for a pooled connection that the server closed; we do and log all longer waiting ourselves.
        self._client = connect(plan.broker_url, retries=1)
        self._store = RunStore(self._client, plan.key_prefix)
        self._name = plan.card_name
        self._tenure = Tenure(Path(plan.cache_dir), self._name, broker_url=plan.broker_url, key_prefix=plan.key_prefix)
        is_solver = "solve" in plan.roles
        self._intake = Intake(
            nodename=f"{'solver' if is_solver else 'control'}@{plan.host}",
            slots=plan.slots,
            sends_events=not is_private,
        )
        #: The host card has news: it is sent soon.
        self._card_changed = threading.Event()
        self.drain = Drain(self._intake, running=self._busy, drain_s=service.drain_s, on_begin=self._card_changed.set)
        self._solve_role: SolveRole | None = None
        if is_solver:
            self._solve_role = SolveRole(
                plan,
                self._store,
                warden,
                self._tenure,
                self.drain,
                self._intake,
                on_change=self._card_changed.set,
                is_private=is_private,
            )

    def run(self) -> int:
        """Works until it is asked to end; returns the exit code.

        Raises:
            NameTaken: another worker of this name is alive.
            BrokerUnavailable: the broker refuses us.
            OSError: the cache folder cannot be written.
        """
        service = self._service
        with ExitStack() as stack:
            stack.enter_context(self.drain.on_signals())
            if service.metrics_port:
                stack.enter_context(self._endpoint(service.metrics_address, service.metrics_port))
            try:
                self._settle()
                stack.callback(self._tenure.close, forget=self._is_private)
                configure(self._plan.broker_url, prefix=self._plan.key_prefix)
                app.finalize()
                stack.enter_context(keeping_messages(self._store))
                stack.enter_context(self._roles())
            except GivenUp:
                return ENDED_WELL
            if service.has_control_child:
                stack.enter_context(ControlChild(_control_words(service)))
            stack.enter_context(self._registered())
            stack.enter_context(self._watched())
            if (stay := (service.idle_s, service.most_s)) != (None, None):
                stint = Stint(self.drain, lambda: bool(self._intake.ticked_s), self._busy, *stay)
                stack.enter_context(Repeating(stint.look, period_s=STINT_LOOK_S, name="stint"))
            self._introduce()
            code = self._intake.run()
            self.drain.ended()
            return code

    def _introduce(self) -> None:
        """Puts this worker's name into the log lines."""
        if self._is_private:
            return
        what = "control worker, makes reports and recovers runs" if self._solve_role is None else "solve worker"
        port, address = self._service.metrics_port, self._service.metrics_address
        where = f"; answers on port {port} of {address}" if port else ""
        broker = f"{shown_url(self._plan.broker_url)}, prefix {self._plan.key_prefix}"
        logger.info(
            "times-doctor %s, %s at %s%s", __version__, what, broker, where,
            extra={"action": "started", "host": self._plan.host},
        )  # fmt: skip

    def _settle(self) -> None:
        """Finds the broker, locks the name, and ends what a predecessor left running."""
        wait_for_broker(self._client, self._plan.broker_url, self._pause)
        insist(
            lambda: require_rights(self._client, self._plan.broker_url, self._store.keys, self._plan.roles),
            what="asking what this user may do",
            ending=self.drain.leaving,
        )
        self._tenure.take(
            lambda: insist(lambda: self._store.host(self._name), what="reading host cards", ending=self.drain.leaving),
            self._pause,
        )
        ended = self._tenure.end_leftovers()
        if ended:
            logger.warning("ended %d engines of the previous process", len(ended), extra={"action": "leftovers"})

    def _pause(self, seconds: float) -> None:
        if self.drain.leaving.wait(seconds):
            raise GivenUp

    @contextmanager
    def _roles(self) -> Iterator[None]:
        """Installs the ports of this worker's roles and runs their threads."""
        remedies = Remedies(self._store, postman := Postman(self._store))
        reporter = Reporter(self._store, self.drain.leaving)
        queues = queues_beside_solving(self._plan)
        with ExitStack() as stack:
            stack.callback(ports.install)
            if self._solve_role is None:
                ports.install(aggregator=reporter)
                self._intake.take_from(queues)
            else:
                solver = stack.enter_context(self._solve_role.at_work(postman, remedies))
                ports.install(solver=solver, aggregator=reporter)
            if queues:
                sweeper = self._sweeper = Sweeper(self._store, reporter, remedies)
                sweeper.start()
                stack.callback(sweeper.stop)
                if self._targets is not None and self._targets.urls:
                    from times_doctor_worker.notification.notifier import LOOK_S, Notifier  # imported only if needed

                    notifier = Notifier(self._store, self._targets, sweeper)
                    stack.enter_context(Repeating(notifier.look, period_s=LOOK_S, name="notifier"))
            yield

    @contextmanager
    def _registered(self) -> Iterator[None]:
        """Publishes the host card for as long as the worker lives."""
        registration = Registration(
            self._store,
            self._plan,
            self._tenure.instance,
            offer=self._solve_role.offer if self._solve_role else lambda: _offer_of_control(self._targets),
            store_sight=lambda: self._solve_role.store_sight if self._solve_role else None,
            running=self._busy,
            is_taking=lambda: not self.drain.is_begun,
            on_replaced=self._on_replaced,
            brings_control=self._service.has_control_child,
            version=__version__,
            serves=self._solve_role.serves if self._solve_role else (),
        )
        try:
            with Repeating(registration.beat, period_s=BEAT_S, name="host card", wake=self._card_changed):
                yield
        finally:
            registration.withdraw()

    def _on_replaced(self) -> None:
        self.drain.begin(
            f"another worker uses the name {self._name!r}: it considered this one dead", wait_s=None, code=NAME_LOST
        )

    @contextmanager
    def _watched(self) -> Iterator[None]:
        client = connect(self._plan.broker_url, socket_timeout_s=SOCKET_TIMEOUT_S, retries=0)
        records = Records(client, self._plan.key_prefix)
        look = watch(Watchdog(), self._intake, records.waiting, self.drain)
        with Repeating(look, period_s=PERIOD_S, name="watchdog"):
            yield

    def _endpoint(self, address: str, port: int) -> Endpoint:
        from times_doctor_worker.monitoring.endpoint import Endpoint, unwell  # imported only if there is a metrics port
        from times_doctor_worker.monitoring.team_metrics import Team

        is_control = "control" in self._plan.roles
        team = Team(self._plan, __version__, lambda: self._sweeper) if is_control else None

        def health() -> str:
            swept_s = self._sweeper.swept_s if self._sweeper else None
            return unwell(monotonic_s(), self._intake.ticked_s, swept_s=swept_s, sweeps=is_control)

        return Endpoint(address, port, health=health, metrics=team.text if team else None)

    def _busy(self) -> list[str]:
        return self._solve_role.busy() if self._solve_role else []


def _offer_of_control(targets: Targets | None) -> Offer:
    notes, names = (targets.faults, tuple(targets.urls)) if targets else ((), ())
    return Offer(engines={}, solvers=(), licence="", expires=None, notes=notes, notify=names)


def _targets_of(service: Service) -> Targets | None:
    if service.notify_file is None or "control" not in service.plan.roles:
        return None
    from times_doctor_worker.notification.targets import read_targets  # as above

    targets = read_targets(service.notify_file)
    for fault in targets.faults:
        logger.error("%s", fault, extra={"action": "notify_file"})
    return targets


def _control_words(service: Service) -> list[str]:
    """What starts the control worker beside a service."""
    words = ["--role", "control", "--name", service.plan.host, "--lifeline"]
    words += [f"--log-level={service.log_level.lower()}", f"--log-format={service.log_format}"]
    if service.metrics_port:
        words.append(f"--metrics-port={service.metrics_port - 1}")  # as it was asked for; ours is the next
    return words


def end_with_lifeline(worker: Worker, fd: int) -> None:
    """Ends the worker when the other end of `fd` is closed: its parent has ended."""

    def wait() -> None:
        while os.read(fd, 1024):
            pass
        worker.drain.hand_back("lifeline closed")

    threading.Thread(target=wait, name="lifeline", daemon=True).start()


def run_private(plan: WorkerPlan, warden: Warden, *, lifeline_fd: int) -> int:
    """Runs the worker of one scan on this machine to its end; returns its exit code."""
    worker = Worker(Service(plan), warden, is_private=True)
    end_with_lifeline(worker, lifeline_fd)
    return worker.run()


def run_service(service: Service, warden: Warden) -> int:
    """Runs a team's worker to its end; returns its exit code. Raises as `Worker.run`."""

    trust(service.tls)
    worker = Worker(service, warden)
    if service.has_lifeline:
        end_with_lifeline(worker, 0)
    return worker.run()
