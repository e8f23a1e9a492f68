"""What a program can do with scans: submit, watch, cancel, fetch. The command line uses nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import redis

from times_doctor_tasks.blobs import BlobStore, save
from times_doctor_tasks.clock import monotonic_s
from times_doctor_tasks.errors import BrokerUnavailable, InfrastructureError
from times_doctor_tasks.messages import AnyEvent, HostCard, Report, RunResult, RunSpec, ScanSpec
from times_doctor_tasks.settings import shown_url
from times_doctor_tasks.states import StopReason
from times_doctor_tasks.store import RunStore

#: Seconds between looks for a host that has not said hello yet.
HOST_POLL_S = 0.01


class Client:
    """One broker and one store, as a client sees them."""

    def __init__(self, store: RunStore, blobs: BlobStore, broker_url: str) -> None:
        self.store = store
        self.blobs = blobs
        self.broker_url = broker_url

    def wait_for_hosts(self, *, timeout_s: float, hopeless: Callable[[], bool] = lambda: False) -> list[HostCard]:
        """Hosts that live, as soon as there is one; empty after `timeout_s`, or when it is `hopeless`."""
        deadline_s = monotonic_s() + timeout_s
        while True:
            try:
                hosts = self.store.live_hosts()
            except redis.ConnectionError as error:
                if monotonic_s() > deadline_s:
                    raise BrokerUnavailable(shown_url(self.broker_url), str(error)) from error
                hosts = []
            if hosts or monotonic_s() > deadline_s or hopeless():
                return hosts
            time.sleep(HOST_POLL_S)

    def submit(self, spec: ScanSpec, runs: Sequence[RunSpec]) -> None:
        """Writes a scan and publishes it.

        Raises:
            BrokerUnavailable: nothing was published that the hosts would not find complete.
        """
        from kombu.exceptions import OperationalError  # Celery: a quarter of a second that only a submit needs

        from times_doctor_tasks.app import app, configure
        from times_doctor_tasks.canvas import enqueue, keeping_messages

        configure(self.broker_url, prefix=self.store.keys.prefix)
        app.finalize()
        try:
            self.store.submit(spec, runs)
            with keeping_messages(self.store):
                enqueue(spec, runs)
        except (redis.RedisError, OperationalError) as error:
            raise BrokerUnavailable(shown_url(self.broker_url), str(error)) from error

    def cancel(self, scan: str, runs: Iterable[str] = ("*",), *, now: bool = False) -> None:
        """Asks for runs to stop; their hosts notice with the next beat."""
        self.store.ask_cancel(scan, runs, reason=StopReason.USER, now=now)

    def report(self, scan: str) -> Report | None:
        """The report, once it exists."""
        return self.store.report(scan)

    def watch(self, spec: ScanSpec) -> Watch:
        """The scan's events from its beginning."""
        return Watch(self, spec)

    def fetch(self, result: RunResult, folder: Path) -> list[Path]:
        """Brings the artefacts of one run into a folder."""
        paths = []
        for artefact in result.artefacts:
            target = folder / Path(artefact.name).name
            save(self.blobs, artefact.sha256, target)
            paths.append(target)
        return paths


class Watch:
    """Events of one scan, oldest first, until its report exists."""

    def __init__(self, client: Client, spec: ScanSpec) -> None:
        self._client = client
        self._scan = spec.scan
        self._after = "0"
        self._lost_s: float | None = None
        #: Seconds without an answer after which the watch gives up.
        self.patience_s = 120.0

    def next_events(self, timeout_s: float) -> list[tuple[int, AnyEvent]] | None:
        """See `live.EventSource`; None once everything up to the report was told.

        Raises:
            InfrastructureError: the broker did not answer for `patience_s`.
        """
        store = self._client.store
        try:
            events = store.events(self._scan, after=self._after, block_ms=max(1, int(timeout_s * 1000)))
            if not events and store.is_reported(self._scan):
                return None
        except redis.RedisError as error:
            return self._without_answer(error, timeout_s)
        self._lost_s = None
        if events:
            self._after = events[-1][0]
        return [(at_ms, event) for _, at_ms, event in events]

    def _without_answer(self, error: redis.RedisError, timeout_s: float) -> list[tuple[int, AnyEvent]]:
        now_s = monotonic_s()
        self._lost_s = self._lost_s or now_s
        if now_s - self._lost_s > self.patience_s:
            url = shown_url(self._client.broker_url)
            raise InfrastructureError(f"{url!r} has not answered for {self.patience_s:.0f} s: {error}.") from error
        time.sleep(timeout_s)
        return []
