"""Everything that the files of one run say, in one record."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from times_doctor_tasks.parsers.progress import PhaseSpan
from times_doctor_tasks.parsers.solves import Solve
from times_doctor_tasks.states import StopReason, Verdict
from times_doctor_tasks.verdicts import Judgement


@dataclass(frozen=True, slots=True)
class RunFiles:
    """Where a run's files are; None: there is none."""

    log: Path | None = None
    listing: Path | None = None
    trace: Path | None = None
    returncode: int | None = None


@dataclass(frozen=True, slots=True)
class RunReading:
    """What a run's files say."""

    solves: tuple[Solve, ...]
    judgement: Judgement
    phases: tuple[PhaseSpan, ...] = ()
    gams_return: int | None = None
    gams_status: str | None = None
    gams_version: str | None = None
    solver: str | None = None
    solver_version: str | None = None
    licence: str | None = None
    messages: tuple[str, ...] = ()
    options_set: tuple[tuple[str, str], ...] = ()
    options_ignored: tuple[tuple[str, str], ...] = ()
    options_clamped: tuple[tuple[str, str, str], ...] = ()
    option_file_read: bool | None = None
    conflict: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The verdict of the run."""
        return self.judgement.verdict


def read_run(files: RunFiles, *, stop_reason: StopReason | None = None) -> RunReading:
    """Read a GAMS run."""
    raise NotImplementedError


def read_highs_run(log: Path, *, returncode: int | None = None, stop_reason: StopReason | None = None) -> RunReading:
    """Read a run of the bare HiGHS engine."""
    raise NotImplementedError


def find_run_files(path: Path) -> RunFiles:
    """The files of the run that `path` (a log, a listing or a folder) belongs to."""
    raise NotImplementedError


def to_json(reading: RunReading) -> dict[str, object]:
    """The document of `report --json`."""
    raise NotImplementedError
