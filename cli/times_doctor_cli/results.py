"""What a finished scan leaves: artefacts fetched, report files written, the report on the screen."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console, Group

from times_doctor_cli.client import Client
from times_doctor_cli.console import emit_json, shows_unicode
from times_doctor_cli.scanning import Prepared
from times_doctor_cli.views.report import ReportFiles, report_view
from times_doctor_cli.writers.csv_report import write_csv
from times_doctor_cli.writers.files import write_atomically
from times_doctor_cli.writers.html_report import write_html
from times_doctor_cli.writers.json_report import write_json
from times_doctor_cli.writers.option_file import write_recommended
from times_doctor_cli.writers.scan_manifest import write_manifest
from times_doctor_tasks.errors import StoreFailed, UsageError
from times_doctor_tasks.messages import Report, RunResult

logger = logging.getLogger(__name__)

#: Folder of one run's files below the scan's.
RUNS = "scan_runs"
#: Folder of the option file to use.
RECOMMENDED = "recommended"
#: Bytes of a failed run's log that the HTML report shows.
TAIL_BYTES = 8_000


def bring_results(client: Client, report: Report, prepared: Prepared, console: Console, *, as_json: bool) -> None:
    """Fetches, writes and shows everything.

    Raises:
        UsageError: the folder cannot be written.
    """
    out = prepared.out
    try:
        tails = {run.run: _fetch(client, run, out / RUNS / run.run) for run in report.runs}
        _copy_newest(_write(report, out, prepared, tails), out.parent)
    except OSError as error:
        raise UsageError(f"The report cannot be written to {str(out)!r}: {error.strerror}. Use --out DIR.") from error
    if as_json:
        emit_json(report)
    else:
        console.print(_view(report, out, prepared, console))


def _fetch(client: Client, run: RunResult, folder: Path) -> str:
    """Brings a run's files; returns the end of its log, for a run that failed."""
    try:
        paths = client.fetch(run, folder)
    except StoreFailed as error:
        logger.warning("files of %s not fetched: %s", run.run, error)
        return ""
    log = next((path for path in paths if path.name == "run.log"), None)
    if log is None:
        return ""
    with log.open("rb") as content:
        content.seek(max(0, log.stat().st_size - TAIL_BYTES))
        return content.read().decode("utf-8", "replace")


def _write(report: Report, out: Path, prepared: Prepared, tails: Mapping[str, str]) -> list[Path]:
    """Writes every report file; returns those of which the newest also stands one folder up."""
    specs = {run.run: run for run in prepared.runs}
    write_manifest(report, out, specs=specs, inputs=prepared.snapshot.manifest)
    write_recommended(report, out, specs=specs)
    return [
        write_csv(report, out),
        write_json(report, out, specs=specs),
        write_html(report, out, specs=specs, log_tails=tails),
    ]


def _view(report: Report, out: Path, prepared: Prepared, console: Console) -> Group:
    best = next((run for run in report.runs if run.run == report.recommendation.run), None)
    where = ReportFiles(
        folder=_as_typed(out),
        reports=("scan_report.csv", "scan_report.json", "scan_report.html"),
        recommended=f"{RECOMMENDED}/{best.solver}.opt" if best else "",
        copy_to=_as_typed(prepared.run_dir.root) if best else "",
    )
    return report_view(report, width=console.width, unicode=shows_unicode(console), files=where)


def _as_typed(path: Path) -> str:
    """A path as short as it can be typed from here."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _copy_newest(files: Sequence[Path], folder: Path) -> None:
    """The newest scan's reports also stand directly in the output folder."""
    for path in files:
        write_atomically(folder / path.name, path.read_bytes())
