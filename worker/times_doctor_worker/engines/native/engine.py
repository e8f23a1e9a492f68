"""A solver called without GAMS: it solves an LP or MIP file by the program `solve`."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from times_doctor_tasks.contract.hosts import ENGINE_NAMES
from times_doctor_tasks.contract.states import StopReason, Verdict
from times_doctor_tasks.parsers.highs.status import first_reason
from times_doctor_tasks.parsers.native import log_reader
from times_doctor_tasks.parsers.solves.endings import Judgement
from times_doctor_tasks.profiles.option_table import native_options
from times_doctor_tasks.results.conflicts import with_conflict
from times_doctor_tasks.results.run_reader import RunReading, read_native_run
from times_doctor_tasks.results.verdicts import WHOLE_FILE
from times_doctor_tasks.snapshot.manifest import lower_name
from times_doctor_worker.engines.native.adapter import Order
from times_doctor_worker.engines.port import CONFLICT, Command, Job, LogReader
from times_doctor_worker.engines.sandbox import licence_files, readable

PROGRAM = "times_doctor_worker.engines.native.solve"
LOG = "run.log"
ORDER = "order.json"
RESULT = "result.json"
#: Our programs never write more.
MAX_ANSWER_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class NativeEngine:
    """One solver of this Python, in a process of its own."""

    version: str
    environ: Mapping[str, str] = field(repr=False)
    name: str = "highs"
    """The solver."""
    confined: bool = True
    """It sees its model and its working folder only, where the kernel can do that."""

    def prepare(self, job: Job) -> Command:
        """Writes the option file (for people to read) and the order."""
        text = job.run.options
        (job.directory / f"{self.name}.opt").write_text(text, "utf-8")
        model, order = str(job.tree / job.manifest.driver), job.directory / ORDER
        told = Order(self.name, model, LOG, RESULT, native_options(text, self.name))
        order.write_text(json.dumps(vars(told)), "utf-8")
        return self._command(job, ["-m", PROGRAM, str(order)])

    def conflict_search(self, job: Job) -> Command | None:
        """HiGHS's search, `highs_conflict`, for every solver: it reads the same files."""
        if importlib.util.find_spec("highspy") is None:
            return None
        model = job.tree / job.manifest.driver
        program = ["-m", "times_doctor_worker.engines.highs_conflict"]
        return self._command(job, [*program, str(model), CONFLICT, str(job.run.iis_s)])

    def _command(self, job: Job, words: list[str]) -> Command:
        return Command(
            argv=[sys.executable, *words],
            environ={**self.environ, "TMPDIR": str(job.directory)},
            log=job.directory / LOG,
            reads=readable(job.tree, *licence_files(self.environ)) if self.confined else None,
        )

    def reader(self) -> LogReader:
        """A reader of its logs."""
        return log_reader(self.name)

    def read(self, job: Job, *, returncode: int | None, stop_reason: StopReason | None) -> RunReading:
        """Reads log and result file; the result file holds the solver's final answer."""
        final, found = (_document(job.directory / name) for name in (RESULT, CONFLICT))
        log = job.directory / LOG
        reading = read_native_run(log, self.name, returncode=returncode, stop_reason=stop_reason, final=final)
        if reading.verdict is Verdict.COMPILE_ERROR:
            staged, name = str(job.tree / job.manifest.driver), _users_name(job)
            messages = tuple(message.replace(staged, name) for message in reading.messages)
            # A program that ended well has read the file, in part.
            judgement = reading.judgement if returncode == 0 else _unreadable(self.name, name, reading, staged)
            return replace(reading, judgement=judgement, messages=messages)
        return reading if found is None else with_conflict(reading, found)

    def finish(self, job: Job) -> str | None:  # noqa: ARG002  # the port's
        """None: there is no GDX to make them of."""
        return None

    def artefacts(self, job: Job) -> Sequence[Path]:
        """Option file, log, result and conflict."""
        return [
            path
            for path in (job.directory / name for name in (f"{self.name}.opt", LOG, RESULT, CONFLICT))
            if path.is_file()
        ]


def _document(path: Path) -> dict[str, Any] | None:
    """A file that our program wrote; None if it did not get that far, or another program wrote into the file."""
    try:
        document = json.loads(path.read_text("utf-8")) if path.stat().st_size <= MAX_ANSWER_BYTES else None
    except (OSError, ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _users_name(job: Job) -> str:
    """The model file's own name: the staged one is in lower case."""
    name = Path(job.manifest.driver).name
    return f"{job.title}{name[len(job.title) :]}" if name.startswith(lower_name(job.title)) else name


def _unreadable(solver: str, name: str, reading: RunReading, staged: str) -> Judgement:
    why = first_reason(reading.compile_errors).replace(staged, name)
    return Judgement(
        Verdict.COMPILE_ERROR,
        f"{ENGINE_NAMES[solver]} could not read the model file {name}{f': {why}' if why else ''}.",
        f"{WHOLE_FILE} The run's log holds what the solver says of it.",
    )
