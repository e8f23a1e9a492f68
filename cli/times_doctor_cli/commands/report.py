"""`times-doctor report`: reads an existing run, log or listing, without running anything."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    path: Annotated[
        Path, typer.Argument(metavar="LOG|RUN_DIR", help="A GAMS or HiGHS log, a listing, or a run folder.")
    ],
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Say how an existing run ended, from its log and listing."""
    from times_doctor_cli.console import emit_json, shows_unicode, stdout_console
    from times_doctor_cli.views.reading import reading_view
    from times_doctor_tasks.errors import UsageError
    from times_doctor_tasks.reading import find_run_files, read_run, to_json

    if not path.exists():
        raise UsageError(f"{str(path)!r} does not exist: expected a log, a listing or a run folder.")
    reading = read_run(find_run_files(path))
    if not (reading.solves or reading.phases or reading.gams_version):
        raise UsageError(f"{str(path)!r} holds nothing of a run: expected a log or listing of GAMS, or a log of HiGHS.")
    if json:
        emit_json(to_json(reading))
    else:
        console = stdout_console()
        console.print(reading_view(reading, width=console.width, unicode=shows_unicode(console)))
