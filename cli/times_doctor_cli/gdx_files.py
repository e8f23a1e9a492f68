"""GDX files on their way to RUN_DIR: those a person asks for, and the recommended run's, which comes by itself."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import redis

from times_doctor_cli.client import Client
from times_doctor_cli.file_names import safe_name
from times_doctor_cli.gdx_asking import Asking, GdxStays, GdxStep, OnStep, Patience
from times_doctor_cli.results import RUNS, cannot_write
from times_doctor_tasks.blob_errors import BlobGone
from times_doctor_tasks.blobs import StoredBlob, save
from times_doctor_tasks.clock import monotonic_s
from times_doctor_tasks.errors import StoreFailed, UsageError
from times_doctor_tasks.gdx_requests import GDX_FILE, GdxAnswer
from times_doctor_tasks.messages import Report, RunResult

#: The recommended run's GDX comes by itself up to this size: as large as any other file that does.
UNASKED_BYTES = 50 * 1024 * 1024
#: Seconds that it may take all in all, and that its host may be silent: nobody asked for it.
UNASKED_S = 30.0
UNASKED_PATIENCE = Patience(silent_s=10.0, gone_s=5.0, repeat_s=2.0)
#: Uploads of one file are tried so often where another client removes it from the store.
TRIES = 2
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class GdxOutcome:
    """What became of one run's GDX."""

    run: str
    host: str
    came: bool
    path: Path | None = None
    size_bytes: int = 0
    sha256: str = ""
    """Empty where it was here already."""
    why: str = ""
    """A sentence where it did not come."""
    is_lost: bool = False
    """It did not come although there is one, or was."""


def select_runs(report: Report, names: Sequence[str]) -> list[RunResult]:
    """The runs that names of profiles or runs stand for; all without names.

    Raises:
        UsageError: a name is none of this scan's.
    """
    unknown = [name for name in names if not any(name in (run.run, run.profile) for run in report.runs)]
    if unknown:
        known = ", ".join(run.run for run in report.runs)
        raise UsageError(f"Scan {report.scan} has no run {unknown[0]!r}. It has {known}.")
    return [run for run in report.runs if not names or run.run in names or run.profile in names]


def fetch_gdx_files(client: Client, runs: Sequence[RunResult], out: Path, on_step: OnStep) -> Iterator[GdxOutcome]:
    """Brings the GDX of each run into its folder below `out`, one after the other, and says what became of it.

    One after the other, because a store holds one GDX at a time then, whatever they are together.

    Raises:
        UsageError: the folder cannot be written.
        BrokerUnavailable: it does not answer.
    """
    for run in runs:
        try:
            with client.answering():
                outcome = _fetch(client, run, out, on_step)
        except GdxStays as stays:
            outcome = GdxOutcome(run.run, run.host or "", came=False, why=str(stays), is_lost=stays.is_lost)
        except OSError as error:
            raise cannot_write(out, error) from error
        yield outcome


def gdx_path(out: Path, run: RunResult) -> Path:
    """Where a run's GDX comes to."""
    return out / RUNS / safe_name(run.run) / GDX_FILE


def _fetch(client: Client, run: RunResult, out: Path, on_step: OnStep) -> GdxOutcome:
    target = gdx_path(out, run)
    if target.is_file():  # whole, or it would not have this name
        return GdxOutcome(run.run, run.host or "", came=True, path=target, size_bytes=target.stat().st_size)
    for left in reversed(range(TRIES)):
        with Asking(client, run) as asking:
            answer = asking.wait(on_step)
        try:
            _take(client, run, answer, target, on_step)
            break
        except BlobGone as error:
            if not left:
                raise GdxStays(_not_taken(run, error)) from error
        except StoreFailed as error:
            raise GdxStays(_not_taken(run, error)) from error
    return _outcome(run, answer, target)


def _take(client: Client, run: RunResult, answer: GdxAnswer, target: Path, on_step: OnStep) -> None:
    """Saves it, checked against its hash, and takes it out of the store: it is needed there no more."""

    def on_read(done_bytes: int) -> None:
        on_step(GdxStep(run.run, run.host or "", "fetching", done_bytes, answer.size_bytes))

    save(client.blobs, answer.sha256, target, on_read)
    if not answer.was_there:  # else it is there for somebody else's sake: a model's input, or another's `fetch`
        with contextlib.suppress(StoreFailed):  # then it expires, or `prune` takes it
            used_ms = client.now_ms() + _DAY_MS  # whatever the store's clock says: it was used just now, by us
            client.blobs.drop([StoredBlob(answer.sha256, answer.size_bytes, used_ms)])


