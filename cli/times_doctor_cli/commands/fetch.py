"""`times-doctor fetch`: brings the files of a scan that has ended."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def fetch(
    scan: Annotated[str, typer.Argument(metavar="SCAN", help="A scan's id, its beginning, or 'last'.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder for the scan's folder, instead of RUN_DIR/times_doctor_out.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Bring a scan's reports, and listings, logs and option files of its runs."""
    from times_doctor_cli.console import emit_json, say, stderr_console
    from times_doctor_cli.library import connect, find
    from times_doctor_cli.library import fetch as fetch_files
    from times_doctor_cli.results import as_typed
    from times_doctor_cli.transfer import shown_transfer

    client = connect(who="fetch")
    spec = find(client, scan)
    with shown_transfer("Fetching files", stderr_console()) as on_sent:
        fetched = fetch_files(client, spec.scan, out, on_sent)
    warnings = fetched.report.warnings
    if json:
        emit_json({"scan": spec.scan, "folder": str(fetched.folder), "warnings": warnings})
        return
    for words in warnings:
        say(f"Warning: {words}", stderr_console(), wrap=True)
    say(f"Files of scan {spec.scan}: {as_typed(fetched.folder)}")
