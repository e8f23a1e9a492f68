"""How a solve is stopped: in stages, each with its time. Pure rules; the caller acts."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class StopAction(StrEnum):
    """What to do to the solver now."""

    INTERRUPT = "interrupt"
    """SIGINT to the engine's own process, which keeps what the solver has by now."""
    TERMINATE = "terminate"
    """SIGTERM to its whole group; to GAMS alone it would orphan the solver."""
    KILL = "kill"
    """SIGKILL to its whole group."""


class StopTimes(msgspec.Struct, frozen=True):
    """The times of the stages, in seconds."""

    grace_s: float = 60.0
    """After this long without log and CPU time it counts as hung."""
    stop_cap_s: float = 900.0
    """After so long it is ended although it works. A real TIMES run writes reports for minutes after a SIGINT."""
    hurry_s: float = 2.0
    """The same for requests that do not wait: a race that was lost, a cap, `--now`."""
    kill_after_s: float = 5.0
    """From SIGTERM to SIGKILL, and to each further SIGKILL."""
    repeat_s: float = 10.0
    """No second SIGINT before that. One that came 0.3 s after the first ended a barrier without its solution."""


#: Below this share of one core a solver counts as idle: one that hangs may still poll.
IDLE_CPU_SHARE = 0.01
#: CPU time is counted in ticks of 10 ms, so its share over a shorter time means nothing.
CPU_WINDOW_S = 5.0


class StagedStop:
    """Decides what to do with a solver that must stop. Call `step` every second or faster.

    `ask` begins it and may be called again. The first SIGINT comes at once. Another follows after at least `repeat_s`,
    if you ask again, or if the solver still writes: it lost the signal (measured: 2 of 12 in its first milliseconds),
    or the model began its next solve (a SIGINT ends one solve, not a loop of them). While GAMS itself works, none is
    sent unless you ask: GAMS would stop writing its reports.
    """

    def __init__(self, times: StopTimes | None = None) -> None:
        self._times = times or StopTimes()
        self._hurry = False
        self._wants_interrupt = False
        self._interrupted_s: float | None = None
        self._interrupted_first_s = 0.0
        self._last_resort_s: float | None = None
        self._active_s = 0.0
        self._log_bytes = 0
        self._window_s: float | None = None
        self._window_cpu_s = 0.0

    def ask(self, *, now: bool = False) -> None:
        """Requests a stop; `now`: without waiting for reports."""
        self._wants_interrupt = True
        self._hurry = self._hurry or now

    @property
    def is_asked(self) -> bool:
        """Whether a stop has begun."""
        return self._wants_interrupt or self._interrupted_s is not None

    def step(self, now_s: float, *, log_bytes: int, cpu_s: float, is_solving: bool = False) -> StopAction | None:
        """The step to take now.

        Args:
            now_s: A monotonic clock.
            log_bytes: Size of what the engine wrote so far.
            cpu_s: CPU time of its whole tree so far (it may fall when a part of the tree ends).
            is_solving: Whether, by the log, a solver works now and not GAMS itself.
        """
        has_written = log_bytes != self._log_bytes
        self._look(now_s, log_bytes, cpu_s)
        if not self.is_asked:
            return None
        if self._last_resort_s is not None:
            return self._kill(now_s) if now_s - self._last_resort_s >= self._times.kill_after_s else None
        if self._interrupted_s is not None and self._is_over(now_s):
            self._last_resort_s = now_s
            return StopAction.TERMINATE
        if (self._wants_interrupt or (is_solving and has_written)) and self._may_interrupt(now_s):
            return self._interrupt(now_s)
        return None

    def _look(self, now_s: float, log_bytes: int, cpu_s: float) -> None:
        if log_bytes != self._log_bytes:
            self._active_s = now_s
        self._log_bytes = log_bytes
        passed_s = CPU_WINDOW_S if self._window_s is None else now_s - self._window_s
        if passed_s >= CPU_WINDOW_S:
            if abs(cpu_s - self._window_cpu_s) > IDLE_CPU_SHARE * passed_s:
                self._active_s = now_s
            self._window_s, self._window_cpu_s = now_s, cpu_s

    def _may_interrupt(self, now_s: float) -> bool:
        return self._interrupted_s is None or (not self._hurry and now_s - self._interrupted_s >= self._times.repeat_s)

    def _interrupt(self, now_s: float) -> StopAction:
        if self._interrupted_s is None:
            self._interrupted_first_s = now_s
        self._interrupted_s = now_s
        self._wants_interrupt = False
        return StopAction.INTERRUPT

    def _is_over(self, now_s: float) -> bool:
        since_s = now_s - self._interrupted_first_s
        if self._hurry:
            return since_s >= self._times.hurry_s
        # Silence counts from the SIGINT on, so that a solver that was quiet before has its whole grace time.
        quiet_s = now_s - max(self._active_s, self._interrupted_first_s)
        return quiet_s >= self._times.grace_s or since_s >= self._times.stop_cap_s

    def _kill(self, now_s: float) -> StopAction:
        self._last_resort_s = now_s
        return StopAction.KILL
