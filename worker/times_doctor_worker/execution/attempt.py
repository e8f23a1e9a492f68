"""One attempt at one run, from its claim to its result: stage, solve, collect."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from times_doctor_tasks.blob_store.errors import StoreUnreachable
from times_doctor_tasks.config.resources import load_1m
from times_doctor_tasks.contract.clock import monotonic_s, now_ms
from times_doctor_tasks.contract.errors import TimesDoctorError
from times_doctor_tasks.contract.messages import RunResult
from times_doctor_tasks.contract.states import RunState, StopReason, Verdict
from times_doctor_tasks.parsers.progress.tracker import ProgressTracker
from times_doctor_tasks.profiles.option_check import check_reach
from times_doctor_tasks.results.long_files import longest
from times_doctor_tasks.results.profile_check import Statement, find_statements, judge_application
from times_doctor_tasks.results.run_reader import RunReading
from times_doctor_tasks.snapshot.manifest import Manifest
from times_doctor_worker.engines.port import Command, Engine, Job
from times_doctor_worker.execution.artefacts import drop_odd_files, keep_artefacts
from times_doctor_worker.execution.conflict_search import search_conflict
from times_doctor_worker.execution.memory_limit import said_so, seems_killed
from times_doctor_worker.execution.monitor import RunWatch
from times_doctor_worker.execution.result_builder import Facts, solved, unsolved
from times_doctor_worker.execution.run_reporter import Line, Uplink
from times_doctor_worker.execution.stop_policy import StopTimes
from times_doctor_worker.host.engine_availability import HostFault, Rotation
from times_doctor_worker.process.fork_server import Warden
from times_doctor_worker.process.log_tail import LogTail
from times_doctor_worker.process.process_usage import oom_kills
from times_doctor_worker.process.solver_process import SolverProcess
from times_doctor_worker.workspace.workspace import DiskFull, Workspace

_T = TypeVar("_T")
logger = logging.getLogger(__name__)

#: What an engine writes in addition to its log.
OUTPUT = "stdout.txt"
#: Options that the search for a conflict may warn about.
CONFLICT_OUTPUT = "conflict.txt"
#: Advice for a run whose options are refused.
LEAVE_OUT = "Leave that line out of the profile's options and scan again."
#: Seconds between tries of a store that does not answer.
STORE_PAUSE_S = 1.0
#: Errors of a full or broken disk, of a machine at its limits and of missing rights: the model is not to blame.
_OWN_FAULTS = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EACCES,
     errno.EPERM}
)  # fmt: skip


class Disowned(Exception):
    """Another attempt owns the run now: this one no longer counts."""


class Cancelled(Exception):
    """The run was cancelled, or its worker was asked to stop, before its engine started."""

    def __init__(self, reason: StopReason) -> None:
        super().__init__(reason)
        self.reason = reason


class Bench(msgspec.Struct, frozen=True):
    """What an attempt works with; the same for all attempts of a worker."""

    warden: Warden
    workspace: Workspace
    uplink: Uplink
    host: str
    instance: str
    rotation: Rotation
    shutdown: Callable[[], bool]
    """Whether this worker must end now and hand its runs back."""
    pause: Callable[[float], object]
    """Sleeps for that many seconds, or until the worker must end."""
    log_max_mb: float
    """What a run's log, listing or output may grow to."""


