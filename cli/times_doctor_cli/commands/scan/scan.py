"""`times-doctor scan`: the command, and the order in which its parts are called."""

from __future__ import annotations

import os
from typing import Annotated, Unpack

import typer

from times_doctor_cli.commands.scan.options import InGroups, ScanOptions, takes_scan_options
from times_doctor_cli.planning.request import ScanRequest, gams_args_of, number_or_auto
from times_doctor_tasks.config.settings import parse_duration
from times_doctor_tasks.contract.errors import UsageError

SHAPE = InGroups
EXAMPLES = """Examples:

  times-doctor scan my_run               one profile after another

  times-doctor scan my_run --parallel    all at the same time

  times-doctor scan my_run -p dual -p bar         only these two

  times-doctor scan my_run --opt-file try1.opt    your own option file

  times-doctor scan model.mps            a model file, with HiGHS

  times-doctor scan my_run --parallel --queue      on the team's hosts

  times-doctor scan my_run --queue --detach        submit and exit
"""

NO_LLM = (
    "--llm is not part of this scan: runs are compared, and a profile recommended, by rules that the report states. "
    "Leave it out."
)


@takes_scan_options
def scan(
    *,
    context: typer.Context,
    threads: Annotated[str, typer.Option(help="Threads per solve; auto: divide all cores between the runs.")] = "auto",
    repeat: Annotated[str, typer.Option(help="Runs per profile; auto: up to 7, while too close to call.")] = "1",
    repeat_budget: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Most solver time of --repeat auto, such as 90s or 2h.")
    ] = None,
    gams_arg: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Pass --NAME=VALUE to GAMS. Repeatable.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would run, and exit.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout; the rest on stderr.")] = False,
    llm: Annotated[bool, typer.Option("--llm", hidden=True)] = False,
    **asked: Unpack[ScanOptions],
) -> None:
    """Run a model under several profiles and say which to use.

    Profiles are solver configurations: `times-doctor profiles` lists them.
    """
    if llm:
        raise UsageError(NO_LLM)
    request = ScanRequest(
        threads=number_or_auto("--threads", threads),
        repeat=number_or_auto("--repeat", repeat),
        repeat_budget_s=parse_duration("--repeat-budget", repeat_budget),
        gams_args=gams_args_of(gams_arg or ()),
        **asked,
    )
    from times_doctor_cli.scan.backends import private, team  # heavy: after --help
    from times_doctor_cli.scan.run import run

    backend = team() if request.queue else private((context.obj or {}).get("stack"))
    raise typer.Exit(run(request, backend, os.environ, dry_run=dry_run, as_json=json))
