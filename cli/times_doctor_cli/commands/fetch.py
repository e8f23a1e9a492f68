"""`times-doctor fetch`: brings the files of a scan that has ended."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from times_doctor_tasks.messages import Report


def fetch(
    scan: Annotated[str, typer.Argument(metavar="SCAN", help="A scan's id, its beginning, or 'last'.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder for the scan's folder, instead of RUN_DIR/times_doctor_out.")
    ] = None,
    gdx: Annotated[bool, typer.Option("--gdx", help="GDX files too (comes in a later version).")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Bring a scan's reports, and listings, logs and option files of its runs."""
    from times_doctor_cli.console import emit_json, say, stderr_console
    from times_doctor_cli.library import connect, find, report
    from times_doctor_cli.library import fetch as fetch_files
    from times_doctor_cli.results import as_typed
    from times_doctor_cli.transfer import shown_transfer
    from times_doctor_tasks.errors import NotYetHere

    client = connect(who="fetch")
    spec = find(client, scan)
    if gdx:
        raise NotYetHere(_where_gdx_lies(report(client, spec.scan)))
    with shown_transfer("Fetching files", stderr_console()) as on_sent:
        fetched = fetch_files(client, spec.scan, out, on_sent)
    warnings = fetched.report.warnings
    if json:
        emit_json({"scan": spec.scan, "folder": str(fetched.folder), "warnings": warnings})
        return
    for words in warnings:
        say(f"Warning: {words}", stderr_console())
    say(f"Files of scan {spec.scan}: {as_typed(fetched.folder)}")


def _where_gdx_lies(report: Report) -> str:
    places = [f"{run.run} on {run.host} in {run.directory}" for run in report.runs if run.host and run.directory]
    return (
        "--gdx comes in a later version: GDX files stay on the host that made them. "
        f"Until then copy them from there: {'; '.join(places) or 'no run has left any'}."
    )
