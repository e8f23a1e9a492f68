"""`times-doctor cancel`: stops runs of a scan, from any machine."""

from __future__ import annotations

from typing import Annotated

import typer


def cancel(
    scan: Annotated[str, typer.Argument(metavar="SCAN", help="A scan id or its prefix; 'last': your newest scan.")],
    profile: Annotated[
        list[str] | None, typer.Option("--profile", "-p", metavar="NAME", help="Only this profile or run. Repeatable.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before cancelling another user's scan.")] = False,
    now: Annotated[
        bool, typer.Option("--now", help="Do not give the solvers time (15 min at most) to write results.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Stop a scan, or some of its runs."""
    from times_doctor_cli.api import cancel as cancel_runs
    from times_doctor_cli.api import connect, find
    from times_doctor_cli.terminal.console import emit_json, say
    from times_doctor_cli.terminal.questions import confirm

    client = connect(who="cancel")
    spec = find(client, scan)
    if (owner := client.other_owner(spec)) and not yes:
        fact = f"Scan {spec.scan} of {spec.model.title} is {owner}'s, not yours."
        confirm(fact, "Cancel it?", unasked="To cancel it all the same, add --yes.")
    runs = cancel_runs(client, spec.scan, profile or (), now=now)
    if json:
        emit_json({"scan": spec.scan, "cancelled": list(runs)})
    elif not runs:
        say(f"Scan {spec.scan} has ended already: nothing to cancel.")
    else:
        how = " at once" if now else "; what the solver has by now is kept"
        who = f"scan {spec.scan} ({spec.model.title}, by {spec.client})"
        say(f"Told {_amount(runs)} of {who} to stop{how}.")
        say(f"`times-doctor watch {spec.scan}` shows them end.")


def _amount(runs: tuple[str, ...]) -> str:
    return runs[0] if len(runs) == 1 else f"{len(runs)} runs"
