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
            help="A scan id or its prefix; 'last': your newest scan; a scan's or run's folder; a log or listing.",
        ),
    ],
    html: Annotated[bool, typer.Option("--html", help="Write the HTML report and show its path.")] = False,
    open_page: Annotated[bool, typer.Option("--open", help="Open the HTML report in the browser.")] = False,
    trace: Annotated[Path | None, typer.Option(help="Only write the scan as a GAMS trace file (PAVER).")] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the scan's table as Markdown, for an email or issue.")
    ] = False,
    each: Annotated[bool, typer.Option("--each", help="One line per log in the folder and its subfolders.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Show a scan's report, or how an existing run ended.

    Runs that were not started by times-doctor are read from their log, listing and trace.
    """
    from times_doctor_cli.reports.reader import find_saved
    from times_doctor_tasks.contract.errors import UsageError

    page = html or open_page
    _require_one_form(html=page, trace=trace is not None, markdown=markdown, each=each and not json, json=json)
    path = Path(what)
    if trace is not None or markdown:
        _write_otherwise(what, trace)
        return
    if each:
        _of_each(path, as_json=json)
    elif not path.exists():
        _by_id(what, page=page, open_page=open_page, as_json=json)
    elif (saved := find_saved(path, newest=page)) is not None:
        _of_folder(saved, page=page, open_page=open_page, as_json=json)
    elif page:
        raise UsageError(f"{what!r} holds no report of a scan, so there is no page. Expected a scan or its folder.")
    else:
        _of_run(path, as_json=json)


def _require_one_form(**forms: bool) -> None:
    from times_doctor_tasks.contract.errors import UsageError

    chosen = [f"--{form}" for form, is_given in forms.items() if is_given]
    if len(chosen) > 1:
        raise UsageError(f"{' and '.join(chosen)}: give only one of them.")


def _write_otherwise(what: str, trace: Path | None) -> None:
    """A scan as a GAMS trace file at `trace`, or without one as Markdown on stdout."""
    from times_doctor_cli import api
    from times_doctor_cli.reports.collect import as_typed
    from times_doctor_cli.reports.writers.trace_file import write_trace
    from times_doctor_cli.terminal.console import say
    from times_doctor_cli.views.markdown import report_markdown

    scan = api.locate(what, who="report of a scan that is in no folder here")
    found = api.report(scan.client, scan.spec.scan) if isinstance(scan, api.OnBroker) else scan.report
    if trace is None:
        sys.stdout.write(report_markdown(found))
    else:
        say(f"Wrote {as_typed(write_trace(found, trace))}")


def _by_id(what: str, *, page: bool, open_page: bool, as_json: bool) -> None:
    from times_doctor_cli import api
    from times_doctor_cli.live.report_output import show_page, show_results
    from times_doctor_cli.terminal.console import stderr_console, stdout_console
    from times_doctor_cli.terminal.progress_bar import shown_transfer

    scan = api.locate(what, who="report")
    if not isinstance(scan, api.OnBroker):
        _of_folder(scan, page=page, open_page=open_page, as_json=as_json)
    elif page:
        with shown_transfer("Fetching files", stderr_console()) as on_sent:
            show_page(api.fetch(scan.client, scan.spec.scan, on_sent=on_sent).folder, open_page=open_page)
    else:
        found = api.report(scan.client, scan.spec.scan)
        show_results(found, api.harvest_of_scan(scan.client, scan.spec), stdout_console(), as_json=as_json)


def _of_folder(saved: SavedReport, *, page: bool, open_page: bool, as_json: bool) -> None:
    from times_doctor_cli.live.report_output import show_page, show_results
    from times_doctor_cli.reports.harvest import Harvest
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
        # A run folder that was only scanned: it has no run of its own, but a scan's report.
        if (saved := find_saved(path, newest=True)) is not None:
            _of_folder(saved, page=False, open_page=False, as_json=as_json)
            return
        raise UsageError(f"{str(path)!r} holds no log, listing or trace of GAMS or a solver, and no scan.") from error
    reading = read_run(files)
    if not (reading.solves or reading.phases or reading.gams_version or reading.gams_status or reading.licence):
        raise UsageError(f"{str(path)!r} holds nothing of a run: expected a log or listing of GAMS, or a solver's log.")
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
        raise UsageError(f"{str(folder)!r} holds no log or listing of GAMS, and no log of a solver.")
    say(f"{verdicts.total():,} logs: " + ", ".join(f"{n:,} {words}" for words, n in verdicts.most_common()))
