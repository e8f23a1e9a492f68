"""Publishes messages of runs through this process's Celery application."""

from __future__ import annotations

from times_doctor_tasks.celery_app.app import app
from times_doctor_tasks.celery_app.canvas import publish_again, publish_aggregate, publish_fresh
from times_doctor_tasks.contract.messages import ScanSpec
from times_doctor_tasks.state_store.run_store import RunStore


class Postman:
    """Every method may raise `redis.RedisError` or kombu's `OperationalError`."""

    def __init__(self, store: RunStore) -> None:
        self._store = store

    def again(self, scan: str, run: str, *, to_head: bool = False) -> bool:
        """Publishes the stored message of a run to its own queue; False when none was ever published."""
        return publish_again(app, self._store, scan, run, head=to_head)

    def to_host(self, scan: str, run: str, host: str) -> bool:
        """Publishes the kept message of a run to one host alone."""
        return publish_again(app, self._store, scan, run, host=host)

    def callback(self, spec: ScanSpec) -> None:
        """Publishes the callback that makes a scan's report."""
        publish_aggregate(spec)

    def fresh(self, spec: ScanSpec, run: str) -> None:
        """Publishes a new message for a run that never had one."""
        documents = {one.run: one for one in self._store.runs(spec)}
        after = spec.runs[spec.runs.index(run) + 1 :]
        if run in documents:
            following = [documents[one] for one in after if one in documents and one not in spec.reused]
            publish_fresh(spec, documents[run], following)
