"""`times-doctor flower`: the dashboard for operators of hosts."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Annotated

import typer


def flower(
    address: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 5555,
    auth_file: Annotated[
        Path | None,
        typer.Option(
            envvar="TIMES_DOCTOR_FLOWER_AUTH_FILE",
            help="File with one user:password per line; default: the variable TIMES_DOCTOR_FLOWER_AUTH.",
        ),
    ] = None,
    no_auth: Annotated[bool, typer.Option("--no-auth", help="Ask for no password; only with 127.0.0.1.")] = False,
) -> None:
    """Show hosts, queues and tasks in a browser (Flower).

    Read-only, with a password.
    """
    from times_doctor_cli.dashboard.flower import Door, read_accounts, serve
    from times_doctor_cli.terminal.console import say
    from times_doctor_tasks.config.settings import Settings

    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.INFO)
    settings = Settings.load(os.environ)
    settings.require_broker("times-doctor flower")
    accounts = read_accounts(os.environ, auth_file, address=address, no_auth=no_auth)
    serve(settings, Door(address, port, accounts), on_open=lambda url: say(f"Flower listens on {url} (Ctrl-C ends it)"))
