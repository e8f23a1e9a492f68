"""What the solve task calls: claim a run, carry an attempt through, finish it, let the next parked run in."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable

import redis

from times_doctor_tasks.messages import RunResult, RunSpec, ScanSpec, SolveTask
from times_doctor_tasks.states import RunState, StopReason, Verdict
from times_doctor_tasks.store import Claim, Done, Leased, Owned, Parked, Room, RunStore
from times_doctor_worker.admission import Admission
from times_doctor_worker.attempt import Attempt, Bench, Disowned
from times_doctor_worker.insist import GivenUp, insist
from times_doctor_worker.outcome import unsolved
from times_doctor_worker.uplink import Line, parse_cancel

logger = logging.getLogger(__name__)
_RunDocuments = tuple[ScanSpec, RunSpec] | None
Republish = Callable[[str, str, str | None], object]


class Executor:
    """The solve port of a worker."""

    def __init__(
        self, store: RunStore, bench: Bench, admission: Admission, republish: Republish, ending: threading.Event
    ) -> None:
        """Args:
        republish: Publishes the kept message of (scan, run) to a queue, None = the one it came from.
        ending: Set when this worker must end at once.
        """
        self._store = store
        self._bench = bench
        self._admission = admission
        self._republish = republish
        self._ending = ending

    def solve(self, task: SolveTask) -> str | None:
        """Runs one delivery; see `SolvePort`."""
        try:
            documents = self._documents(task)
            if documents is None:
                logger.warning("unknown run %s of %s", task.run, task.scan, extra={"action": "run_unknown"})
                return "unknown"
            claim = self._claim(*documents)
            if isinstance(claim, Owned):
                return self._carry(*documents, claim)
        except GivenUp:
            return None
        return _answer(claim, task)

    def _documents(self, task: SolveTask) -> _RunDocuments:
        def read() -> _RunDocuments:
            spec, run = self._store.scan(task.scan), self._store.run(task.scan, task.run)
            return (spec, run) if spec and run else None

        return insist(read, what=f"reading run {task.run}", ending=self._ending)

    def _claim(self, spec: ScanSpec, run: RunSpec) -> Claim:
        token, need = secrets.token_hex(8), self._admission.need(run)

        def ask(free: Room) -> Claim:
            return self._store.claim(spec, run, host=self._bench.host, token=token, need=need, free=free)

        return self._admission.claim(
            _member(spec, run),
            need,
            lambda free: insist(lambda: ask(free), what=f"claiming run {run.run}", ending=self._ending),
        )

    def _carry(self, spec: ScanSpec, run: RunSpec, claim: Owned) -> str | None:
        try:
            with self._admission.released_after(_member(spec, run)):
                line = self._bench.uplink.open(spec, run, claim.fence)
                line.stop = parse_cancel(claim.cancel)
                try:
                    result = self._perform(line)
                    return None if result is None else self._end(line, result)
                finally:
                    self._bench.uplink.close(line)
        finally:
            self._pick()

    def _perform(self, line: Line) -> RunResult | None:
        """The attempt's result; None when the run is not ours any more. Never raises anything else."""
        attempt = Attempt(self._bench, line)
        try:
            return attempt.perform()
        except Disowned:
            logger.warning("run %s is another host's now", line.run.run, extra={"action": "disowned"})
            return None
        except Exception as error:
            # A defect of ours must end as a run document: a raising header task would stop its chord for ever.
            logger.exception("defect in run %s", line.run.run, extra={"action": "defect"})
            return unsolved(
                line.run,
                attempt.facts,
                state=RunState.FAILED,
                verdict=Verdict.SOLVER_FAILURE,
                sentence=f"times-doctor itself failed on {self._bench.host}: {type(error).__name__}: {error}",
                next_step="Report this with the worker's log.",
            )

    def _end(self, line: Line, result: RunResult) -> str | None:
        if result.stop_reason is StopReason.SHUTDOWN:
            self._hand_back(line)
            return None
        self._tell_failure(line, result)
        won = insist(
            lambda: self._store.finish(line.spec, result, line.fence),
            what=f"finishing run {result.run}",
            ending=self._ending,
        )
        if not won:
            logger.warning("result of %s refused: it is another host's", result.run, extra={"action": "finish_refused"})
            return None
        return result.state

    def _hand_back(self, line: Line) -> None:
        spec, run = line.spec, line.run.run
        insist(
            lambda: self._store.release(spec, run, line.fence, reason=f"handed back by {self._bench.host}"),
            what=f"releasing run {run}",
            ending=self._ending,
        )
        self._republish(spec.scan, run, None)

    def _tell_failure(self, line: Line, result: RunResult) -> None:
        """A run's error is one named line at once, not only in the report."""
        if result.state is RunState.FAILED or result.verdict in (Verdict.NOT_APPLIED, Verdict.INFEASIBLE):
            line.note(result.sentence, level="error")
            try:
                line.send(self._store, 0.0)
            except redis.RedisError:
                logger.warning("note of %s not sent", result.run, exc_info=True)

    def _pick(self) -> None:
        """Lets parked runs in that fit now, best first."""
        try:
            for scan, run, need in self._store.parked(self._bench.host):
                free = self._admission.free()
                fits = need.threads <= free.threads and need.mem_mb <= free.mem_mb
                if fits and self._store.unpark(self._bench.host, scan, run):
                    self._republish(scan, run, self._bench.host)
                    return
        except Exception:
            # Redis is away, or the message is gone: the sweeper publishes waiting runs again.
            logger.warning("no parked run picked", exc_info=True, extra={"action": "pick_failed"})


def _member(spec: ScanSpec, run: RunSpec) -> str:
    return f"{spec.scan} {run.run}"


def _answer(claim: Claim, task: SolveTask) -> str | None:
    match claim:
        case Done(state):
            return state  # a copy of a done run returns, so that its chain or chord goes on
        case Leased(host):
            logger.info("%s runs on %s already", task.run, host, extra={"action": "copy_dropped"})
        case Parked(reason):
            logger.info("%s parked: %s", task.run, reason, extra={"action": "parked"})
        case _:
            logger.warning("unknown run %s of %s", task.run, task.scan, extra={"action": "run_unknown"})
            return "unknown"
    return None