class Attempt:
    """One attempt. `perform` always returns a result, unless another attempt owns the run."""

    def __init__(self, bench: Bench, line: Line) -> None:
        self._bench = bench
        self._line = line
        self._run = line.run
        self._spec = line.spec
        self._tracker = ProgressTracker()
        #: How many processes of this machine the kernel's OOM killer killed while the engine ran.
        self._memory_kills = 0
        self.facts = Facts(attempt=line.fence.attempt, host=bench.host, claimed_ms=now_ms())

    def perform(self) -> RunResult:
        """Stages, solves and collects.

        Raises:
            Disowned: stop without a result.
            HostFault: this host cannot run it, another one may.
        """
        try:
            return self._perform()
        except Cancelled as stop:
            facts = replace(self.facts, stop_reason=stop.reason)
            return unsolved(self._run, facts, state=RunState.CANCELLED, sentence="Cancelled before the solver started.")
        except (TimesDoctorError, OSError) as error:
            if isinstance(error, DiskFull) or (isinstance(error, OSError) and error.errno in _OWN_FAULTS):
                raise HostFault(self._run.engine, self._bench.workspace.disk_fault() or str(error)) from error
            logger.exception("attempt failed", extra={"action": "attempt_failed", **self._ids()})
            return self.failed(f"Host {self._bench.host} could not run it: {error}")

    def failed(self, sentence: str, *, next_step: str = "See the worker's log on that host.") -> RunResult:
        """The result of an attempt that failed for a reason other than the model."""
        verdict = Verdict.SOLVER_FAILURE
        return unsolved(
            self._run, self.facts, state=RunState.FAILED, verdict=verdict, sentence=sentence, next_step=next_step
        )

    def _perform(self) -> RunResult:
        run, bench = self._run, self._bench
        for finding in check_reach(run.options, run.solver, run.engine):
            return self.failed(f"Refused by host {bench.host}. {finding.words(run.profile)}", next_step=LEAVE_OUT)
        self._raise_if_stopped()
        engine = bench.rotation.engine(run.engine)
        if engine is None:
            raise HostFault(run.engine, f"{bench.host} has no {run.engine}")
        licence = bench.rotation.licence(run.engine)
        self.facts = replace(self.facts, engine_version=engine.version, licence=licence)
        bench.uplink.advance(self._line, RunState.STAGING)
        with ExitStack() as used:
            job = self._stage(used)
            command = engine.prepare(job)
            self._raise_if_stopped()
            bench.uplink.advance(self._line, RunState.RUNNING)
            self._solve(engine, job, command)
            reading = self._read(engine, job)
            if reading.verdict is Verdict.INFEASIBLE and self._conflict_is_known(engine, job):
                reading = self._read(engine, job)
            bench.uplink.advance(self._line, RunState.COLLECTING)
            return self._collect(engine, job, reading)

    def _stage(self, used: ExitStack) -> Job:
        workspace, snapshot = self._bench.workspace, self._spec.model.snapshot
        manifest = self._from_store(lambda: workspace.manifest(snapshot))
        tree = self._from_store(lambda: used.enter_context(workspace.tree(snapshot, manifest)))
        folder = used.enter_context(
            workspace.attempt_folder(self._spec.scan, self._run.run, self._line.fence, tree=tree, manifest=manifest)
        )
        self.facts = replace(self.facts, directory=str(folder))
        return Job(self._run, manifest, tree, folder, self._spec.model.title)

    def _from_store(self, get: Callable[[], _T]) -> _T:
        """Waits for a store that does not answer, as we wait for Redis."""
        while True:
            try:
                return get()
            except StoreUnreachable as error:
                logger.warning("%s", error, extra={"action": "store_waits", **self._ids()})
            self._bench.pause(STORE_PAUSE_S)
            self._raise_if_stopped()

    def _solve(self, engine: Engine, job: Job, command: Command) -> None:
        marker = self._bench.workspace.marker(self._spec.scan, self._run.run)
        output = job.directory / OUTPUT
        self.facts = replace(self.facts, started_ms=now_ms(), load_1m=load_1m())
        start_s, kills_before = monotonic_s(), oom_kills()
        with self._spawn(command, job, marker, output) as process, LogTail(command.log) as tail:
            watch = RunWatch(
                self._line,
                self._tracker,
                engine.reader(),
                process,
                tail,
                StopTimes(grace_s=self._spec.grace_s, stop_cap_s=self._spec.stop_cap_s),
                is_worker_ending=self._bench.shutdown,
                written_mb=lambda: self._longest_text(engine, job)[0],
                log_max_mb=self._bench.log_max_mb,
            )
            end = watch.until_it_ends()
        ended_ms, runtime_s = now_ms(), monotonic_s() - start_s
        if self._line.disowned:
            raise Disowned
        drop_odd_files(job.directory)
        self._memory_kills = oom_kills() - kills_before
        stop_reason = end.stop_reason
        if stop_reason is None and said_so(end.returncode, (output, command.log)):
            stop_reason = StopReason.OUT_OF_MEMORY
        self.facts = replace(
            self.facts,
            ended_ms=ended_ms,
            runtime_s=runtime_s,
            **msgspec.structs.asdict(end) | {"stop_reason": stop_reason},
        )

    def _longest_text(self, engine: Engine, job: Job) -> tuple[float, str]:
        """Megabytes and name of the largest text that the run has written."""
        size_bytes, name = longest([job.directory / OUTPUT, *engine.artefacts(job)])
        return size_bytes / 1e6, name

    def _conflict_is_known(self, engine: Engine, job: Job) -> bool:
        """Whether a search for a conflict left an answer."""
        command = engine.conflict_search(job)
        if command is None or not self._run.iis_s or self.facts.stop_reason is not None:
            return False
        found = search_conflict(
            lambda: self._bench.warden.spawn(
                command.argv,
                cwd=job.directory,
                env=command.environ,
                marker=self._bench.workspace.marker(self._spec.scan, self._run.run),
                stderr_path=job.directory / CONFLICT_OUTPUT,
                reads=command.reads,
            ),
            self._line,
            job.directory,
            runtime_s=self.facts.runtime_s or 0.0,
            is_worker_ending=self._bench.shutdown,
        )
        if self._line.disowned:
            raise Disowned
        return found

    def _spawn(self, command: Command, job: Job, marker: Path, output: Path) -> SolverProcess:
        try:
            return self._bench.warden.spawn(
                command.argv,
                cwd=job.directory,
                env=command.environ,
                marker=marker,
                stdout_path=output,
                stderr_path=output,
                reads=command.reads,
            )
        except OSError as error:
            if error.errno == errno.E2BIG:  # parts of the command line come from the model
                raise
            raise HostFault(self._run.engine, f"{self._run.engine} cannot be started: {error}") from error

    def _collect(self, engine: Engine, job: Job, reading: RunReading) -> RunResult:
        statements = overruling_statements(job.tree, job.manifest)
        application = judge_application(self._run, reading, statements)
        veda = engine.finish(job)
        kept = keep_artefacts(self._bench.workspace.blobs, engine.artefacts(job))
        self.facts = replace(self.facts, artefacts=tuple(kept))
        result = solved(self._run, self.facts, reading, self._tracker, application)
        if veda is not None:
            result = msgspec.structs.replace(result, veda=veda)
        if result.stop_reason is StopReason.OUT_OF_MEMORY and self._run.mem_mb and self.facts.peak_memory_mb:
            used = f"It used {self.facts.peak_memory_mb:,.0f} MB and was given {self._run.mem_mb:,} MB."
            result = msgspec.structs.replace(result, sentence=f"{result.sentence} {used}")
        if result.stop_reason is StopReason.LOG_TOO_LARGE:
            size_mb, name = self._longest_text(engine, job)
            grown = f"{name} had {size_mb:,.0f} MB; this host allows {self._bench.log_max_mb:,.0f} MB."
            result = msgspec.structs.replace(result, sentence=f"{result.sentence} {grown}")
        return result

    def _read(self, engine: Engine, job: Job) -> RunReading:
        facts = self.facts
        reading = engine.read(job, returncode=facts.returncode, stop_reason=facts.stop_reason)
        solver_status = reading.solves[-1].solver_status if reading.solves else None
        if facts.stop_reason or not self._memory_kills or not seems_killed(facts.returncode, solver_status):
            return reading
        # A process that the kernel kills logs nothing: GAMS only sees that its solver is gone.
        self.facts = replace(facts, stop_reason=StopReason.OUT_OF_MEMORY)
        return engine.read(job, returncode=facts.returncode, stop_reason=StopReason.OUT_OF_MEMORY)

    def _raise_if_stopped(self) -> None:
        if self._line.disowned:
            raise Disowned
        if self._line.stop is not None:
            raise Cancelled(self._line.stop.reason)
        if self._bench.shutdown():
            raise Cancelled(StopReason.SHUTDOWN)
        if monotonic_s() >= self._line.seat_until_s:
            raise Cancelled(StopReason.HOST_LOST)

    def _ids(self) -> dict[str, object]:
        return {"scan": self._spec.scan, "run": self._run.run, "attempt": self._line.fence.attempt}


def overruling_statements(tree: Path, manifest: Manifest) -> Iterator[Statement]:
    """Lines of the staged driver and of files beside it that name a solver or an option file by themselves.

    A generator: searching all of a model's text takes longer than reading its log.
    """
    for file in manifest.files:
        if not file.path.endswith((".run", ".gms", ".inc", ".mod", ".dd")) or file.size_bytes > 1 << 20:
            continue
        with (tree / file.path).open(encoding="latin-1") as lines:
            yield from find_statements(os.path.basename(file.path), lines)  # noqa: PTH119  # posix text, not a path here
