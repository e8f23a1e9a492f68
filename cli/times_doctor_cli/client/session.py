"""One broker and one store, as a client sees them: ask, read, fetch. Programs import `api.py` instead."""

from __future__ import annotations

import getpass
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

from times_doctor_cli.client.host_cards import makes_reports
from times_doctor_cli.file_names import safe_name
from times_doctor_tasks.blob_store.base import BlobStore
from times_doctor_tasks.blob_store.factory import open_store, save
from times_doctor_tasks.config.settings import Settings, shown_url
from times_doctor_tasks.config.tls import trust
from times_doctor_tasks.contract.cancel_flag import StopRequest
from times_doctor_tasks.contract.clock import monotonic_s, now_ms
from times_doctor_tasks.contract.errors import BrokerUnavailable, InfrastructureError, UsageError
from times_doctor_tasks.contract.hosts import HostCard
from times_doctor_tasks.contract.messages import Artefact, Report, RunResult, RunSpec, ScanSpec
from times_doctor_tasks.contract.states import StopReason
from times_doctor_tasks.state_store.connection import WRITES_REFUSED, check, connect
from times_doctor_tasks.state_store.fair_order import in_fair_order, person_of
from times_doctor_tasks.state_store.run_store import RunStore

#: Seconds between checks for a host that has not registered yet.
HOST_POLL_S = 0.01
#: Seconds that a worker's control worker may take to register after the worker.
CONTROL_START_S = 5.0
#: Seconds a client waits for an answer; the screen does not change meanwhile.
ANSWER_TIMEOUT_S = 5.0
#: Retries of Celery's result backend, which counts the parts of a chord: a user waits, and its default takes 20 s.
PUBLISH_RETRIES = {"max_retries": 4, "interval_start": 0.0, "interval_step": 0.5, "interval_max": 1.0}


