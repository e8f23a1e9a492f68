"""The content of a screen for a scan: a row per run, the headline, and immediate notices."""

from __future__ import annotations

import msgspec

from times_doctor_tasks.contract.progress import Phase, Progress
from times_doctor_tasks.contract.states import RunState, Verdict


class Row(msgspec.Struct, frozen=True):
    """The current state of one run."""

    number: int
    """Place in the scan, from 1: its number in the menu."""
    run: str
    solver: str
    profile: str
    threads: int
    state: RunState
    since_ms: int = 0
    """Start of this state."""
    attempt: int = 0
    host: str = ""
    reason: str = ""
    """Why it is in this state, as text."""
    place: str = ""
    """Who comes before it, about when it starts, why it waits; or that its host is silent. From the last team look."""
    verdict: Verdict | None = None
    progress: Progress | None = None
    """The newest progress of this attempt."""
    iteration: int | None = None
    """The last one known, even if the phase has none."""
    objective: float | None = None
    """The last one known."""
    memory_mb: float | None = None
    runtime_s: float | None = None
    """Seconds of the engine at `runtime_at_ms`; final once the engine has ended."""
    runtime_at_ms: int = 0
    error: str = ""
    """The newest error about it."""
    expected_s: float | None = None
    """How long it took before; None if unknown."""
    is_exact: bool = False
    """Its figures come from its result, not from events."""

    def elapsed_s(self, now_ms: int) -> float | None:
        """Seconds of the engine, or of the preparation before it; None while it waits."""
        if self.state is RunState.RUNNING and self.runtime_s is not None:
            return self.runtime_s + max(0, now_ms - self.runtime_at_ms) / 1000
        if self.state in (RunState.CLAIMED, RunState.STAGING):
            return max(0, now_ms - self.since_ms) / 1000
        return self.runtime_s

    def eta_s(self, now_ms: int) -> float | None:
        """Seconds to the end: of this phase by its own pace, else of the run by how long it took before."""
        if self.state is not RunState.RUNNING:
            return None
        if self.progress is not None and self.progress.eta_s is not None:
            return self.progress.eta_s
        elapsed_s = self.elapsed_s(now_ms)
        if self.expected_s is None or elapsed_s is None or elapsed_s > self.expected_s:
            return None
        return self.expected_s - elapsed_s

    @property
    def phase(self) -> Phase | None:
        """The engine's current phase; None if none runs."""
        return self.progress.phase if self.progress and self.state is RunState.RUNNING else None


class Notice(msgspec.Struct, frozen=True):
    """A line that is shown at once, above the table."""

    level: str
    """"error", "warning" or "info"."""
    text: str
    run: str = ""
    """The run's id; empty if it is about the whole scan."""


class Headline(msgspec.Struct, frozen=True):
    """The scan in one line."""

    title: str
    done: int
    """Runs that have ended, for any reason."""
    total: int
    unsuccessful: int
    """Of those: failed or lost."""
    running: int
    """Runs that a host works on."""
    cores: int
    """Threads those runs use together."""
    elapsed_s: float
    parked: int
    parked_why: str
    """Their most frequent reason."""
    reported: bool
    note: str
    """Engine and licence: "GAMS 54.6.1, demo licence until 26 Nov 2026"."""
