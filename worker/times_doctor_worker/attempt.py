"""One attempt at one run, from its claim to its result: stage, solve, collect."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from times_doctor_tasks.applied import Statement, find_statements, judge_application
from times_doctor_tasks.clock import monotonic_s, now_ms
from times_doctor_tasks.errors import TimesDoctorError
from times_doctor_tasks.manifest import Manifest
from times_doctor_tasks.messages import ProgressMade, RunResult
from times_doctor_tasks.parsers.progress import ProgressTracker
from times_doctor_tasks.progress import SOLVING
from times_doctor_tasks.states import RunState, StopReason, Verdict
from times_doctor_worker.artefacts import keep_artefacts
from times_doctor_worker.engines.port import Command, Engine, Job
from times_doctor_worker.memory import TreeMeter
from times_doctor_worker.outcome import Facts, solved, unsolved
from times_doctor_worker.processes import SolverProcess
from times_doctor_worker.stopping import StagedStop, StopAction, StopTimes
from times_doctor_worker.tail import LogTail
from times_doctor_worker.uplink import Line, StopRequest, Uplink
from times_doctor_worker.warden import Warden
from times_doctor_worker.workspace import Workspace

logger = logging.getLogger(__name__)

#: Seconds between looks at a running engine's log: the table shows a line within this and the uplink's tick.
POLL_S = 0.05
#: Seconds between samples of a running engine's memory and CPU.
SAMPLE_S = 0.5


class Disowned(Exception):
    """Another attempt owns the run now: nothing of this one counts any more."""


class Cancelled(Exception):
    """The run was cancelled before its engine started."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What an attempt works with; the same for all attempts of a worker."""

    warden: Warden
    workspace: Workspace
    uplink: Uplink
    host: str
    engines: dict[str, Engine]
    licences: dict[str, str]
    shutdown: Callable[[], bool]
    """Whether this worker must end now and hand its runs back."""


class Attempt:
    """One attempt. `perform` always returns a result, unless the run is not ours any more."""

    def __init__(self, bench: Bench, line: Line) -> None:
        self._bench = bench
        self._line = line
        self._run = line.run
        self._spec = line.spec
        self._tracker = ProgressTracker()
        self.facts = Facts(attempt=line.fence.attempt, host=bench.host, claimed_ms=now_ms())

    def perform(self) -> RunResult:
        """Stages, solves and collects.

        Raises:
            Disowned: stop without a result.
        """
        try:
            return self._perform()
        except Cancelled:
            reason = self._line.stop.reason if self._line.stop else StopReason.USER
            self.facts.stop_reason = reason
            return unsolved(
                self._run, self.facts, state=RunState.CANCELLED, sentence="Cancelled before the solver started."
            )
        except (TimesDoctorError, OSError) as error:
            logger.exception("attempt failed", extra={"action": "attempt_failed", "run": self._run.run})
            return unsolved(
                self._run,
                self.facts,
                state=RunState.FAILED,
                verdict=Verdict.SOLVER_FAILURE,
                sentence=f"Host {self._bench.host} could not run it: {error}",
                next_step="See the worker's log on that host.",
            )

    def _perform(self) -> RunResult:
        run, bench = self._run, self._bench
        engine = bench.engines.get(run.engine)
        if engine is None:
            return unsolved(
                run,
                self.facts,
                state=RunState.FAILED,
                sentence=f"Host {bench.host} has no engine {run.engine!r}.",
                next_step="Subscribe the host only to the queues of solvers it has.",
            )
        self.facts.engine_version = engine.version
        self.facts.licence = bench.licences.get(run.engine)
        bench.uplink.advance(self._line, RunState.STAGING)
        job = self._stage()
        command = engine.prepare(job)
        self._raise_if_stopped()
        bench.uplink.advance(self._line, RunState.RUNNING)
        self._solve(engine, job, command)
        bench.uplink.advance(self._line, RunState.COLLECTING)
        return self._collect(engine, job)

    def _stage(self) -> Job:
        workspace = self._bench.workspace
        manifest = workspace.manifest(self._spec.model.snapshot)
        tree = workspace.tree(self._spec.model.snapshot, manifest)
        folder = workspace.attempt_folder(
            self._spec.scan, self._run.run, self._line.fence, tree=tree, manifest=manifest
        )
        self.facts.directory = str(folder)
        return Job(self._run, manifest, tree, folder)

    def _solve(self, engine: Engine, job: Job, command: Command) -> None:
        marker = self._bench.workspace.marker(self._spec.scan, self._run.run)
        output = job.directory / "stdout.txt"
        self.facts.started_ms = now_ms()
        start_s = monotonic_s()
        with (
            self._bench.warden.spawn(
                command.argv,
                cwd=job.directory,
                env=command.environ,
                marker=marker,
                stdout_path=output,
                stderr_path=output,
            ) as process,
            LogTail(command.log) as tail,
        ):
            _Watch(self, engine, process, tail, start_s).until_it_ends()
        self.facts.ended_ms = now_ms()
        self.facts.runtime_s = monotonic_s() - start_s

    def _collect(self, engine: Engine, job: Job) -> RunResult:
        reading = engine.read(job, returncode=self.facts.returncode, stop_reason=self.facts.stop_reason)
        statements = overruling_statements(job.tree, job.manifest)
        application = judge_application(self._run, reading, statements)
        self.facts.artefacts = keep_artefacts(self._bench.workspace.blobs, engine.artefacts(job))
        return solved(self._run, self.facts, reading, self._tracker, application)

    def _raise_if_stopped(self) -> None:
        if self._line.disowned:
            raise Disowned
        if self._line.stop is not None:
            raise Cancelled

    # What the watch needs of its attempt.

    @property
    def line(self) -> Line:
        """The run's line to Redis."""
        return self._line

    @property
    def tracker(self) -> ProgressTracker:
        """Progress so far."""
        return self._tracker

    def stop_times(self) -> StopTimes:
        """The scan's times for a staged stop."""
        return StopTimes(grace_s=self._spec.grace_s, stop_cap_s=self._spec.stop_cap_s)

    def is_worker_ending(self) -> bool:
        """Whether the worker must hand its runs back."""
        return self._bench.shutdown()


