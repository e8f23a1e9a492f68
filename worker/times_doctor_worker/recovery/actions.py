"""The actions for a run without a live owner: publish it again, or end it."""

from __future__ import annotations

from typing import Protocol

import msgspec

from times_doctor_tasks.contract.cancel_flag import StopRequest
from times_doctor_tasks.contract.clock import now_ms
from times_doctor_tasks.contract.messages import RunResult, RunSpec, ScanSpec
from times_doctor_tasks.contract.states import RunState, ScanMode, StopReason
from times_doctor_tasks.state_store.run_store import RunStatus, RunStore
from times_doctor_worker.execution.host_faults import HANDED_BACK
from times_doctor_worker.execution.result_builder import with_canceller

_NEXT_STEPS: dict[StopReason | None, str] = {
    StopReason.HOST_LOST: "See memory and the worker's log on those hosts.",
    None: "`times-doctor deadletters` shows what came. Scan again: nothing is wrong with the model.",
}


class Publisher(Protocol):
    """Publishes messages of runs."""

    def again(self, scan: str, run: str, *, to_head: bool = False) -> bool:
        """The stored message of a run; False when none was ever published."""

    def fresh(self, spec: ScanSpec, run: str) -> None:
        """Publishes a new message for a run that never had one."""


class Remedies:
    """The actions of recovery."""

    def __init__(self, store: RunStore, publisher: Publisher) -> None:
        self._store = store
        self._publisher = publisher

    def publish(self, spec: ScanSpec, run: str, *, to_head: bool = False) -> None:
        """Publishes the message of a run again; CLAIM rejects a duplicate."""
        if not self._publisher.again(spec.scan, run, to_head=to_head):
            self._publisher.fresh(spec, run)

    def requeue(self, spec: ScanSpec, run: str, seen: RunStatus, *, reason: str) -> None:
        """Gives a run to the next host that takes it.

        It is marked after the publication: a crash in between leaves a silent run, which the next sweep finds.
        """
        self.publish(spec, run, to_head=True)
        self._store.requeued(spec, run, seen=seen, reason=reason)

    def lose(self, spec: ScanSpec, run: str, seen: RunStatus) -> None:
        """Ends a run whose attempts are used up. If several workers died, the run is likely the cause."""
        history = self._store.history(spec.scan, run)
        hosts = [attempt.host for attempt in history if not attempt.ended_as.startswith(HANDED_BACK)]
        if len(hosts) > 1:
            sentence = f"Every worker that ran it ended: {', '.join(hosts)}."
            self._conclude(spec, run, RunState.FAILED, StopReason.HOST_LOST, sentence, seen=seen)
        else:
            sentence = f"Its worker on {seen.host} is gone."
            self._conclude(spec, run, RunState.LOST, StopReason.HOST_LOST, sentence, seen=seen)

    def cancel(self, spec: ScanSpec, run: str, request: StopRequest) -> None:
        """Ends a run that waits."""
        self._conclude(spec, run, RunState.CANCELLED, request.reason, "Cancelled before it started.", by=request.by)

    def refuse(self, spec: ScanSpec, run: str, why: str) -> None:
        """Ends a run with a dead letter; in a chain, publishes the next runs, which only that message carried."""
        self._give_up(spec, run, f"No worker could read its message: {why}.")

    def lost_document(self, spec: ScanSpec, run: str) -> None:
        """Likewise ends a waiting run whose document no host can read."""
        self._give_up(spec, run, "Its document in Redis is gone, or cannot be read.")

    def _give_up(self, spec: ScanSpec, run: str, sentence: str) -> None:
        self._conclude(spec, run, RunState.FAILED, None, sentence)
        if spec.mode is ScanMode.CHAIN and run in spec.runs:
            statuses = self._store.statuses(spec)
            following = (one for one in spec.runs[spec.runs.index(run) + 1 :] if one in statuses)
            waiting = next((one for one in following if statuses[one].state is RunState.QUEUED), None)
            if waiting is not None:
                self._publisher.fresh(spec, waiting)

    def _conclude(
        self,
        spec: ScanSpec,
        run: str,
        state: RunState,
        reason: StopReason | None,
        sentence: str,
        *,
        seen: RunStatus | None = None,
        by: str = "",
    ) -> None:
        if run not in spec.runs:
            return
        stand_in = RunSpec.stand_in(spec.scan, run, spec.runs.index(run))
        document = next(iter(self._store.runs(spec, [run])), stand_in)
        result = msgspec.structs.replace(
            RunResult.of(document, state),
            attempt=seen.attempt if seen else 0,
            host=seen.host if seen else None,
            stop_reason=reason,
            sentence=sentence,
            next_step=_NEXT_STEPS.get(reason, ""),
            threads=document.threads,
            finished_ms=now_ms(),
        )
        self._store.conclude(spec, with_canceller(result, by), seen=seen)
