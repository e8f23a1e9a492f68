"""What the solve task calls: claim a run, make an attempt, finish it, take the next one from the line."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable
from typing import TypeVar

import msgspec
import redis
from kombu.exceptions import OperationalError

from times_doctor_tasks.contract.cancel_flag import parse_flag
from times_doctor_tasks.contract.errors import SchemaMismatch
from times_doctor_tasks.contract.hosts import ENGINE_NAMES, FULL, NATIVE_SOLVERS
from times_doctor_tasks.contract.keys import host_queue
from times_doctor_tasks.contract.messages import RunResult, RunSpec, ScanSpec, SolveTask
from times_doctor_tasks.contract.states import CONCLUSIVE, RunState, StopReason, Verdict
from times_doctor_tasks.state_store.run_store import Claim, Done, Leased, NobodyWaits, Owned, Parked, Room, RunStore
from times_doctor_worker.execution.attempt import Attempt, Bench, Disowned
from times_doctor_worker.execution.host_faults import HANDED_BACK, HostFaults
from times_doctor_worker.execution.result_builder import with_canceller
from times_doctor_worker.execution.result_spool import Spool
from times_doctor_worker.execution.run_reporter import Line
from times_doctor_worker.host.admission import Admission
from times_doctor_worker.host.engine_availability import HostFault
from times_doctor_worker.redis_io.publisher import Postman
from times_doctor_worker.redis_io.retry import GivenUp, insist

logger = logging.getLogger(__name__)
#: While waiting for an attempt: seconds between checks whether this worker must exit.
WAIT_S = 0.5
#: Seconds between tries of a run that got no licence.
LICENCE_S = 30.0
#: How the record names the end of such an attempt.
NO_LICENCE = f"{HANDED_BACK}: no licence"
#: How the record names the end of attempts that move to a host with more memory, or with a larger licence.
NO_MEMORY, TOO_LARGE = "out of memory", "too large for the licence"
_T = TypeVar("_T")
_RunDocuments = tuple[ScanSpec, RunSpec] | None


class Executor:
    """The solve port of a worker."""

    def __init__(
        self,
        store: RunStore,
        bench: Bench,
        admission: Admission,
        postman: Postman,
        spool: Spool,
        faults: HostFaults,
        *,
        is_taking: Callable[[], bool],
        leaving: threading.Event,
    ) -> None:
        """Args:
        is_taking: Whether this worker still begins runs.
        leaving: Set when this worker must stop all waiting.
        """
        self._store = store
        self._bench = bench
        self._admission = admission
        self._postman = postman
        self._spool = spool
        self._faults = faults
        self._is_taking = is_taking
        self._leaving = leaving
        self._busy: dict[str, int] = {}
        self._lock = threading.Lock()
        self._somebody_waits = True
        """Whether a run stood in line at the last look: who asks each time makes a freed slot wait for the answer."""

    def busy(self) -> list[str]:
        """`<scan> <run>` of every delivery in work."""
        with self._lock:
            return sorted(self._busy)

    def solve(self, task: SolveTask) -> str | None:
        """Runs one delivery; see `SolvePort`."""
        member = f"{task.scan} {task.run}"
        with self._lock:
            self._busy[member] = self._busy.get(member, 0) + 1
        try:
            return self._solve(task)
        except GivenUp:
            return None
        finally:
            with self._lock:
                self._busy[member] -= 1
                if not self._busy[member]:
                    del self._busy[member]

    def pick(self) -> None:
        """Takes the runs that fit from the line, in fair order; their messages go to this host's own queue."""
        bench, offer = self._bench, self._bench.rotation.offer()
        queues = [host_queue(bench.host), *offer.queues]

        def ask(free: Room) -> tuple[str, str, Room] | None:
            self._somebody_waits = True
            try:
                return self._store.take(bench.host, free, queues=queues, offers=offer.solvers)
            except NobodyWaits:
                self._somebody_waits = False
                return None

        try:
            while self._is_taking() and (taken := self._admission.take(ask)) is not None:
                self._postman.to_host(*taken, bench.host)
        except (redis.RedisError, OperationalError):
            # Redis is away: a run that was taken but not published stays in line, and is taken again.
            logger.warning("no run taken from the line", exc_info=True, extra={"action": "pick_failed"})

    def _solve(self, task: SolveTask) -> str | None:
        try:
            documents = self._documents(task)
        except SchemaMismatch as error:
            # A host that can read it takes the run: it is published again after a long wait.
            logger.error("%s", error, extra={"action": "run_unreadable", "scan": task.scan, "run": task.run})
            return None
        if documents is None:
            logger.warning("unknown run", extra={"action": "run_unknown", "scan": task.scan, "run": task.run})
            return "unknown"
        spec, run = documents
        if not self._is_taking():
            logger.info("not taken: put back", extra={"action": "put_back", "scan": spec.scan, "run": run.run})
            self._publish(run, to_head=True)
            return None
        if self._is_at_it(spec, run):
            logger.info("runs here already", extra={"action": "copy_dropped", "scan": spec.scan, "run": run.run})
            return None
        claim = self._claim(spec, run, self._bench.rotation.refusal(run.engine))
        return self._carry(spec, run, claim) if isinstance(claim, Owned) else _answer(claim, task)

    def _is_at_it(self, spec: ScanSpec, run: RunSpec) -> bool:
        """Whether an attempt of this worker still has the run when its message came again.

        It may have been requeued while this host was stopped, or the server may have forgotten the claim. A disowned
        attempt must end first: two attempts of one host would share a folder, a marker and a line.
        """
        line = self._bench.uplink.find(spec.scan, run.run)
        if line is None:
            return False
        if self._insist(lambda: line.is_still_ours(self._store), f"asking for {run.run}"):
            return True
        while not line.closed.wait(WAIT_S):
            if self._leaving.is_set():
                raise GivenUp(run.run)
        return False

    def _documents(self, task: SolveTask) -> _RunDocuments:
        def read() -> _RunDocuments:
            spec, run = self._store.task(task.scan, task.run)
            return (spec, run) if spec and run else None

        return self._insist(read, f"reading run {task.run}")

    def _claim(self, spec: ScanSpec, run: RunSpec, closed: str) -> Claim:
        token, need, bench = secrets.token_hex(8), self._admission.need(run), self._bench

        def ask(free: Room) -> Claim:
            return self._store.claim(
                spec, run, host=bench.host, instance=bench.instance, token=token, need=need, free=free, closed=closed
            )

        def claim(free: Room) -> Claim:
            answer = self._insist(lambda: ask(free), f"claiming run {run.run}")
            if isinstance(answer, Parked):  # noted before room is given back: that call picks it
                self._somebody_waits = True
            return answer

        return self._admission.claim(f"{spec.scan} {run.run}", need, claim)

    def _carry(self, spec: ScanSpec, run: RunSpec, claim: Owned) -> str | None:
        ids = {"scan": spec.scan, "run": run.run, "attempt": claim.fence.attempt}
        logger.info("run taken", extra={"action": "run_taken", **ids})
        try:
            with self._admission.released_after(f"{spec.scan} {run.run}"):
                line = self._bench.uplink.open(spec, run, claim.fence)
                line.stop = parse_flag(claim.cancel)
                line.seat_until_s = claim.seat_until_s
                try:
                    result = self._perform(line)
                    return None if result is None else self._end(line, result)
                finally:
                    self._bench.uplink.close(line)
                    if line.has_seat:
                        self._insist(lambda: self._store.free_seat(line.fence), f"freeing the seat of {run.run}")
        finally:
            if self._somebody_waits:
                self.pick()

    def _perform(self, line: Line) -> RunResult | None:
        """The attempt's result; None when the run goes on elsewhere. Raises nothing but `GivenUp`."""
        attempt = Attempt(self._bench, line)
        try:
            result = attempt.perform()
            fault = self._faults.behind(result)
        except Disowned:
            logger.warning("run is another host's now", extra={"action": "disowned", **line.ids()})
            return None
        except HostFault as found:
            fault, result = found, attempt.failed(f"Host {self._bench.host} could not run it: {found}")
        except Exception as error:
            # A bug of ours must end as a run document: a header task that raises stops its chord for ever.
            logger.exception("defect", extra={"action": "defect", **line.ids()})
            return attempt.failed(
                f"times-doctor itself failed on {self._bench.host}: {type(error).__name__}: {error}",
                next_step="Report this with the worker's log.",
            )
        return result if fault is None else self._elsewhere(line, result, fault)

    def _elsewhere(self, line: Line, result: RunResult, fault: HostFault) -> RunResult | None:
        """Takes this host out; the run goes to another one, or ends if it has been on enough hosts."""
        if not self._faults.take_out(fault, result):
            return result
        tries = self._insist(lambda: self._faults.hosts_failed(line), f"history of {line.run.run}")
        if len(tries) >= line.spec.max_attempts:
            sentence = f"No host could run it: {', '.join(tries)}. The last one said: {fault}"
            return msgspec.structs.replace(result, sentence=sentence)
        self._hand_back(line, f"{self._bench.host} cannot run it: {fault}", counted=True)
        return None

    def _end(self, line: Line, result: RunResult) -> str | None:
        if result.stop_reason in (StopReason.SHUTDOWN, StopReason.HOST_LOST):
            if result.verdict not in CONCLUSIVE:
                cut_off = ": the broker did not renew its seat" if result.stop_reason is StopReason.HOST_LOST else ""
                self._hand_back(line, f"{HANDED_BACK} by {self._bench.host}{cut_off}", counted=False)
                return None
            result = msgspec.structs.replace(result, stop_reason=None)  # it ended before its stop arrived
        if self._goes_to_larger(line, result):
            return None
        if result.verdict is Verdict.LICENCE and self._waits_for_licence(line):
            return None
        if result.stop_reason is StopReason.USER and line.stop is not None:
            result = with_canceller(result, line.stop.by)
        self._tell_failure(line, result)
        self._spool.put(result, line.fence)
        ended = self._insist(lambda: self._store.finish(line.spec, result, line.fence), f"finishing run {result.run}")
        self._spool.taken(result, line.fence)
        if not ended:
            logger.warning("result refused: the run is another host's", extra={"action": "refused", **line.ids()})
            return None
        logger.info("run ended as %s", result.state, extra={"action": "run_ended", **line.ids()})
        if ended + len(line.spec.reused) >= len(line.spec.runs):
            self._call_back(line)
        return result.state

    def _waits_for_licence(self, line: Line) -> bool:
        """Whether a run that got no licence is now in the line for another try, within its time limit."""
        spec, run, longest_s = line.spec, line.run, line.run.wait_licence_s
        if not longest_s:
            return False
        history, now_ms = self._insist(
            lambda: (self._store.history(spec.scan, run.run), self._store.server_ms()), f"history of {run.run}"
        )
        refused_ms = [one.end_ms for one in history if one.end_ms and one.ended_as.startswith(NO_LICENCE)]
        if refused_ms and now_ms - refused_ms[0] >= longest_s * 1000:
            return False
        reason = f"{NO_LICENCE} on {self._bench.host}"
        pause_s = min(LICENCE_S, longest_s / 4)
        logger.warning("%s; tried again in %.0f s", reason, pause_s, extra={"action": "no_licence", **line.ids()})
        return self._insist(
            lambda: self._store.release(spec, run.run, line.fence, reason=reason, waiting=run, waits_s=pause_s),
            f"putting {run.run} in line",
        )

    def _goes_to_larger(self, line: Line, result: RunResult) -> bool:
        """Whether a run that needs more memory, or a licence without size limit, is now in the line for such a host.

        Only once, and for memory only without `--mem`.
        """
        spec, run, offer, mem_mb = line.spec, line.run, f"{line.run.engine}.{line.run.solver}", 0
        if result.stop_reason is StopReason.OUT_OF_MEMORY and run.mem_mb is None:
            mem_mb = self._admission.total.mem_mb + 1
            lack, more = NO_MEMORY, f"more than {self._admission.total.mem_mb / 1024:.1f} GB"
            waiting = msgspec.structs.replace(run, mem_mb=mem_mb)
        elif result.verdict is Verdict.LICENCE and run.engine in NATIVE_SOLVERS:
            offer, lack, more = f"{FULL}.{run.solver}", TOO_LARGE, f"a larger licence of {ENGINE_NAMES[run.engine]}"
            waiting = msgspec.structs.replace(run, engine=FULL)
        else:
            return False
        history, cards = self._insist(
            lambda: (self._store.history(spec.scan, run.run), self._store.live_hosts()), f"history of {run.run}"
        )
        able = [card for card in cards if card.taking and card.shares_line and run.queue in card.queues]
        fit = [card for card in able if offer in card.solvers and card.cores >= run.threads]
        others = [card for card in fit if card.host != self._bench.host and card.memory_mb >= mem_mb]
        if not others or any(one.ended_as.startswith(lack) for one in history):
            return False
        reason = f"{lack} on {self._bench.host}: waits for a host with {more}"
        logger.warning(reason, extra={"action": "goes_to_larger", **line.ids()})
        return self._insist(
            lambda: self._store.release(spec, run.run, line.fence, reason=reason, counted=True, waiting=waiting),
            f"putting {run.run} in line",
        )

    def _hand_back(self, line: Line, reason: str, *, counted: bool) -> None:
        ours = self._insist(
            lambda: self._store.release(line.spec, line.run.run, line.fence, reason=reason, counted=counted),
            f"releasing run {line.run.run}",
        )
        if ours:
            logger.warning("run handed back", extra={"action": "handed_back", **line.ids()})
            self._publish(line.run, to_head=True)

    def _insist(self, call: Callable[[], _T], what: str) -> _T:
        return insist(call, what=what, ending=self._leaving)

    def _publish(self, run: RunSpec, *, to_head: bool) -> None:
        self._insist(lambda: self._postman.again(run.scan, run.run, to_head=to_head), f"publishing run {run.run}")

    def _call_back(self, line: Line) -> None:
        """Requests the report as soon as all runs have ended.

        Celery needs four more round trips to count the parts of a chord; its callback then finds the report there.
        """
        try:
            self._postman.callback(line.spec)
        except (redis.RedisError, OperationalError) as error:
            logger.info("Celery has to call back: %s", error, extra={"action": "callback_failed", **line.ids()})

    def _tell_failure(self, line: Line, result: RunResult) -> None:
        """Logs a run's error at once as one line with its name; it is also in the report."""
        if result.state is RunState.FAILED or result.verdict in (Verdict.NOT_APPLIED, Verdict.INFEASIBLE):
            line.note(result.sentence, level="error")
            try:
                line.send(self._store, 0.0)
            except redis.RedisError:
                logger.warning("note not sent", exc_info=True, extra={"action": "note_lost", **line.ids()})


def _answer(claim: Claim, task: SolveTask) -> str | None:
    ids = {"scan": task.scan, "run": task.run}
    match claim:
        case Done(state):
            return state  # a copy of a done run returns, so that its chain or chord goes on
        case Leased(host):
            logger.info("runs on %s already", host, extra={"action": "copy_dropped", **ids})
        case Parked(reason):
            logger.info("parked: %s", reason, extra={"action": "parked", **ids})
        case _:
            logger.warning("unknown run", extra={"action": "run_unknown", **ids})
            return "unknown"
    return None
