"""`times-doctor profiles`: the profiles, what they do and when to use them."""

from __future__ import annotations

from typing import Annotated

import typer


def profiles(
    solver: Annotated[str | None, typer.Option(metavar="NAME", help="Only the profiles of this solver.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """List the built-in profiles."""
    from times_doctor_cli.terminal.console import emit_json, show, stdout_console
    from times_doctor_cli.views.profiles import profiles_view
    from times_doctor_tasks.contract.errors import UsageError
    from times_doctor_tasks.profiles.registry import built_in_profiles

    found = built_in_profiles(solver and solver.lower(), engine=None)
    if not found:
        known = dict.fromkeys(profile.solver for profile in built_in_profiles(engine=None))
        raise UsageError(f"No built-in profile is for solver {solver!r}; there are for {', '.join(known)}.")
    if json:
        emit_json({"profiles": list(found)})
    else:
        console = stdout_console()
        show(profiles_view(found, width=console.width), console)
