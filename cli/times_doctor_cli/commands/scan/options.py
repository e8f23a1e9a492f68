"""The options of `times-doctor scan`: flag and help of each. Defaults are those of `ScanRequest`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated, TypedDict, TypeVar, get_type_hints

import typer

from times_doctor_cli.planning.request import ScanRequest

_Command = TypeVar("_Command", bound=Callable[..., None])


class ScanOptions(TypedDict):
    """What a person types, by the field of `ScanRequest` that takes it, in the order of the help."""

    run_path: Annotated[
        Path, typer.Argument(metavar="RUN_DIR", help="A run folder, or one .run, .gms, .mps or .lp file.")
    ]
    profiles: Annotated[
        list[str], typer.Option("--profiles", "-p", help="A profile, solver:profile, or a set (@hard); repeat.")
    ]
    solver: Annotated[str, typer.Option(help="cplex, gurobi, highs, ..., auto, both or all.")]
    opt_files: Annotated[list[Path], typer.Option("--opt-file", help="An option file as a profile; repeat.")]
    parallel: Annotated[bool, typer.Option("--parallel", help="Run the profiles at once.")]
    queue: Annotated[bool, typer.Option("--queue", help="Run them on the team's hosts.")]
    max_workers: Annotated[
        int | None,
        typer.Option(envvar="TD_MAX_WORKERS", help="Most runs at once; with --queue only how many share the cores."),
    ]
    timeout_s: Annotated[
        float | None, typer.Option("--timeout-seconds", envvar="TD_TIMEOUT_SECONDS", help="Time limit of each run.")
    ]
    wait_licence_min: Annotated[
        float, typer.Option("--wait-for-licence", metavar="MIN", help="Wait for a licence that is refused, minutes.")
    ]
    iis: Annotated[
        bool, typer.Option("--iis", help="GAMS: let CPLEX, Gurobi, COPT say which equations contradict each other.")
    ]
    iis_s: Annotated[
        float,
        typer.Option(
            "--iis-seconds",
            help="HiGHS: seconds to find which rows of an infeasible model contradict; 0: none.",
        ),
    ]
    mem_mb: Annotated[int | None, typer.Option("--mem", help="Memory a run needs, MB.")]
    priority: Annotated[str, typer.Option(help="low, normal or high: among your own scans.")]
    hosts: Annotated[list[str], typer.Option(metavar="NAME", help="Only this host may take a run (--queue); repeat.")]
    race: Annotated[bool, typer.Option("--race", help="The first run that is optimal stops the others.")]
    cap_factor: Annotated[
        float | None,
        typer.Option("--cap", metavar="FACTOR", help="Stop runs that take FACTOR times the best run's time."),
    ]
    detach: Annotated[bool, typer.Option("--detach", help="Submit, and do not wait (--queue).")]
    resume: Annotated[bool, typer.Option("--resume", help="Take results of earlier runs whose inputs were the same.")]
    gams_path: Annotated[Path | None, typer.Option(help="GAMS system folder or executable.")]
    times_src: Annotated[Path | None, typer.Option(help="Folder of the TIMES source.")]
    includes: Annotated[
        list[Path], typer.Option("--include", help="A file the model needs beside its includes; repeat.")
    ]
    restart: Annotated[str, typer.Option(help="auto (as VTRUN.CMD), none, or a .g00 file.")]
    vd: Annotated[
        bool | None, typer.Option("--vd/--no-vd", help="Results for VEDA (.vd) too, or not; else as VTRUN.CMD.")
    ]
    out: Annotated[Path | None, typer.Option(help="Folder for reports instead of RUN_DIR/times_doctor_out.")]
    trace: Annotated[Path | None, typer.Option(help="Write the scan as a GAMS trace file too (PAVER).")]
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before more than 20 runs.")]


def takes_scan_options(command: _Command) -> _Command:
    """Shows Typer one parameter for each of `ScanOptions` in place of the command's `**asked`."""
    defaults = {
        field.name: Parameter.empty if field.default is MISSING else field.default for field in fields(ScanRequest)
    }
    shown = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=defaults[name], annotation=hint)
        for name, hint in get_type_hints(ScanOptions, include_extras=True).items()
    ]
    own = signature(command, eval_str=True)
    kept = [parameter for parameter in own.parameters.values() if parameter.kind is Parameter.KEYWORD_ONLY]
    command.__signature__ = own.replace(parameters=[*shown, *kept])  # type: ignore[attr-defined]
    return command
