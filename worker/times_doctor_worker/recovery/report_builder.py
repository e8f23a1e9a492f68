"""What the aggregate task calls: makes the report from a scan's documents."""

from __future__ import annotations

import logging
import secrets
import threading

import msgspec

from times_doctor_tasks.analysis.comparison import compare
from times_doctor_tasks.analysis.history import records_of
from times_doctor_tasks.analysis.recommendation import recommend
from times_doctor_tasks.celery_app.rounds import go_on
from times_doctor_tasks.contract.clock import now_ms
from times_doctor_tasks.contract.messages import AggregateTask, Report, RunResult, RunSpec, ScanSpec
from times_doctor_tasks.contract.states import TERMINAL, RunState
from times_doctor_tasks.state_store.past_runs import add_past_runs
from times_doctor_tasks.state_store.run_store import RunStatus, RunStore
from times_doctor_worker.redis_io.periodic import Repeating
from times_doctor_worker.redis_io.retry import GivenUp, insist

logger = logging.getLogger(__name__)
#: Seconds after the death of an aggregator before another may try, and between renewals of its lease while it lives.
AGGREGATE_LEASE_S = 5
RENEW_S = 1.0


class Reporter:
    """The aggregate port of a control worker."""

    def __init__(self, store: RunStore, ending: threading.Event) -> None:
        self._store = store
        self._ending = ending

    def aggregate(self, task: AggregateTask) -> str:
        """Makes the report of a scan; see `AggregatePort`."""
        try:
            return insist(lambda: self._aggregate(task.scan), what=f"report of {task.scan}", ending=self._ending)
        except GivenUp:
            return "given up"

    def _aggregate(self, scan: str) -> str:
        spec = self._store.scan(scan)
        if spec is None:
            return "unknown"
        if not self._store.begin_report(scan, token := secrets.token_hex(8), lease_s=AGGREGATE_LEASE_S):
            return "done"  # Celery's callback and ours come together: only one reads the documents
        client, lease = self._store.client, self._store.keys.aggregating(scan)
        try:
            with Repeating(lambda: client.expire(lease, AGGREGATE_LEASE_S), period_s=RENEW_S, name="report lease"):
                return self._report(spec)
        finally:
            self._store.end_report(scan, token)

    def _report(self, spec: ScanSpec) -> str:
        scan, found = spec.scan, self._store.documents(spec)
        if self._store.is_reported(scan):
            # After a pause longer than the lease, documents may be missing: another report has removed them.
            return "done"
        if any(status.state not in TERMINAL for status in found.statuses.values()):
            return "open"  # callback of a chain whose last run was dropped: the sweeper calls again
        if go_on(self._store, spec, found):
            logger.info("scan %s continues with another round", scan, extra={"action": "round_added", "scan": scan})
            return "goes on"
        report = make_report(spec, found.runs, found.results, found.statuses)
        add_past_runs(self._store, records_of(report, found.runs))
        self._store.write_report(report)
        logger.info("scan %s reported", scan, extra={"action": "reported"})
        return "reported"


def make_report(
    spec: ScanSpec, runs: list[RunSpec], results: dict[str, RunResult], statuses: dict[str, RunStatus]
) -> Report:
    """The report of a scan: results in the scan's order, the comparison, and which profile to use."""
    ordered = tuple(results[run.run] if run.run in results else _vanished(run, statuses[run.run].state) for run in runs)
    comparison = compare(ordered, spec)
    return Report(
        scan=spec.scan,
        spec=spec,
        runs=ordered,
        comparison=comparison,
        recommendation=recommend(ordered, comparison, spec),
        created_ms=now_ms(),
    )


def _vanished(run: RunSpec, state: RunState) -> RunResult:
    return msgspec.structs.replace(
        RunResult.of(run, state),
        sentence="Its result is not in Redis any more.",
        next_step="Scan again; check that Redis does not evict keys (maxmemory-policy noeviction).",
    )
