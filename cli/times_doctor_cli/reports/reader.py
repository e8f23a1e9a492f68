"""A scan's report as it lies in a folder, and its page in the browser."""

from __future__ import annotations

import webbrowser
from dataclasses import dataclass
from pathlib import Path

import msgspec

from times_doctor_cli.reports.collect import REPORTS, as_typed
from times_doctor_cli.reports.destination import OUT
from times_doctor_cli.terminal.console import say
from times_doctor_tasks.contract.errors import SchemaMismatch, UsageError
from times_doctor_tasks.contract.messages import Report, RunSpec, decode

_CSV, _JSON, _HTML = REPORTS


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
        path: What a person named.
        newest: Look into a run folder's `times_doctor_out` too; otherwise a run folder is one.

    Raises:
        UsageError: there is one, and it cannot be read.
    """
    places = [path, path / OUT] if newest else [path]
    folder = next((place for place in places if (place / _JSON).is_file()), None)
    if folder is None:
        return None
    raw = (folder / _JSON).read_bytes()
    try:
        report, asked = decode(raw, Report), msgspec.json.decode(raw, type=_Asked)
    except (SchemaMismatch, msgspec.DecodeError) as error:
        raise UsageError(f"{str(folder / _JSON)!r} is no report that this version can read: {error}") from error
    own = folder / report.scan
    return SavedReport(own if own.is_dir() else folder, report, asked.run_specs)


def show_page(folder: Path, *, open_page: bool) -> None:
    """Says where a scan's page is, and opens it if asked to.

    Raises:
        UsageError: it is not there.
    """
    page = folder / _HTML
    if not page.is_file():
        raise UsageError(f"{str(page)!r} is not there. `times-doctor fetch SCAN` writes it.")
    say(as_typed(page))
    if open_page and not webbrowser.open(page.absolute().as_uri()):
        say("No browser could be started here; open the file yourself.")
