"""The engine port: all that the rest of the worker knows about GAMS and the native solvers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from times_doctor_tasks.contract.messages import RunSpec
from times_doctor_tasks.contract.states import StopReason
from times_doctor_tasks.parsers.events import LogEvent
from times_doctor_tasks.results.run_reader import RunReading
from times_doctor_tasks.snapshot.manifest import Manifest

#: The file that the search for a conflict writes into the working folder.
CONFLICT = "conflict.json"


class Job(msgspec.Struct, frozen=True):
    """One attempt, ready to be started."""

    run: RunSpec
    manifest: Manifest
    tree: Path
    """The staged snapshot: read-only, shared by all runs of the model on this host."""
    directory: Path
    """The attempt's own working folder."""
    title: str = ""
    """What people call the model: the driver's stem as they wrote it."""


class Command(msgspec.Struct, frozen=True):
    """How the engine is started."""

    argv: Sequence[str]
    environ: Mapping[str, str]
    log: Path
    """Where its log grows."""
    reads: Sequence[Path] | None = None
    """All that it may read beside its working folder, which is all that it may write; None: whatever we may."""


class LogReader(Protocol):
    """Turns text into events; any chunking gives the same events."""

    def feed(self, text: str) -> list[LogEvent]:
        """Events of the lines that `text` completes."""

    def close(self) -> list[LogEvent]:
        """Events of the remaining text."""


class Engine(Protocol):
    """One way to solve a model."""

    @property
    def name(self) -> str:
        """ "gams", or the solver that runs without it, as in `RunSpec.engine`."""

    @property
    def version(self) -> str:
        """Its version, for people."""

    def prepare(self, job: Job) -> Command:
        """Writes the option file into the working folder and says how to start."""

    def conflict_search(self, job: Job) -> Command | None:
        """The command that finds contradicting rows of an infeasible model; None if the solve finds them itself.

        It writes `CONFLICT` into the working folder, which `read` uses.
        """

    def reader(self) -> LogReader:
        """A reader for the log of a run that starts now."""

    def read(self, job: Job, *, returncode: int | None, stop_reason: StopReason | None) -> RunReading:
        """Reads the files of an ended run; `returncode` is None if the engine's end was not seen."""

    def finish(self, job: Job) -> str | None:
        """Makes the results for VEDA if they are wanted, and returns their name; None if there are none."""

    def artefacts(self, job: Job) -> Sequence[Path]:
        """Files to bring back, those that exist."""
