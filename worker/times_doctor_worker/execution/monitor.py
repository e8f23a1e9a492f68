"""Watches one running engine: its log, its memory, its time limit, and requests to stop it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from times_doctor_tasks.contract.cancel_flag import StopRequest
from times_doctor_tasks.contract.clock import monotonic_s
from times_doctor_tasks.contract.messages import ProgressMade
from times_doctor_tasks.contract.progress import SOLVING
from times_doctor_tasks.contract.states import StopReason
from times_doctor_tasks.parsers.progress.tracker import ProgressTracker
from times_doctor_worker.engines.port import LogReader
from times_doctor_worker.execution.memory_limit import limit_bytes
from times_doctor_worker.execution.run_reporter import Line
from times_doctor_worker.execution.stop_policy import StagedStop, StopAction, StopTimes
from times_doctor_worker.process.log_tail import LogTail
from times_doctor_worker.process.process_usage import TreeMeter
from times_doctor_worker.process.solver_process import SolverProcess

#: Seconds between looks at a running engine's log: a line reaches the table after this and the uplink's tick.
POLL_S = 0.05
#: Seconds between samples of a running engine's memory and CPU.
SAMPLE_S = 0.5


class EngineEnd(msgspec.Struct, frozen=True):
    """How one engine ended."""

    returncode: int | None
    cpu_s: float | None
    """Of its whole process tree."""
    run_delay_s: float | None
    """How long its threads waited for a core."""
    peak_memory_mb: float | None
    stop_reason: StopReason | None
    """Why it was asked to stop; None if it ended by itself."""


class RunWatch:
    """Watches one engine. What it sees goes to the attempt's tracker and its line."""

    def __init__(
        self,
        line: Line,
        tracker: ProgressTracker,
        reader: LogReader,
        process: SolverProcess,
        tail: LogTail,
        times: StopTimes,
        *,
        is_worker_ending: Callable[[], bool],
        written_mb: Callable[[], float],
        log_max_mb: float,
    ) -> None:
        """`written_mb`: the size of the largest text that the run has written."""
        self._line = line
        self._tracker = tracker
        self._reader = reader
        self._process = process
        self._tail = tail
        self._is_worker_ending = is_worker_ending
        self._start_s = monotonic_s()
        self._stop = StagedStop(times)
        self._meter = TreeMeter(process.pid)
        self._next_sample_s = 0.0
        self._obeyed: StopRequest | None = None
        self._stop_reason: StopReason | None = None
        self._limit_bytes = limit_bytes(line.run.mem_mb)
        self._is_over = False
        self._written_mb = written_mb
        self._log_max_mb = log_max_mb
        self._is_flood = False

    def until_it_ends(self) -> EngineEnd:
        """Returns when the engine has ended and its log is read to the end."""
        while (ended := self._process.wait(POLL_S)) is None:
            self._read(self._tail.poll())
            self._sample()
            self._heed()
        for text in self._tail.drain():
            self._read(text)
        self._tracker.update(self._reader.close(), now_s=self._runtime_s())
        # A solve may end between two samples; the kernel still tells the largest single process.
        peak_mb = _megabytes(max(self._meter.peak_rss_bytes, ended.max_rss_bytes or 0))
        return EngineEnd(
            ended.returncode, ended.cpu_s, self._meter.run_delay_s(ended.cpu_s), peak_mb, self._stop_reason
        )

    def _runtime_s(self) -> float:
        return monotonic_s() - self._start_s

    def _read(self, text: str) -> None:
        if not text:
            return
        self._tracker.update(self._reader.feed(text), now_s=self._runtime_s())
        if self._tracker.progress is not None:
            self._line.show(
                ProgressMade(
                    run=self._line.run.run,
                    attempt=self._line.fence.attempt,
                    progress=self._tracker.progress,
                    runtime_s=round(self._runtime_s(), 3),
                    memory_mb=_megabytes(self._meter.peak_rss_bytes),
                )
            )

    def _sample(self) -> None:
        now_s = monotonic_s()
        if now_s < self._next_sample_s:
            return
        # In a short solve, too, the last look must see most of it.
        self._next_sample_s = now_s + min(SAMPLE_S, self._runtime_s() / 4)
        usage = self._meter.sample()
        self._is_over = self._is_over or usage.rss_bytes > self._limit_bytes
        self._is_flood = self._is_flood or self._written_mb() > self._log_max_mb
        progress = self._tracker.progress
        action = self._stop.step(
            now_s,
            log_bytes=self._tail.size_bytes,
            cpu_s=usage.cpu_s,
            is_solving=progress is not None and progress.phase in SOLVING,
        )
        self._act(action)

    def _heed(self) -> None:
        """Notices that the run must stop; the first reason is the one that counts."""
        request = self._request()
        if request is None or request == self._obeyed:
            return
        self._obeyed = request
        self._stop_reason = self._stop_reason or request.reason
        self._stop.ask(now=request.now)
        self._next_sample_s = 0.0
        self._sample()

    def _request(self) -> StopRequest | None:
        # This thread never waits for Redis: it must see that a seat has expired even while a beat hangs.
        if self._line.disowned or monotonic_s() >= self._line.seat_until_s:
            return StopRequest(StopReason.HOST_LOST, now=True)
        if self._is_worker_ending():
            return StopRequest(StopReason.SHUTDOWN, now=True)
        if self._line.stop is not None:
            return self._line.stop
        if self._is_over:
            return StopRequest(StopReason.OUT_OF_MEMORY, now=True)
        if self._is_flood:
            return StopRequest(StopReason.LOG_TOO_LARGE, now=True)
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


def _megabytes(size_bytes: int) -> float | None:
    return round(size_bytes / (1 << 20), 1) if size_bytes else None
