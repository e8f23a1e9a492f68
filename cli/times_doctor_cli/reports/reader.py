"""Reads a scan's report from its folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

import msgspec

from times_doctor_cli.reports.layout import JSON, OUT, saved_reports
from times_doctor_tasks.contract.errors import SchemaMismatch, UsageError
from times_doctor_tasks.contract.messages import Report, RunSpec, decode


class SavedReport(msgspec.Struct, frozen=True):
    """The content of `scan_report.json`, and its folder."""

    folder: Path
    report: Report
    runs: tuple[RunSpec, ...]


class _Asked(msgspec.Struct, frozen=True):
    run_specs: tuple[RunSpec, ...] = ()


def find_saved(path: Path, *, newest: bool) -> SavedReport | None:
    """The report in a scan's folder, or of the newest scan in `times_doctor_out`; None if there is none.

    Args:
        path: A folder; or a model file, for the newest scan of that file beside it.
        newest: Look into a run folder's `times_doctor_out` too.

    Raises:
        UsageError: there is one, and it cannot be read.
    """
    places = [path, path / OUT] if newest else [path]
    if path.is_file():
        places = [report.parent for report in reversed(saved_reports(path.parent / OUT)) if _is_of(report, path.name)]
    folder = next((place for place in places if (place / JSON).is_file()), None)
    if folder is None:
        return None
    try:
        report, runs = _read(folder / JSON)
    except (SchemaMismatch, msgspec.DecodeError) as error:
        raise UsageError(f"{str(folder / JSON)!r} is not a report that this version can read: {error}") from error
    own = folder / report.scan
    return SavedReport(own if own.is_dir() else folder, report, runs)


def find_here(what: str) -> SavedReport | None:
    """The report that a user names by a path, or by the id of a scan in this folder; None if there is none.

    Raises:
        UsageError: there is one, and it cannot be read.
    """
    paths = [path for path in (Path(what), Path(OUT) / what) if path.exists()]
    return next((saved for path in paths if (saved := find_saved(path, newest=True)) is not None), None)


def _is_of(report: Path, model: str) -> bool:
    """Whether a report is of the model file of that name; false if it cannot be read."""
    return any(PurePosixPath(found.spec.model.driver).name == model.lower() for found, _ in readable([report]))


def readable(paths: Iterable[Path]) -> Iterator[tuple[Report, tuple[RunSpec, ...]]]:
    """Each report and the specs of its runs; unreadable files are left out."""
    for path in paths:
        try:
            saved = _read(path)
        except (OSError, SchemaMismatch, msgspec.DecodeError):
            continue
        yield saved


def _read(path: Path) -> tuple[Report, tuple[RunSpec, ...]]:
    raw = path.read_bytes()
    return decode(raw, Report), msgspec.json.decode(raw, type=_Asked).run_specs