def _outcome(run: RunResult, answer: GdxAnswer, target: Path) -> GdxOutcome:
    return GdxOutcome(run.run, run.host or "", True, target, answer.size_bytes, answer.sha256)


def _not_taken(run: RunResult, error: Exception) -> str:
    return f"{_where(run)}: it did not get through. {error}"


def _where(run: RunResult) -> str:
    return f"The GDX of {run.run} stays on {run.host} in {run.directory}"


class Unasked:
    """The recommended run's GDX, which comes beside a scan's other files; whatever fails costs a sentence.

    `begin` before the reports are written, `finish` when they are shown: the host works meanwhile.
    """

    def __init__(self, client: Client, report: Report, out: Path) -> None:
        self._client = client
        self._out = out
        self._run = recommended_run(report)
        self._asking: Asking | None = None
        self._open = contextlib.ExitStack()
        self._why = ""

    def begin(self) -> None:
        """Asks the host, if there is anything to ask for."""
        run = self._run
        if run is None or run.engine != "gams" or gdx_path(self._out, run).is_file():
            return
        try:
            asking = Asking(self._client, run, max_bytes=UNASKED_BYTES, patience=UNASKED_PATIENCE)
            self._asking = self._open.enter_context(asking)
        except GdxStays as stays:
            self._why = str(stays)
        except redis.RedisError as error:
            self._why = self._failed(run, error)

    def finish(self, on_step: OnStep, is_told_to_end: Callable[[], bool] = lambda: False) -> GdxOutcome | None:
        """Waits for it, not for long, and says what became of it; None where there is nothing to say."""
        run = self._run
        if run is None:
            return None
        if self._asking is not None:
            try:
                return self._finish(run, self._asking, on_step, is_told_to_end)
            except GdxStays as stays:
                self._why = str(stays) if stays.is_lost else ""
            except KeyboardInterrupt:
                self._why = f"{_where(run)}: you did not wait for it. {self._asking.how}"
            except (redis.RedisError, StoreFailed, OSError) as error:
                self._why = self._failed(run, error)
        return GdxOutcome(run.run, run.host or "", came=False, why=self._why, is_lost=True) if self._why else None

    def _finish(
        self, run: RunResult, asking: Asking, on_step: OnStep, is_told_to_end: Callable[[], bool]
    ) -> GdxOutcome:
        target = gdx_path(self._out, run)
        deadline_s = monotonic_s() + UNASKED_S

        def reason_to_stop() -> str:
            if is_told_to_end():
                return f"you did not wait for it. {asking.how}"
            return f"it takes longer than {UNASKED_S:.0f} s. {asking.how}" if monotonic_s() > deadline_s else ""

        def on_read(step: GdxStep) -> None:
            if why := reason_to_stop():
                raise GdxStays(f"{_where(run)}: {why}")
            on_step(step)

        with self._open:
            answer = asking.wait(on_step, reason_to_stop)
        _take(self._client, run, answer, target, on_read)
        return _outcome(run, answer, target)

    @staticmethod
    def _failed(run: RunResult, error: Exception) -> str:
        return f"{_not_taken(run, error)} `times-doctor fetch {run.scan} --gdx` tries again."


def recommended_run(report: Report) -> RunResult | None:
    """The run that the report recommends."""
    return next((run for run in report.runs if run.run == report.recommendation.run), None)


def keep_recommended_here(report: Report, out: Path) -> str:
    """After a scan on this machine: the recommended run's GDX beside its other files. A sentence where it cannot be."""
    run = recommended_run(report)
    source = Path(run.directory) / GDX_FILE if run is not None and run.directory else None
    if run is None or source is None or not source.is_file():
        return ""
    try:
        _link_or_copy(source, gdx_path(out, run))
    except OSError as error:
        return f"The GDX of {run.run} stays in {run.directory}: {error.strerror or error}."
    return ""


def _link_or_copy(source: Path, target: Path) -> None:
    """A link takes no time and no room, whatever the size; across file systems it is a copy."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        try:
            os.link(source, part)
        except OSError:
            shutil.copyfile(source, part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