def whoami(settings: Settings) -> str:
    """Who asks: user@host."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError, ImportError):
        user = "unknown"
    return f"{user}@{settings.host}"


class Client:
    """One broker and one store."""

    def __init__(self, store: RunStore, blobs: BlobStore, broker_url: str, settings: Settings) -> None:
        self.store = store
        self.blobs = blobs
        self.broker_url = broker_url
        self.settings = settings
        self._ahead_ms: int | None = None

    @classmethod
    def open(cls, settings: Settings, *, who: str = "--queue") -> Client:
        """A client of the configured broker and store, for `who`. The broker has answered.

        Raises:
            UsageError: no broker is configured, or a URL is invalid.
            BrokerUnavailable: it does not answer, needs a password, or is too old.
        """
        url = settings.require_broker(who)
        trust(settings.tls)
        try:
            connection = connect(url, socket_timeout_s=ANSWER_TIMEOUT_S, retries=1)
        except ValueError as error:
            raise UsageError(f"{shown_url(url)!r} is no broker URL: {error}.") from error
        blobs = open_store(
            settings.store_url or "redis",
            broker_url=url,
            prefix=settings.key_prefix,
            quota_bytes=settings.store_quota_bytes,
        )
        check(connection, url)
        return cls(RunStore(connection, settings.key_prefix), blobs, url, settings)

    def close(self) -> None:
        """Closes the connections."""
        self.blobs.close()
        self.store.client.close()

    @property
    def shown_broker(self) -> str:
        """The broker's URL, without its password."""
        return shown_url(self.broker_url)

    @property
    def me(self) -> str:
        """The user as user@host, which signs scans and cancels."""
        return whoami(self.settings)

    def other_owner(self, spec: ScanSpec) -> str:
        """The owner of a scan if it is another user, else empty; a user has the same name on all machines."""
        return "" if person_of(spec.client) == person_of(self.me) else spec.client

    @contextmanager
    def answering(self, *, doing: str = "", role: str = "") -> Iterator[None]:
        """Turns Redis's exceptions into ours.

        Args:
            doing: An action that needs `role` instead of the client's, such as "set seats".

        Raises:
            BrokerUnavailable: it does not answer, or refuses.
            UsageError, InfrastructureError: its user may not do this: with, or without, a `role` that may.
        """
        try:
            yield
        except redis.exceptions.NoPermissionError as error:
            if role:
                raise UsageError(
                    f"The user of {self.shown_broker} may not {doing}: give the URL of the role {role} in "
                    "TIMES_DOCTOR_BROKER_URL (`times-doctor acl` prints its user)."
                ) from error
            raise InfrastructureError(
                f"The user of {self.shown_broker!r} may not do this: {str(error).rstrip('.?')}. Give the URL of the "
                "user `client`, or of the role that --help names, in TIMES_DOCTOR_BROKER_URL."
            ) from error
        except redis.RedisError as error:
            if words := WRITES_REFUSED.get(type(error)):
                raise InfrastructureError(f"The broker {self.shown_broker!r} {words}.") from error
            raise BrokerUnavailable(self.shown_broker, str(error).rstrip(".") or type(error).__name__) from error

    def now_ms(self) -> int:
        """The server's clock, read once and continued by ours: the time of every event and state."""
        if self._ahead_ms is None:
            try:
                self._ahead_ms = self.store.server_ms() - now_ms()
            except redis.RedisError:
                return now_ms()
        return now_ms() + self._ahead_ms

    def wait_for_hosts(self, *, timeout_s: float, hopeless: Callable[[], bool] = lambda: False) -> list[HostCard]:
        """Live hosts, as soon as there is one; empty after `timeout_s`, or if `hopeless`."""
        deadline_s = monotonic_s() + timeout_s
        while True:
            try:
                hosts = self.store.live_hosts()
            except redis.ConnectionError as error:
                if monotonic_s() > deadline_s:
                    raise BrokerUnavailable(self.shown_broker, str(error).rstrip(".")) from error
                hosts = []
            if hosts or monotonic_s() > deadline_s or hopeless():
                return hosts
            time.sleep(HOST_POLL_S)

    def live_team(self, *, timeout_s: float = CONTROL_START_S) -> list[HostCard]:
        """Live hosts; waits for a control worker that one of them has just started, at most `timeout_s`.

        Raises:
            redis.RedisError: the broker does not answer.
        """
        deadline_s = monotonic_s() + timeout_s
        while True:
            hosts = self.store.live_hosts()
            has_control = any(makes_reports(card) for card in hosts)
            if has_control or not any(card.brings_control for card in hosts) or monotonic_s() > deadline_s:
                return hosts
            time.sleep(HOST_POLL_S)

    def require_room(self) -> None:
        """A server that is full takes no heartbeats either: nobody looks live.

        Raises:
            InfrastructureError: it is full.
        """
        info: Any = self.store.client.info("memory")
        if 0 < int(info["maxmemory"]) <= int(info["used_memory"]):
            raise InfrastructureError(f"The broker {self.shown_broker!r} {WRITES_REFUSED[redis.OutOfMemoryError]}.")

    def submit(self, spec: ScanSpec, runs: Sequence[RunSpec]) -> None:
        """Writes a scan and publishes what is not reused, in the order of `runs`.

        Raises:
            BrokerUnavailable: the scan is not complete in Redis: no host will start it.
            InfrastructureError: the scan was written; a control worker will start the unpublished runs.
        """
        from kombu.exceptions import OperationalError  # Celery: takes a quarter of a second, and only a submit needs it

        from times_doctor_tasks.celery_app.app import app, configure
        from times_doctor_tasks.celery_app.canvas import enqueue, keeping_messages, publish_aggregate

        configure(self.broker_url, prefix=self.store.keys.prefix)
        app.conf.result_backend_transport_options |= {"retry_policy": PUBLISH_RETRIES}
        app.finalize()
        with self.answering():
            runs = in_fair_order(self.store, spec, runs)
            self.store.submit(spec, runs)
        waiting = [run for run in runs if run.run not in spec.reused]
        try:
            with keeping_messages(self.store):
                if waiting:
                    enqueue(spec, waiting)
                else:
                    publish_aggregate(spec)
        except (redis.RedisError, OperationalError, RuntimeError) as error:
            # RuntimeError: from Celery's result backend after its last retry.
            raise InfrastructureError(
                f"The broker {self.shown_broker!r} did not take all of scan {spec.scan}. Once it takes some again, a "
                f"control worker starts what was not. `times-doctor watch {spec.scan}` shows it, and `times-doctor "
                f"cancel {spec.scan}` stops it."
            ) from error

    def cancel(self, scan: str, runs: Iterable[str] = ("*",), *, now: bool = False) -> None:
        """Asks runs to stop; their hosts notice at the next beat. May raise `redis.RedisError`."""
        self.store.ask_cancel(scan, runs, StopRequest(StopReason.USER, now, self.me))

    def cancelled_by(self, scan: str) -> tuple[str, ...]:
        """Who asked runs of a scan to stop."""
        with self.answering():
            return self.store.cancelled_by([scan]).get(scan, ())

    def report(self, scan: str) -> Report | None:
        """The report, once it exists."""
        with self.answering():
            return self.store.report(scan)

    def fetch(self, result: RunResult, folder: Path) -> list[Path]:
        """Downloads the artefacts of one run into a folder.

        Raises:
            StoreFailed: one of them is not available; those before it were downloaded.
            OSError: the folder cannot be written.
        """
        return [self._save(artefact, folder) for artefact in result.artefacts]

    def _save(self, artefact: Artefact, folder: Path) -> Path:
        target = folder / safe_name(artefact.name)
        save(self.blobs, artefact.sha256, target)
        return target
