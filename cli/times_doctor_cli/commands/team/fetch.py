"""`times-doctor fetch`: downloads the files of an ended scan."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from times_doctor_cli.api import Fetched
    from times_doctor_cli.client.session import Client
    from times_doctor_cli.gdx.download import GdxOutcome


def fetch(
    scan: Annotated[str, typer.Argument(metavar="SCAN", help="A scan id or its prefix; 'last': your newest scan.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder for the scan's folder, instead of RUN_DIR/times_doctor_out.")
    ] = None,
    gdx: Annotated[bool, typer.Option("--gdx", help="Also download the GDX of every run from its host.")] = False,
    profile: Annotated[
        list[str] | None,
        typer.Option("--profile", "-p", help="With --gdx: only for this profile or run. Repeatable."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Download a scan's reports and its runs' files.

    Downloads listings, logs, option files, traces and the recommended run's GDX (up to 50 MB); other GDX with --gdx.
    """
    from times_doctor_cli.api import connect, find
    from times_doctor_cli.terminal.console import emit_json
    from times_doctor_tasks.contract import exit_codes
    from times_doctor_tasks.contract.errors import UsageError

    if profile and not gdx:
        raise UsageError("--profile says whose GDX files come: use it with --gdx. All other files come anyway.")
    client = connect(who="fetch")
    spec = find(client, scan)
    fetched = _bring_files(client, spec.scan, out, as_json=json)
    if gdx:
        outcomes = _bring_gdx(client, fetched, profile or (), as_json=json)
    else:
        outcomes = _bring_recommended(client, fetched, as_json=json)
    if json:
        warnings = fetched.report.warnings
        emit_json({"scan": spec.scan, "folder": str(fetched.folder), "warnings": warnings, "gdx": outcomes})
    if gdx and any(outcome.is_lost for outcome in outcomes):
        raise typer.Exit(exit_codes.INFRASTRUCTURE)


def _bring_files(client: Client, scan: str, out: Path | None, *, as_json: bool) -> Fetched:
    from times_doctor_cli.api import fetch as fetch_files
    from times_doctor_cli.reports.collect import as_typed
    from times_doctor_cli.terminal.console import say, stderr_console
    from times_doctor_cli.terminal.progress_bar import shown_transfer

    with shown_transfer("Fetching files", stderr_console()) as on_sent:
        fetched = fetch_files(client, scan, out, on_sent)
    if not as_json:
        for words in fetched.report.warnings:
            say(f"Warning: {words}", stderr_console())
        say(f"Files of scan {scan}: {as_typed(fetched.folder)}")
    return fetched


def _bring_gdx(client: Client, fetched: Fetched, names: Sequence[str], *, as_json: bool) -> list[GdxOutcome]:
    from times_doctor_cli.api import fetch_gdx
    from times_doctor_cli.live.gdx_progress import shown_steps, tell
    from times_doctor_cli.terminal.console import stderr_console, words_console

    outcomes = []
    with shown_steps(stderr_console()) as steps:
        for outcome in fetch_gdx(client, fetched, names, steps.on_step):
            outcomes.append(outcome)
            steps.clear()
            tell(outcome, words_console(as_json=as_json))
    return outcomes


def _bring_recommended(client: Client, fetched: Fetched, *, as_json: bool) -> list[GdxOutcome]:
    from times_doctor_cli.gdx.auto_fetch import Unasked
    from times_doctor_cli.live.gdx_progress import finish_shown
    from times_doctor_cli.terminal.console import stderr_console, words_console

    unasked = Unasked(client, fetched.report, fetched.folder)
    unasked.begin()
    return finish_shown(unasked, stderr_console(), words_console(as_json=as_json))
