"""`times-doctor watch`: shows a scan of the team's hosts, from any machine."""

from __future__ import annotations

from typing import Annotated

import typer


def watch(
    scan: Annotated[str, typer.Argument(metavar="SCAN", help="A scan id or prefix; 'last': your newest.")] = "last",
    json: Annotated[bool, typer.Option("--json", help="The report as one JSON document; the rest on stderr.")] = False,
) -> None:
    """Show a scan as it runs, and then its report. What happened before is shown first."""
    from times_doctor_cli.api import connect, find
    from times_doctor_cli.scan.backends import team
    from times_doctor_cli.scan.run import follow

    client = connect(who="watch")
    raise typer.Exit(follow(client, find(client, scan), team(), as_json=json))
