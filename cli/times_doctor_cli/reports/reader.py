"""A scan's report as it lies in a folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from times_doctor_cli.reports.layout import JSON, OUT
from times_doctor_tasks.contract.errors import SchemaMismatch, UsageError
from times_doctor_tasks.contract.messages import Report, RunSpec, decode


@dataclass(frozen=True, slots=True)
class SavedReport:
    """What `scan_report.json` holds, and where."""

    folder: Path
    report: Report
    runs: tuple[RunSpec, ...]


class _Asked(msgspec.Struct, frozen=True):
    run_specs: tuple[RunSpec, ...] = ()


def find_saved(path: Path, *, newest: bool) -> SavedReport | None:
    """The report in a scan's folder, or of the newest scan in `times_doctor_out`; None where there is none.

    Args:
        newest: Look into a run folder's `times_doctor_out` too; otherwise a run folder is one.

    Raises:
        UsageError: there is one, and it cannot be read.
    """
    places = [path, path / OUT] if newest else [path]
    folder = next((place for place in places if (place / JSON).is_file()), None)
    if folder is None:
        return None
    try:
        report, runs = _read(folder / JSON)
    except (SchemaMismatch, msgspec.DecodeError) as error:
        raise UsageError(f"{str(folder / JSON)!r} is no report that this version can read: {error}") from error
    own = folder / report.scan
    return SavedReport(own if own.is_dir() else folder, report, runs)


def readable(paths: Iterable[Path]) -> Iterator[tuple[Report, tuple[RunSpec, ...]]]:
    """Each report and what was asked of its runs; files that cannot be read are left out."""
    for path in paths:
        try:
            saved = _read(path)
        except (OSError, SchemaMismatch, msgspec.DecodeError):
            continue
        yield saved


def _read(path: Path) -> tuple[Report, tuple[RunSpec, ...]]:
    raw = path.read_bytes()
    return decode(raw, Report), msgspec.json.decode(raw, type=_Asked).run_specs
