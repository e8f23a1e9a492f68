"""`times-doctor diagnose`: why a model has no solution, how good its solution is, how it is scaled; without a scan."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from times_doctor_cli.diagnosis.diagnose import Diagnosis

EXAMPLES = """Examples:

  times-doctor diagnose model.mps        solve with HiGHS and report

  times-doctor diagnose run.log          read an earlier run's log

  times-doctor diagnose my_run           its newest scan, else its log
"""


def diagnose(
    what: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL|LOG|RUN_DIR", help="A .mps or .lp file; a log or listing; or a folder with a scan or runs."
        ),
    ],
    timeout_seconds: Annotated[float, typer.Option(metavar="S", help="Time limit for solving a model file.")] = 60.0,
    iis_seconds: Annotated[
        float, typer.Option(metavar="S", help="Time to find the rows that make the model infeasible; 0: do not search.")
    ] = 60.0,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Find what is wrong with a model, without a scan.

    Shows why there is no solution, how accurate a solution is, and how the model is scaled. A model file is solved once
    with HiGHS. Logs, listings and scans are read, not solved again.
    """
    from times_doctor_cli.terminal.console import emit_json, show, shows_unicode, stdout_console
    from times_doctor_cli.views.diagnosis import diagnosis_view
    from times_doctor_tasks.contract.errors import UsageError

    for name, value in (("--timeout-seconds", timeout_seconds), ("--iis-seconds", iis_seconds)):
        if not 0 <= value <= 1e9 or (value == 0 and name == "--timeout-seconds"):
            raise UsageError(f"{name} {value:g}: expected a number of seconds.")
    found = _found(what, solve_s=timeout_seconds, iis_s=iis_seconds)
    if json:
        emit_json({"diagnoses": [each.to_json() for each in found]})
        return
    console = stdout_console()
    for place, each in enumerate(found):
        if place:
            console.print()
        show(diagnosis_view(each, unicode=shows_unicode(console)), console)


def _of_model(model: Path, *, solve_s: float, iis_s: float) -> Diagnosis:
    from times_doctor_cli.diagnosis.diagnose import of_model
    from times_doctor_cli.run_folder.model_class import model_class_of

    model_class_of(model)  # ends here if HiGHS would misread numbers
    return of_model(model, solve_s=solve_s, iis_s=iis_s)


def _found(what: Path, *, solve_s: float, iis_s: float) -> Sequence[Diagnosis]:
    from times_doctor_cli.diagnosis.diagnose import of_reading, of_report
    from times_doctor_cli.reports.reader import find_saved
    from times_doctor_cli.run_folder.gams.driver import is_lp_file
    from times_doctor_tasks.contract.errors import UsageError
    from times_doctor_tasks.contract.wording import some_of
    from times_doctor_tasks.results.run_files import find_run_files
    from times_doctor_tasks.results.run_reader import read_run

    if not what.exists():
        raise UsageError(f"{str(what)!r} does not exist: expected a .mps or .lp file, a log, a listing or a folder.")
    if what.is_file() and is_lp_file(what):
        return [_of_model(what, solve_s=solve_s, iis_s=iis_s)]
    saved = find_saved(what, newest=True) if what.is_dir() else None
    if saved is not None:
        return list(of_report(saved.report))
    try:
        reading = read_run(find_run_files(what))
    except FileNotFoundError as error:
        models = [path for path in sorted(what.iterdir()) if is_lp_file(path)] if what.is_dir() else []
        if len(models) == 1:
            return [_of_model(models[0], solve_s=solve_s, iis_s=iis_s)]
        if models:
            names = some_of([repr(path.name) for path in models], 5)
            raise UsageError(f"{str(what)!r} holds several models: {names}. Name one of them.") from error
        expected = "a .mps or .lp file, a log or listing of GAMS, a log of a solver, or a scan"
        raise UsageError(
            f"{str(what)!r} holds nothing to diagnose: expected {expected}. A GAMS model is diagnosed by its log, so "
            "scan it first."
        ) from error
    if not (reading.solves or reading.phases or reading.gams_version):
        raise UsageError(f"{str(what)!r} holds nothing of a run: expected a log or listing of GAMS, or a solver's log.")
    return [of_reading(reading, what.name)]
