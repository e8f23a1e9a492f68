"""Publishes the messages of a submitted scan: a chord if parallel, a chain if sequential."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from celery import Celery, chain, chord, signals

from times_doctor_tasks.celery_app import internals
from times_doctor_tasks.celery_app.aggregate_task import aggregate_scan
from times_doctor_tasks.celery_app.app import DEFAULT_PRIORITY
from times_doctor_tasks.celery_app.solve_task import SOLVE, solve
from times_doctor_tasks.contract.keys import CONTROL_QUEUE, host_queue
from times_doctor_tasks.contract.messages import AggregateTask, RunSpec, ScanSpec, SolveTask, to_task
from times_doctor_tasks.contract.states import ScanMode
from times_doctor_tasks.state_store.run_store import RunStore


def solve_id(scan: str, run: str) -> str:
    """Celery's id of a run's task: the same at every publication, so that Celery counts its chord part once."""
    return f"{scan}.{run}"


def aggregate_id(scan: str) -> str:
    """Celery's id of a scan's callback."""
    return f"{scan}.aggregate"


def solve_signature(spec: ScanSpec, run: RunSpec) -> Any:
    """The signature of a run's task, with all that Flower shows."""
    message = to_task(SolveTask(scan=spec.scan, run=run.run))
    return solve.si(message).set(
        task_id=solve_id(spec.scan, run.run),
        queue=run.queue,
        priority=run.priority,
        argsrepr=f"{run.profile} ({run.solver}) of {spec.model.title}, scan {spec.scan}",
        kwargsrepr="",
    )


def aggregate_signature(spec: ScanSpec) -> Any:
    """The signature of a scan's callback."""
    return aggregate_scan.si(to_task(AggregateTask(scan=spec.scan))).set(
        task_id=aggregate_id(spec.scan), queue=CONTROL_QUEUE, priority=0, argsrepr=f"scan {spec.scan}", kwargsrepr=""
    )


def enqueue(spec: ScanSpec, runs: Sequence[RunSpec]) -> None:
    """Publishes a scan that has been submitted. Every message is kept (see `keeping_messages`) before it leaves."""
    header = [solve_signature(spec, run) for run in runs]
    callback = aggregate_signature(spec)
    if spec.mode is ScanMode.CHORD:
        chord(header, callback).apply_async()
    else:
        chain(*header, callback).apply_async()


@contextmanager
def keeping_messages(store: RunStore) -> Iterator[None]:
    """While open, stores the exact message of every solve before this process publishes it."""

    def keep(
        sender: str, body: Any, routing_key: str, headers: dict[str, Any], properties: dict[str, Any], **_: Any
    ) -> None:
        if sender != SOLVE:
            return
        message = body[0][0]
        kept = {
            "body": msgspec.json.encode(body),
            "headers": msgspec.json.encode(headers),
            "properties": msgspec.json.encode(properties),
            "queue": routing_key.encode(),
        }
        store.keep_message(message["scan"], message["run"], kept)

    signals.before_task_publish.connect(keep, weak=False)
    try:
        yield
    finally:
        signals.before_task_publish.disconnect(keep)


def publish_again(app: Celery, store: RunStore, scan: str, run: str, *, host: str = "", head: bool = False) -> bool:
    """Publishes the stored message of a run again; False if there is none.

    Args:
        host: To the front of this host's own queue: it took the run from the line.
        head: Before others of its priority, for a run that was handed back.
    """
    kept = store.message(scan, run)
    if not kept:
        return False
    name = host_queue(host) if host else kept["queue"].decode()
    body, headers, properties = (msgspec.json.decode(kept[part]) for part in ("body", "headers", "properties"))
    with app.producer_pool.acquire(block=True) as producer:
        if host or head:
            priority = 0 if host else properties.get("priority", DEFAULT_PRIORITY)
            internals.push_to_head(producer, name, body, headers, properties, priority=priority)
            return True
        producer.publish(body, routing_key=name, exchange="", serializer="json", headers=headers, **properties)
    return True


def publish_fresh(spec: ScanSpec, run: RunSpec, following: Sequence[RunSpec]) -> None:
    """Publishes a run whose message never left the client; in a chain, with those that follow it.

    It is not a part of a chord, whose report then comes after a deadline.
    """
    if spec.mode is ScanMode.CHORD:
        solve_signature(spec, run).apply_async()
    else:
        header = [solve_signature(spec, one) for one in (run, *following)]
        chain(*header, aggregate_signature(spec)).apply_async()


def publish_aggregate(spec: ScanSpec) -> None:
    """Publishes the callback directly; Celery's own, if it comes, finds the report."""
    aggregate_signature(spec).apply_async()
