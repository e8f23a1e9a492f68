"""Downloads the GDX files that a user asks for from their hosts to RUN_DIR."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from times_doctor_cli.client.session import Client
from times_doctor_cli.gdx.request import GDX, RESULTS, Asking, GdxStays, GdxStep, OnStep, where
from times_doctor_cli.gdx.veda_results import unpack, veda_folder
from times_doctor_cli.reports.collect import cannot_write
from times_doctor_cli.reports.layout import run_folder
from times_doctor_tasks.blob_store.base import StoredBlob
from times_doctor_tasks.blob_store.errors import BlobDamaged, BlobGone
from times_doctor_tasks.blob_store.factory import save
from times_doctor_tasks.contract.errors import StoreFailed, UsageError
from times_doctor_tasks.contract.messages import Report, RunResult
from times_doctor_tasks.state_store.gdx_requests import GDX_FILE, VEDA_FILE, GdxAnswer

#: Requests of one file if the store loses it: another client that fetches it also removes it.
TRIES = 5
_DAY_MS = 86_400_000


class GdxOutcome(msgspec.Struct, frozen=True):
    """The outcome for one run's GDX, or for the results for VEDA made from it."""

    run: str
    host: str
    came: bool
    path: Path | None = None
    size_bytes: int = 0
    sha256: str = ""
    """Empty if it was here already."""
    why: str = ""
    """A sentence if it did not arrive."""
    is_lost: bool = False
    """It did not arrive although it exists or existed."""
    what: str = GDX


def select_runs(report: Report, names: Sequence[str]) -> list[RunResult]:
    """The runs with these profile or run names; all without names.

    Raises:
        UsageError: a name is not in this scan.
    """
    unknown = [name for name in names if not any(name in (run.run, run.profile) for run in report.runs)]
    if unknown:
        known = ", ".join(run.run for run in report.runs)
        raise UsageError(f"Scan {report.scan} has no run {unknown[0]!r}. It has {known}.")
    return [run for run in report.runs if not names or run.run in names or run.profile in names]


def fetch_gdx_files(client: Client, runs: Sequence[RunResult], out: Path, on_step: OnStep) -> Iterator[GdxOutcome]:
    """Downloads the GDX of each run, and its results for VEDA if any, into its folder below `out`.

    One at a time, so that the store never has to hold more than one.

    Raises:
        UsageError: the folder cannot be written.
        BrokerUnavailable: it does not answer.
    """
    for run in runs:
        for what in files_of(run):
            yield _outcome(client, run, what, out, on_step)


def files_of(run: RunResult) -> tuple[str, ...]:
    """The files that a run may have left on its host."""
    return (GDX, RESULTS) if run.veda else (GDX,)


def place_of(out: Path, run: RunResult, what: str) -> Path:
    """The target of a run's GDX, or of the folder with its results for VEDA."""
    return gdx_path(out, run) if what == GDX else veda_folder(out, run)


def _outcome(client: Client, run: RunResult, what: str, out: Path, on_step: OnStep) -> GdxOutcome:
    target = place_of(out, run, what)
    if target.exists():  # complete, or it would not have this name
        size_bytes = sum(path.stat().st_size for path in (target, *target.glob("*")) if path.is_file())
        return GdxOutcome(run.run, run.host or "", came=True, path=target, size_bytes=size_bytes, what=what)
    try:
        with client.answering():
            return _fetch(client, run, what, out, on_step)
    except GdxStays as stays:
        return GdxOutcome(run.run, run.host or "", came=False, why=str(stays), is_lost=stays.is_lost, what=what)
    except OSError as error:
        raise cannot_write(out, error) from error


def gdx_path(out: Path, run: RunResult) -> Path:
    """The target path of a run's GDX."""
    return run_folder(out, run.run) / GDX_FILE


def _fetch(client: Client, run: RunResult, what: str, out: Path, on_step: OnStep) -> GdxOutcome:
    for left in reversed(range(TRIES)):
        with Asking(client, run, veda=what == RESULTS) as asking:
            answer = asking.wait(on_step)
        try:
            return take(client, run, what, answer, out, on_step)
        except StoreFailed as error:
            if not left or not isinstance(error, BlobGone | BlobDamaged):
                raise GdxStays(not_taken(run, error, what)) from error
    raise AssertionError("the last try returns or raises")


def take(client: Client, run: RunResult, what: str, answer: GdxAnswer, out: Path, on_step: OnStep) -> GdxOutcome:
    """Saves it after checking its hash, unpacks results for VEDA, and then removes it from the store.

    Raises:
        StoreFailed, OSError, redis.RedisError: it was lost on its way.
    """

    def on_read(done_bytes: int) -> None:
        on_step(GdxStep(run.run, run.host or "", "fetching", done_bytes, answer.size_bytes))

    target = saved = place_of(out, run, what)
    if what == RESULTS:
        saved = run_folder(out, run.run) / VEDA_FILE
    save(client.blobs, answer.sha256, saved, on_read)
    if what == RESULTS:
        unpack(saved, run, target)
        saved.unlink()
    if not answer.was_there:  # else the store has it for another use: a model's input, or another `fetch`
        with contextlib.suppress(StoreFailed):  # then it expires, or `prune` takes it
            used_ms = client.now_ms() + _DAY_MS  # whatever the store's clock says: it was used just now, by us
            client.blobs.drop([StoredBlob(answer.sha256, answer.size_bytes, used_ms)])
    return GdxOutcome(run.run, run.host or "", True, target, answer.size_bytes, answer.sha256, what=what)


def not_taken(run: RunResult, error: Exception, what: str) -> str:
    """The sentence for a file that was lost on its way."""
    if isinstance(error, BlobGone | BlobDamaged):  # whose own text is for the files of a model
        return f"{where(run, what)}: the store lost it before it was downloaded. Fetch again, or copy it from there."
    return f"{where(run, what)}: it did not get through. {error}"
