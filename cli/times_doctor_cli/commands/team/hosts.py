"""`times-doctor hosts`: the live solver hosts."""

from __future__ import annotations

from typing import Annotated

import typer


def hosts(json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False) -> None:
    """List the team's hosts: slots, solvers, licences.

    Load is the average of the last minute. A host without heartbeats disappears after 20 seconds.
    """
    from times_doctor_cli import api
    from times_doctor_cli.terminal.console import emit_json, say, show, shows_unicode, stdout_console
    from times_doctor_cli.views.hosts import hosts_view

    client = api.connect(who="hosts")
    cards = api.hosts(client)
    console = stdout_console()
    if json:
        emit_json({"broker": client.shown_broker, "hosts": cards})
    elif not cards:
        say(f"No host is live at {client.shown_broker}. Start `times-doctor worker` on a machine with GAMS or HiGHS.")
    else:
        show(hosts_view(cards, unicode=shows_unicode(console)), console)
