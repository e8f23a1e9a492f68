"""A report on the screen, or as a document."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import msgspec
from rich.console import Console

from times_doctor_cli.reports.collect import as_typed
from times_doctor_cli.reports.harvest import Harvest
from times_doctor_cli.reports.layout import HTML, JSON, RECOMMENDED, REPORTS
from times_doctor_cli.reports.writers.json_report import report_json
from times_doctor_cli.scan_state.rows import Notice
from times_doctor_cli.terminal.console import emit_json, say, show, shows_unicode
from times_doctor_cli.views.notices import notices_view
from times_doctor_cli.views.report import ReportFiles, report_view
from times_doctor_tasks.contract.errors import UsageError
from times_doctor_tasks.contract.messages import Report
from times_doctor_tasks.profiles.registry import CURRENT


def show_results(report: Report, harvest: Harvest, console: Console, *, as_json: bool) -> None:
    """The report on the screen, or as the document of `scan_report.json`."""
    if as_json:
        emit_json(msgspec.Raw(report_json(report, {run.run: run for run in harvest.runs})))
        return
    best = next((run for run in report.runs if run.run == report.recommendation.run), None)
    is_new = best is not None and best.profile != CURRENT  # the user's own file is already in place
    where = ReportFiles(
        folder=as_typed(harvest.out),
        reports=REPORTS,
        recommended=f"{RECOMMENDED}/{best.solver}.opt" if best and is_new else "",
        # GAMS looks for it in its start folder; HiGHS gets a path.
        copy_to=as_typed(harvest.copy_to) if best and best.engine == "gams" and harvest.copy_to else "",
    )
    show_report(report, console, files=where if (harvest.out / JSON).is_file() else None)


def show_report(report: Report, console: Console, *, files: ReportFiles | None = None) -> None:
    """The report on the screen, warnings first."""
    unicode = shows_unicode(console)
    if report.warnings:
        show(notices_view([Notice("warning", words) for words in report.warnings], unicode=unicode), console)
        console.print()
    show(report_view(report, width=console.width, unicode=unicode, files=files), console)
    for words in reused_words(report):
        say(words, console)


def reused_words(report: Report) -> list[str]:
    """The reused runs, a line for each scan that their results come from."""
    by_scan: dict[str, list[str]] = {}
    for run in report.runs:
        if run.reused_from:
            by_scan.setdefault(run.reused_from, []).append(run.run)
    return [f"Taken from scan {scan}, not run again: {', '.join(runs)}" for scan, runs in by_scan.items()]


def show_page(folder: Path, *, open_page: bool) -> None:
    """Prints the path of a scan's page, and opens it if wanted.

    Raises:
        UsageError: it does not exist.
    """
    page = folder / HTML
    if not page.is_file():
        raise UsageError(f"{str(page)!r} is not there. `times-doctor fetch SCAN` writes it.")
    say(as_typed(page))
    if open_page and not webbrowser.open(page.absolute().as_uri()):
        say("No browser could be started here; open the file yourself.")
