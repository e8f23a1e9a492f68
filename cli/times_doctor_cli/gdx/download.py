"""GDX files that a person asks for, on their way from their hosts to RUN_DIR."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from times_doctor_cli.client.session import Client
from times_doctor_cli.gdx.request import RESULTS, Asking, GdxStays, GdxStep, OnStep, Patience, where
from times_doctor_cli.gdx.veda_results import unpack
from times_doctor_cli.reports.collect import cannot_write
from times_doctor_cli.reports.layout import run_folder
from times_doctor_tasks.blob_store.base import StoredBlob
from times_doctor_tasks.blob_store.errors import BlobDamaged, BlobGone
from times_doctor_tasks.blob_store.factory import save
from times_doctor_tasks.contract.errors import StoreFailed, UsageError
from times_doctor_tasks.contract.messages import Report, RunResult
from times_doctor_tasks.state_store.gdx_requests import GDX_FILE, VEDA_FILE, GdxAnswer

#: How often one file is asked for where the store loses it: another client who fetches it takes it out, too.
TRIES = 5
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class GdxOutcome:
    """What became of one run's GDX, or of the results for VEDA that were made of it."""

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
    what: str = "GDX"


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
    """Brings the GDX of each run, and the results for VEDA where there are any, into its folder below `out`.

    One after the other, because a store holds one at a time then, whatever they are together.

    Raises:
        UsageError: the folder cannot be written.
        BrokerUnavailable: it does not answer.
    """
    for run in runs:
        yield _outcome(client, run, out, _fetch, on_step)
        if run.veda:
            yield replace(_outcome(client, run, out, _fetch_veda, on_step), what=RESULTS)


def _outcome(
    client: Client, run: RunResult, out: Path, fetch: Callable[..., GdxOutcome], on_step: OnStep
) -> GdxOutcome:
    try:
        with client.answering():
            return fetch(client, run, out, on_step)
    except GdxStays as stays:
        return GdxOutcome(run.run, run.host or "", came=False, why=str(stays), is_lost=stays.is_lost)
    except OSError as error:
        raise cannot_write(out, error) from error


def _fetch_veda(client: Client, run: RunResult, out: Path, on_step: OnStep) -> GdxOutcome:
    try:
        return fetch_veda(client, run, out, on_step)
    except StoreFailed as error:
        raise GdxStays(not_taken(run, error, RESULTS)) from error


def fetch_veda(
    client: Client,
    run: RunResult,
    out: Path,
    on_step: OnStep,
    *,
    max_bytes: int | None = None,
    patience: Patience | None = None,
    reason_to_stop: Callable[[], str] = lambda: "",
) -> GdxOutcome:
    """Brings the results for VEDA of a run and unpacks them.

    Raises:
        GdxStays: they do not come.
        StoreFailed, OSError, redis.RedisError: they were lost on their way.
    """
    archive = run_folder(out, run.run) / VEDA_FILE
    with Asking(client, run, max_bytes=max_bytes, patience=patience, veda=True) as asking:
        answer = asking.wait(on_step, reason_to_stop)
    take(client, run, answer, archive, on_step)
    try:
        return replace(came(run, answer, unpack(archive, run, out)), what=RESULTS)
    finally:
        archive.unlink(missing_ok=True)


def gdx_path(out: Path, run: RunResult) -> Path:
    """Where a run's GDX comes to."""
    return run_folder(out, run.run) / GDX_FILE


def _fetch(client: Client, run: RunResult, out: Path, on_step: OnStep) -> GdxOutcome:
    target = gdx_path(out, run)
    if target.is_file():  # whole, or it would not have this name
        return GdxOutcome(run.run, run.host or "", came=True, path=target, size_bytes=target.stat().st_size)
    for left in reversed(range(TRIES)):
        with Asking(client, run) as asking:
            answer = asking.wait(on_step)
        try:
            take(client, run, answer, target, on_step)
            break
        except (BlobGone, BlobDamaged) as error:
            if not left:
                raise GdxStays(not_taken(run, error)) from error
        except StoreFailed as error:
            raise GdxStays(not_taken(run, error)) from error
    return came(run, answer, target)


def take(client: Client, run: RunResult, answer: GdxAnswer, target: Path, on_step: OnStep) -> None:
    """Saves it, checked against its hash, and takes it out of the store: it is needed there no more."""

    def on_read(done_bytes: int) -> None:
        on_step(GdxStep(run.run, run.host or "", "fetching", done_bytes, answer.size_bytes))

    save(client.blobs, answer.sha256, target, on_read)
    if not answer.was_there:  # else it is there for somebody else's sake: a model's input, or another's `fetch`
        with contextlib.suppress(StoreFailed):  # then it expires, or `prune` takes it
            used_ms = client.now_ms() + _DAY_MS  # whatever the store's clock says: it was used just now, by us
            client.blobs.drop([StoredBlob(answer.sha256, answer.size_bytes, used_ms)])


def came(run: RunResult, answer: GdxAnswer, target: Path) -> GdxOutcome:
    """The outcome of one that was taken."""
    return GdxOutcome(run.run, run.host or "", True, target, answer.size_bytes, answer.sha256)


def not_taken(run: RunResult, error: Exception, what: str = "GDX") -> str:
    """The sentence on one that was lost on its way."""
    if isinstance(error, BlobGone | BlobDamaged):  # whose own words are for the files of a model
        return f"{where(run, what)}: the store lost it before it was here. Fetch again, or copy it from there."
    return f"{where(run, what)}: it did not get through. {error}"
