"""How a run ended, in our words, with a sentence for the modeller and the next step."""

from __future__ import annotations

from dataclasses import dataclass, field

from times_doctor_tasks.parsers.events import ErrorLine
from times_doctor_tasks.parsers.solves import Solve
from times_doctor_tasks.progress import Phase
from times_doctor_tasks.states import StopReason, Verdict


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, why, and what to do about it."""

    verdict: Verdict
    sentence: str
    next_step: str


@dataclass(frozen=True, slots=True)
class Findings:
    """What log and listing say around the solves."""

    ended: bool = False
    """GAMS (or the bare engine) came to its own end, as far as the files show."""
    gams_status: str | None = None
    last_phase: Phase | None = None
    licence: str | None = None
    """The line that says that the licence does not allow this run."""
    compile_errors: tuple[ErrorLine, ...] = ()
    execution_errors: tuple[ErrorLine, ...] = ()
    other_errors: tuple[ErrorLine, ...] = field(default=())


def judge(
    solve: Solve | None,
    findings: Findings,
    *,
    returncode: int | None = None,
    stop_reason: StopReason | None = None,
) -> Judgement:
    """The verdict of a run whose last solve is `solve`."""
    raise NotImplementedError