class _Watch:
    """Looks at one running engine: log, memory, time limit, cancel."""

    def __init__(self, attempt: Attempt, engine: Engine, process: SolverProcess, tail: LogTail, start_s: float) -> None:
        self._attempt = attempt
        self._line = attempt.line
        self._reader = engine.reader()
        self._process = process
        self._tail = tail
        self._start_s = start_s
        self._stop = StagedStop(attempt.stop_times())
        self._meter = TreeMeter(process.pid)
        self._next_sample_s = 0.0
        self._obeyed: StopRequest | None = None

    def until_it_ends(self) -> None:
        """Returns when the engine is gone and its log is read to the end."""
        while (ended := self._process.wait(POLL_S)) is None:
            self._read(self._tail.poll())
            self._sample()
            self._heed()
        self._read(self._tail.drain())
        self._attempt.tracker.update(self._reader.close(), now_s=self._runtime_s())
        self._attempt.facts.returncode = ended.returncode
        if self._line.disowned:
            raise Disowned

    def _runtime_s(self) -> float:
        return monotonic_s() - self._start_s

    def _read(self, text: str) -> None:
        if not text:
            return
        tracker = self._attempt.tracker
        tracker.update(self._reader.feed(text), now_s=self._runtime_s())
        if tracker.progress is not None:
            self._line.show(
                ProgressMade(
                    run=self._line.run.run,
                    attempt=self._line.fence.attempt,
                    progress=tracker.progress,
                    runtime_s=round(self._runtime_s(), 3),
                    memory_mb=self._attempt.facts.peak_memory_mb,
                )
            )

    def _sample(self) -> None:
        now_s = monotonic_s()
        if now_s < self._next_sample_s:
            return
        self._next_sample_s = now_s + SAMPLE_S
        usage = self._meter.sample()
        self._attempt.facts.peak_memory_mb = round(self._meter.peak_rss_bytes / (1 << 20), 1)
        action = self._stop.step(
            now_s,
            log_bytes=self._tail.size_bytes,
            cpu_s=usage.cpu_s,
            is_alive=True,
            is_solving=_is_solving(self._attempt.tracker),
        )
        self._act(action)

    def _heed(self) -> None:
        """Notices that the run must stop; the first reason is the one that counts."""
        request = self._request()
        if request is None or request == self._obeyed:
            return
        self._obeyed = request
        if self._attempt.facts.stop_reason is None:
            self._attempt.facts.stop_reason = request.reason
        self._stop.ask(now=request.now)
        self._next_sample_s = 0.0
        self._sample()

    def _request(self) -> StopRequest | None:
        if self._line.disowned:
            return StopRequest(StopReason.HOST_LOST, now=True)
        if self._attempt.is_worker_ending():
            return StopRequest(StopReason.SHUTDOWN, now=True)
        if self._line.stop is not None:
            return self._line.stop
        limit_s = self._line.run.timeout_s
        if limit_s is not None and self._runtime_s() >= limit_s:
            return StopRequest(StopReason.TIMEOUT)
        return None

    def _act(self, action: StopAction | None) -> None:
        if action is StopAction.INTERRUPT:
            self._process.interrupt()
        elif action is StopAction.TERMINATE:
            self._process.terminate()
        elif action is StopAction.KILL:
            self._process.kill()


def _is_solving(tracker: ProgressTracker) -> bool:
    """Whether a solver works now, so that a stop which it took for one solve of many must be said again."""
    return tracker.progress is not None and tracker.progress.phase in SOLVING


def overruling_statements(tree: Path, manifest: Manifest) -> list[Statement]:
    """Lines of the staged driver and of files beside it that name a solver or an option file by themselves."""
    found: list[Statement] = []
    for file in manifest.files:
        if not file.path.endswith((".run", ".gms", ".inc", ".mod", ".dd")) or file.size_bytes > 1 << 20:
            continue
        with (tree / file.path).open(encoding="latin-1") as lines:
            found += find_statements(os.path.basename(file.path), lines)  # noqa: PTH119  # posix text, not a path here
    return found
