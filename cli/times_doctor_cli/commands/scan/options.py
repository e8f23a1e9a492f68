"""The options of `times-doctor scan`: flag and help of each. Defaults are those of `ScanRequest`."""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypedDict, TypeVar, get_type_hints

import typer
from typer.core import TyperCommand

from times_doctor_cli.planning.request import ScanRequest

if TYPE_CHECKING:
    from typer._click import Context, HelpFormatter

#: The options by their heading in the help.
HEADINGS = {
    "Arguments": ("run_path",),
    "Profiles": ("profiles", "solver", "opt_files", "repeat", "repeat_budget"),
    "Model": ("gams_path", "times_src", "includes", "gams_arg", "restart"),
    "Threads and memory": ("parallel", "max_workers", "threads", "mem_mb"),
    "Limits": ("timeout_s", "race", "cap_factor", "wait_licence_min"),
    "Team": ("queue", "detach", "notify", "hosts", "priority"),
    "Results": ("out", "resume", "iis", "iis_s", "vd", "trace", "json"),
    "Options": ("dry_run", "yes", "help"),
}
_Command = TypeVar("_Command", bound=Callable[..., None])


class ScanOptions(TypedDict):
    """The options, by their field of `ScanRequest`, in the order of the help."""

    run_path: Annotated[
        Path, typer.Argument(metavar="RUN_DIR", help="A run folder, or one .run, .gms, .mps or .lp file.")
    ]
    profiles: Annotated[
        list[str], typer.Option("--profiles", "-p", help="A profile, solver:profile, or a set (@hard). Repeatable.")
    ]
    solver: Annotated[
        str,
        typer.Option(help="cplex, gurobi, ...; both (cplex, gurobi); all; auto: of your option files, else the first."),
    ]
    opt_files: Annotated[list[Path], typer.Option("--opt-file", help="An option file to use as a profile. Repeatable.")]
    parallel: Annotated[bool, typer.Option("--parallel", help="Run all profiles at the same time.")]
    queue: Annotated[bool, typer.Option("--queue", help="Run on the team's hosts, not on this machine.")]
    max_workers: Annotated[
        int | None,
        typer.Option(
            envvar="TD_MAX_WORKERS",
            help="Most runs at the same time. With --queue it only sets the threads of each.",
        ),
    ]
    timeout_s: Annotated[
        float | None, typer.Option("--timeout-seconds", envvar="TD_TIMEOUT_SECONDS", help="Time limit of each run.")
    ]
    wait_licence_min: Annotated[
        float, typer.Option("--wait-for-licence", metavar="MIN", help="Retry a refused licence for MIN minutes.")
    ]
    iis: Annotated[
        bool, typer.Option("--iis", help="GAMS: let CPLEX, Gurobi or COPT find what makes a model infeasible.")
    ]
    iis_s: Annotated[
        float,
        typer.Option(
            "--iis-seconds",
            help="Model files: seconds for HiGHS to find the rows that make the model infeasible; 0: do not search.",
        ),
    ]
    mem_mb: Annotated[int | None, typer.Option("--mem", help="Memory to reserve per run, in MB.")]
    priority: Annotated[str, typer.Option(help="Order of your own scans: low, normal or high.")]
    hosts: Annotated[list[str], typer.Option(metavar="NAME", help="Use only this host (--queue). Repeatable.")]
    race: Annotated[bool, typer.Option("--race", help="Stop all other runs when the first is optimal.")]
    cap_factor: Annotated[
        float | None,
        typer.Option("--cap", metavar="FACTOR", help="Stop runs that take FACTOR times the fastest."),
    ]
    detach: Annotated[bool, typer.Option("--detach", help="Submit the scan and exit (--queue).")]
    notify: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Notify NAME when the scan ends, waits long or loses a host (--queue); none: nobody."
        ),
    ]
    resume: Annotated[bool, typer.Option("--resume", help="Reuse results of identical earlier runs.")]
    gams_path: Annotated[Path | None, typer.Option(help="GAMS system folder or executable.")]
    times_src: Annotated[Path | None, typer.Option(help="Folder of the TIMES source.")]
    includes: Annotated[list[Path], typer.Option("--include", help="Another file that the model needs. Repeatable.")]
    restart: Annotated[str, typer.Option(help="Restart file: auto (as in VTRUN.CMD), none, or a .g00 file.")]
    vd: Annotated[
        bool | None,
        typer.Option("--vd/--no-vd", help="Write results for VEDA (.vd) or not (default: as VTRUN.CMD does)."),
    ]
    out: Annotated[Path | None, typer.Option(help="Folder for reports instead of RUN_DIR/times_doctor_out.")]
    trace: Annotated[Path | None, typer.Option(help="Also write the scan as a GAMS trace file (for PAVER).")]
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before more than 20 runs.")]


class InGroups(TyperCommand):
    """Shows the options under `HEADINGS`. Typer's `rich_help_panel` needs rich, which takes long to import."""

    def format_options(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Called by Click for `--help`."""
        shown = {param.name: param.get_help_record(ctx) for param in self.get_params(ctx)}
        for heading, names in HEADINGS.items():
            with formatter.section(heading):
                formatter.write_dl([row for name in names if (row := shown[name])])


def takes_scan_options(command: _Command) -> _Command:
    """Gives Typer one parameter for each of `ScanOptions` instead of the command's `**asked`."""
    defaults = ScanRequest(run_path=Path())
    shown = [
        Parameter(
            name,
            Parameter.KEYWORD_ONLY,
            default=Parameter.empty if name == "run_path" else getattr(defaults, name),
            annotation=hint,
        )
        for name, hint in get_type_hints(ScanOptions, include_extras=True).items()
    ]
    own = signature(command, eval_str=True)
    kept = [parameter for parameter in own.parameters.values() if parameter.kind is Parameter.KEYWORD_ONLY]
    command.__signature__ = own.replace(parameters=[*shown, *kept])  # type: ignore[attr-defined]
    return command
