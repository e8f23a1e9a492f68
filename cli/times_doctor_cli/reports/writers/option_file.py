"""`recommended/<solver>.opt`: the option file that ran, and where to copy it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from times_doctor_cli.reports.layout import RECOMMENDED
from times_doctor_cli.reports.writers.files import write_atomically
from times_doctor_tasks.contract.hosts import ENGINE_NAMES
from times_doctor_tasks.contract.messages import Report, RunSpec
from times_doctor_tasks.profiles.registry import CURRENT


def write_recommended(report: Report, directory: Path, *, specs: Mapping[str, RunSpec]) -> tuple[Path, ...]:
    """Writes the option file that ran, and its README; nothing if no run is recommended."""
    run = report.recommendation.run
    spec = specs.get(run) if run else None
    if spec is None:
        return ()
    name = f"{spec.solver}.opt"
    folder = directory / RECOMMENDED
    return (
        write_atomically(folder / name, spec.options),
        write_atomically(folder / "README.txt", f"{copy_line(report, spec)}\n"),
    )


def copy_line(report: Report, spec: RunSpec) -> str:
    """A line on what to copy where.

    >>> copy_line(report, spec)  # doctest: +SKIP
    'Copy cplex.opt into models/demo/parscen, beside parscen.run, and run GAMS with LP=CPLEX OPTFILE=1; ...'
    """
    name = f"{spec.solver}.opt"
    driver = PurePosixPath(report.spec.model.driver).name
    ran = f"It is exactly what ran as {spec.run}, threads and display options included."
    if spec.engine == "highs":
        return f"Run HiGHS with it: highs --options_file {name} {driver}. {ran}"
    if spec.engine == spec.solver:
        return (
            f"Copy {name} beside a GAMS model as it is and run GAMS with LP={spec.solver.upper()} OPTFILE=1, "
            f"or set these options in {ENGINE_NAMES[spec.engine]} itself. {ran}"
        )
    if spec.profile == CURRENT:
        return f"This is your own option file ({spec.origin}) as it ran: keep it. {ran}"
    return (
        f"Copy {name} into {report.spec.model.run_dir}, beside {driver}, where GAMS starts, "
        f"and run GAMS with LP={spec.solver.upper()} OPTFILE=1. {ran}"
    )
