"""`times-doctor check`: checks this machine and the team's hosts."""

from __future__ import annotations

from typing import Annotated, Any

import typer


def check(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Check this machine and the team, and say what to fix.

    Checks this machine and its settings; if a broker is set, also broker, store and hosts, with the URL of the user
    client or worker. Exit code 5 if something is wrong.
    """
    import os
    from datetime import date

    from times_doctor_cli.client import health
    from times_doctor_cli.local.private_worker import card_of_here
    from times_doctor_cli.terminal.console import emit_json, show, shows_unicode, stdout_console
    from times_doctor_cli.views.checkup import checkup_view
    from times_doctor_tasks import __version__
    from times_doctor_tasks.config.settings import Settings
    from times_doctor_tasks.contract import exit_codes

    settings = Settings.load(os.environ)
    card, trouble = card_of_here(settings, _stack(context))
    findings = [
        *health.check_here(card, trouble),
        *health.check_environment(os.environ),
        health.check_cache(settings),
        health.check_times_source(settings),
        *health.check_team(settings, version=__version__, today=date.today()),
    ]
    values = health.values_of(settings)
    failed = any(finding.level is health.Level.FAIL for finding in findings)
    if json:
        emit_json({"ok": not failed, "findings": findings, "configuration": values})
    else:
        console = stdout_console()
        show(checkup_view(findings, values, unicode=shows_unicode(console)), console)
    raise typer.Exit(exit_codes.INFRASTRUCTURE if failed else exit_codes.OK)


def _stack(context: typer.Context) -> Any:
    return (context.obj or {}).get("stack")
