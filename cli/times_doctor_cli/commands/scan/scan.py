"""`times-doctor scan`: the command, and the order in which its parts are called."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from times_doctor_cli.planning.request import ScanRequest, gams_args_of, parse_threads
from times_doctor_tasks.contract.errors import UsageError

EXAMPLES = """Examples:

  times-doctor scan my_run               one profile after the other

  times-doctor scan my_run --parallel    at once, the cores shared

  times-doctor scan my_run -p dual -p bar         only these two

  times-doctor scan my_run --opt-file try1.opt    an option file of yours

  times-doctor scan model.mps            an LP file, by HiGHS, without GAMS

  times-doctor scan my_run --parallel --queue      spread over the team's hosts

  times-doctor scan my_run --queue --detach        and leave it to them
"""

NO_LLM = (
    "--llm is not part of this scan: runs are compared, and a profile recommended, by rules that the report states. "
    "Leave it out."
)


def scan(
    context: typer.Context,
    run_dir: Annotated[
        Path, typer.Argument(metavar="RUN_DIR", help="A run folder, or one .run, .gms, .mps or .lp file.")
    ],
    profile: Annotated[
        list[str] | None,
        typer.Option("--profiles", "-p", help="A profile, solver:profile, or a set (@hard); repeat."),
    ] = None,
    solver: Annotated[str, typer.Option(help="cplex, gurobi, highs, ..., auto or both.")] = "auto",
    opt_file: Annotated[list[Path] | None, typer.Option(help="An option file as a profile; repeat.")] = None,
    parallel: Annotated[bool, typer.Option("--parallel", help="Run the profiles at once.")] = False,
    threads: Annotated[str, typer.Option(help="Threads a solve gets: a number, or auto.")] = "auto",
    queue: Annotated[bool, typer.Option("--queue", help="Run them on the team's hosts.")] = False,
    max_workers: Annotated[
        int | None,
        typer.Option(envvar="TD_MAX_WORKERS", help="Most runs at once; with --queue only how many share the cores."),
    ] = None,
    timeout_seconds: Annotated[
        float | None, typer.Option(envvar="TD_TIMEOUT_SECONDS", help="Time limit of each run.")
    ] = None,
    iis: Annotated[
        bool, typer.Option("--iis", help="GAMS: let CPLEX, Gurobi, COPT say which equations contradict each other.")
    ] = False,
    iis_seconds: Annotated[
        float, typer.Option(help="HiGHS: seconds to find which rows of an infeasible model contradict; 0: none.")
    ] = 60.0,
    mem: Annotated[int | None, typer.Option(help="Memory a run needs, MB.")] = None,
    repeat: Annotated[int, typer.Option(help="Run each profile so often.")] = 1,
    priority: Annotated[str, typer.Option(help="low, normal or high.")] = "normal",
    hosts: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this host may take a run (--queue); repeat.")
    ] = None,
    race: Annotated[bool, typer.Option("--race", help="The first run that is optimal stops the others.")] = False,
    cap: Annotated[
        float | None, typer.Option(metavar="FACTOR", help="Stop runs that take FACTOR times the best run's time.")
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Submit, and do not wait (--queue).")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Take results of earlier runs whose inputs were the same.")
    ] = False,
    gams_path: Annotated[Path | None, typer.Option(help="GAMS system folder or executable.")] = None,
    times_src: Annotated[Path | None, typer.Option(help="Folder of the TIMES source.")] = None,
    include: Annotated[
        list[Path] | None, typer.Option(help="A file the model needs beside its includes; repeat.")
    ] = None,
    restart: Annotated[str, typer.Option(help="auto (as VTRUN.CMD), none, or a .g00 file.")] = "auto",
    gams_arg: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A variable (%NAME%) for GAMS; repeat.")
    ] = None,
    vd: Annotated[
        bool | None,
        typer.Option("--vd/--no-vd", help="Results for VEDA (.vd) too, or not; else as VTRUN.CMD."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for reports instead of RUN_DIR/times_doctor_out.")] = None,
    trace: Annotated[Path | None, typer.Option(help="Write the scan as a GAMS trace file too (PAVER).")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would run, and stop.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before more than 20 runs.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout; the rest on stderr.")] = False,
    llm: Annotated[bool, typer.Option("--llm", hidden=True)] = False,
) -> None:
    """Run a model under several profiles and say which to use.

    Profiles are solver configurations: `times-doctor profiles` lists them.
    """
    if llm:
        raise UsageError(NO_LLM)
    request = ScanRequest(
        run_path=run_dir,
        profiles=profile or (),
        solver=solver,
        opt_files=opt_file or (),
        parallel=parallel,
        threads=parse_threads(threads),
        max_workers=max_workers,
        timeout_s=timeout_seconds,
        iis=iis,
        iis_s=iis_seconds,
        mem_mb=mem,
        repeat=repeat,
        priority=priority,
        gams_path=gams_path,
        times_src=times_src,
        includes=include or (),
        restart=restart,
        gams_args=gams_args_of(gams_arg or ()),
        vd=vd,
        out=out,
        trace=trace,
        yes=yes,
        queue=queue,
        detach=detach,
        hosts=hosts or (),
        race=race,
        cap_factor=cap,
        resume=resume,
    )
    from times_doctor_cli.scan.backends import private, team  # heavy: after --help
    from times_doctor_cli.scan.run import run

    backend = team() if queue else private((context.obj or {}).get("stack"))
    raise typer.Exit(run(request, backend, os.environ, dry_run=dry_run, as_json=json))
