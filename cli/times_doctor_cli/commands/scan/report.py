"""`times-doctor report`: a scan's report, or how an existing run ended, without running anything."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from times_doctor_cli.reports.reader import SavedReport


def report(
    what: Annotated[
        str,
        typer.Argument(
            metavar="SCAN|RUN_DIR|LOG",
            help="A scan's id, its beginning or 'last'; the folder of a scan; or a run folder, a log or a listing.",
        ),
    ],
    html: Annotated[bool, typer.Option("--html", help="Bring a scan's HTML page and say where it is.")] = False,
    open_page: Annotated[bool, typer.Option("--open", help="Open that page in the browser.")] = False,
    trace: Annotated[Path | None, typer.Option(help="Write a scan as a GAMS trace file (PAVER) and stop.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="A scan's table for a mail or ticket.")] = False,
    each: Annotated[bool, typer.Option("--each", help="One line for every log in a folder and below it.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Show a scan's report, or how an existing run ended.

    A run is read from its log, listing and trace, whoever started it.
    """
    from times_doctor_cli.reports.reader import find_saved
    from times_doctor_tasks.contract.errors import UsageError

    page = html or open_page
    path = Path(what)
    if trace is not None or markdown:
        _write_otherwise(what, trace)
        return
    if each:
        _of_each(path, as_json=json)
    elif not path.exists():
        _of_broker(what, page=page, open_page=open_page, as_json=json)
    elif (saved := find_saved(path, newest=page)) is not None:
        _of_folder(saved, page=page, open_page=open_page, as_json=json)
    elif page:
        raise UsageError(f"{what!r} holds no report of a scan, so there is no page. Expected a scan or its folder.")
    else:
        _of_run(path, as_json=json)


def _write_otherwise(what: str, trace: Path | None) -> None:
    """A scan as a GAMS trace file at `trace`, or as Markdown on stdout where there is none."""
    from times_doctor_cli import api
    from times_doctor_cli.reports.collect import as_typed
    from times_doctor_cli.reports.reader import find_here
    from times_doctor_cli.reports.writers.trace_file import write_trace
    from times_doctor_cli.terminal.console import say
    from times_doctor_cli.views.markdown import report_markdown

    if (saved := find_here(what)) is not None:
        found = saved.report
    else:
        client = api.connect(who="report of a scan that is in no folder here")
        found = api.report(client, api.find(client, what).scan)
    if trace is None:
        sys.stdout.write(report_markdown(found))
    else:
        say(f"Wrote {as_typed(write_trace(found, trace))}")


def _of_broker(scan: str, *, page: bool, open_page: bool, as_json: bool) -> None:
    from times_doctor_cli import api
    from times_doctor_cli.live.report_output import show_page, show_results
    from times_doctor_cli.terminal.console import stderr_console, stdout_console
    from times_doctor_cli.terminal.progress_bar import shown_transfer
    from times_doctor_tasks.config.settings import Settings
    from times_doctor_tasks.contract.errors import UsageError

    settings = Settings.load(_environ())
    if settings.broker_url is None or not api.looks_like_scan(scan):
        raise UsageError(
            f"{scan!r} does not exist: expected a run folder, a log, a listing or the folder of a scan"
            + (", or the id of a scan with TIMES_DOCTOR_BROKER_URL set." if settings.broker_url is None else ".")
        )
    client = api.connect(who="report")
    try:
        spec = api.find(client, scan)
    except UsageError as error:
        raise UsageError(f"There is no file or folder {scan!r} here, and no such scan. {error}") from error
    if page:
        with shown_transfer("Fetching files", stderr_console()) as on_sent:
            show_page(api.fetch(client, spec.scan, on_sent=on_sent).folder, open_page=open_page)
        return
    found = api.report(client, spec.scan)
    show_results(found, api.harvest_of_scan(client, spec), stdout_console(), as_json=as_json)


def _of_folder(saved: SavedReport, *, page: bool, open_page: bool, as_json: bool) -> None:
    from times_doctor_cli.live.report_output import show_page, show_results
    from times_doctor_cli.reports.destination import Harvest
    from times_doctor_cli.terminal.console import stdout_console

    if page:
        show_page(saved.folder, open_page=open_page)
        return
    show_results(saved.report, Harvest(saved.folder, saved.runs), stdout_console(), as_json=as_json)


def _of_run(path: Path, *, as_json: bool) -> None:
    from times_doctor_cli.reports.reader import find_saved
    from times_doctor_cli.terminal.console import emit_json, show, shows_unicode, stdout_console
    from times_doctor_cli.views.reading import reading_view
    from times_doctor_tasks.contract.errors import UsageError
    from times_doctor_tasks.results.run_files import find_run_files
    from times_doctor_tasks.results.run_reader import read_run, to_json

    try:
        files = find_run_files(path)
    except FileNotFoundError as error:
        # A run folder that was only ever scanned: no run of its own, but the scan's report.
        if (saved := find_saved(path, newest=True)) is not None:
            _of_folder(saved, page=False, open_page=False, as_json=as_json)
            return
        raise UsageError(f"{str(path)!r} holds no log, listing or trace of GAMS, no log of HiGHS, no scan.") from error
    reading = read_run(files)
    if not (reading.solves or reading.phases or reading.gams_version or reading.gams_status or reading.licence):
        raise UsageError(f"{str(path)!r} holds nothing of a run: expected a log or listing of GAMS, or a log of HiGHS.")
    if as_json:
        emit_json(to_json(reading))
    else:
        console = stdout_console()
        show(reading_view(reading, width=console.width, unicode=shows_unicode(console)), console)


def _of_each(folder: Path, *, as_json: bool) -> None:
    from collections import Counter

    from times_doctor_cli.terminal.console import emit_json, say, show, shows_unicode, stdout_console
    from times_doctor_cli.terminal.lines import Lines, header_of
    from times_doctor_cli.terminal.units import verdict_words
    from times_doctor_cli.views.reading import each_columns, reading_line
    from times_doctor_tasks.contract.errors import UsageError
    from times_doctor_tasks.results.run_files import runs_below
    from times_doctor_tasks.results.run_reader import read_run, to_json

    if not folder.is_dir():
        raise UsageError(f"--each reads every log in a folder: {str(folder)!r} is none.")
    console = stdout_console()
    unicode = shows_unicode(console)
    columns = each_columns(console.width if console.is_terminal else None)
    documents, verdicts = [], Counter[str]()
    for log, files in runs_below(folder):
        reading, name = read_run(files), str(log.relative_to(folder))
        if as_json:
            documents.append({"log": name} | to_json(reading))
            continue
        if not verdicts:
            show(Lines([header_of(columns, ellipsis="~")]), console)
        verdicts[verdict_words(reading.verdict)] += 1
        show(Lines([reading_line(reading, name, columns, unicode=unicode)]), console)
    if as_json:
        emit_json({"logs": documents})
        return
    if not verdicts:
        raise UsageError(f"{str(folder)!r} holds no log or listing of GAMS, and no log of HiGHS.")
    say(f"{verdicts.total():,} logs: " + ", ".join(f"{n:,} {words}" for words, n in verdicts.most_common()))


def _environ() -> dict[str, str]:
    import os

    return dict(os.environ)
