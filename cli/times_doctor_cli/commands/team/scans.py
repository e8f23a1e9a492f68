"""`times-doctor list` and `times-doctor status`: scans of the team's broker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from times_doctor_cli.client.session import Client

#: Newest scans that `status` looks through for open ones.
NEWEST = 200


def list_scans(
    newest: Annotated[int, typer.Option("--newest", "-n", min=1, help="How many.")] = 20,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """List the scans of everybody on this broker, newest first."""
    from times_doctor_cli.api import connect

    _show(connect(who="list"), newest=newest, only_open=False, as_json=json)


def status(
    scan: Annotated[
        str | None, typer.Argument(metavar="[SCAN]", help="A scan's id, its beginning, or 'last'; none: all open ones.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Say how a scan stands right now, and return."""
    from times_doctor_cli.api import connect, find, standing
    from times_doctor_cli.terminal.console import emit_json, say, show, shows_unicode, stdout_console
    from times_doctor_cli.views.live.table import Frame, live_table

    client = connect(who="status")
    if scan is None:
        _show(client, newest=NEWEST, only_open=True, as_json=json)
        return
    spec = find(client, scan)
    board = standing(client, spec.scan)
    if json:
        by = client.cancelled_by(spec.scan)
        emit_json({"scan": spec, "reported": board.reported, "cancelled_by": by, "runs": board.rows})
        return
    console = stdout_console()
    say(f"Scan {spec.scan}, by {spec.client}", console)
    if by := client.cancelled_by(spec.scan):
        say(f"Cancelled by {' and '.join(by)}.", console)
    frame = Frame(
        width=console.width, height=len(board.rows) + 6, now_ms=client.now_ms(), unicode=shows_unicode(console)
    )
    show(live_table(board, frame), console)


def _show(client: Client, *, newest: int, only_open: bool, as_json: bool) -> None:
    from times_doctor_cli.client.scan_summaries import scan_lines
    from times_doctor_cli.terminal.console import emit_json, say, show, shows_unicode, stdout_console
    from times_doctor_cli.views.scans import scans_view

    lines = scan_lines(client, newest=newest, only_open=only_open)
    if as_json:
        emit_json({"scans": lines})
    elif not lines:
        say(f"No {'open ' if only_open else ''}scan at {client.shown_broker}.")
    else:
        console = stdout_console()
        unicode = shows_unicode(console)
        show(scans_view(lines, width=console.width, unicode=unicode, now_ms=client.now_ms()), console)
