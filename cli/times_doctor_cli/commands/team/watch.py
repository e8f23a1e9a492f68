"""`times-doctor watch`: shows a scan of the team's hosts, from any machine."""

from __future__ import annotations

from typing import Annotated

import typer


def watch(
    scan: Annotated[str, typer.Argument(metavar="SCAN", help="A scan's id, its beginning, or 'last'.")] = "last",
    json: Annotated[bool, typer.Option("--json", help="The report as one JSON document; the rest on stderr.")] = False,
) -> None:
    """Show a scan as it runs, and then its report. What happened before is shown first."""
    from times_doctor_cli.api import connect, find
    from times_doctor_cli.scan.following import follow
    from times_doctor_cli.terminal.console import stderr_console, stdout_console

    client = connect(who="watch")
    console = stderr_console() if json else stdout_console()
    raise typer.Exit(follow(client, find(client, scan), console, as_json=json))
