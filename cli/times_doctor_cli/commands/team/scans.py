"""`times-doctor list` and `times-doctor status`: scans of the team's broker and of this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from times_doctor_cli.client.scan_summaries import ScanLine
    from times_doctor_cli.client.session import Client

#: Newest scans that `status` looks through for open ones.
NEWEST = 200


def list_scans(
    newest: Annotated[int, typer.Option("--newest", "-n", min=1, metavar="N", help="How many.")] = 20,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """List scans, newest first.

    Lists the scans of all users of the broker, if one is set, and the local scans of this machine.
    """
    from times_doctor_cli.api import list_scans as newest_scans
    from times_doctor_cli.terminal.console import emit_json, say
    from times_doctor_tasks.contract.clock import now_ms

    lines, broker = newest_scans(newest)
    if json:
        emit_json({"scans": lines})
    elif lines:
        _show(lines, now_ms())
    else:
        say(f"No scan at {broker} or on this machine." if broker else "No scan on this machine, and no broker is set.")


def status(
    scan: Annotated[
        str | None, typer.Argument(metavar="[SCAN]", help="A scan id or its prefix; 'last'; default: all running.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Show the state of a scan and return."""
    from times_doctor_cli.api import connect, find, standing
    from times_doctor_cli.terminal.console import emit_json, say, show, shows_unicode, stdout_console
    from times_doctor_cli.views.live.table import Frame, live_table

    client = connect(who="status")
    if scan is None:
        _show_open(client, as_json=json)
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


def _show_open(client: Client, *, as_json: bool) -> None:
    from times_doctor_cli.client.scan_summaries import scan_lines
    from times_doctor_cli.terminal.console import emit_json, say

    lines = scan_lines(client, newest=NEWEST, only_open=True)
    if as_json:
        emit_json({"scans": lines})
    elif lines:
        _show(lines, client.now_ms())
    else:
        say(f"No open scan at {client.shown_broker}.")


def _show(lines: Sequence[ScanLine], now_ms: int) -> None:
    from times_doctor_cli.terminal.console import show, shows_unicode, stdout_console
    from times_doctor_cli.views.scans import scans_view

    console = stdout_console()
    show(scans_view(lines, width=console.width, unicode=shows_unicode(console), now_ms=now_ms), console)
