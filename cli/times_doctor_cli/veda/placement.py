"""Where an option file of a scan belongs so that GAMS reads it, and what it changes there.

GAMS reads `<solver>.opt` in the folder where it is started when the model's OPTFILE is 1, which TIMES sets itself
(solve.mod); VEDA's VTRUN.CMD starts GAMS in the folder in which it lies. Sources: docs/veda.md.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from times_doctor_tasks.contract.errors import UsageError
from times_doctor_tasks.contract.messages import Report, RunSpec
from times_doctor_tasks.profiles.option_file import parse_options
from times_doctor_tasks.profiles.registry import CURRENT

_VEDAS_SCRIPT = "vtrun.cmd"


@dataclass(frozen=True, slots=True)
class Placement:
    """An option file, where it goes, and what stands there now."""

    target: Path
    text: str
    run: str
    """The run it ran as."""
    solver: str
    before: str | None
    """What stands at `target`; None where nothing does."""

    @property
    def is_done(self) -> bool:
        """Whether `target` already says this."""
        return self.before == self.text


def choose_run(report: Report, runs: Sequence[RunSpec], profile: str | None) -> RunSpec:
    """The run whose option file is meant: that of `profile`, else the recommended one.

    Raises:
        UsageError: nothing is recommended, or no run is called so.
    """
    wanted = profile or report.recommendation.run
    if not wanted:
        raise UsageError(f"Scan {report.scan} recommends no profile. Name one of its own with --profile.")
    named = [spec for spec in runs if wanted in (spec.run, spec.profile, f"{spec.solver}.{spec.profile}")]
    if not named:
        names = ", ".join(dict.fromkeys(f"{spec.solver}.{spec.profile}" for spec in runs))
        raise UsageError(f"Scan {report.scan} has no profile {wanted!r}. It has: {names}.")
    if len({(spec.solver, spec.profile) for spec in named}) > 1:
        names = " or ".join(f"{spec.solver}.{spec.profile}" for spec in named)
        raise UsageError(f"{wanted!r} names several profiles of scan {report.scan}. Say which: {names}.")
    return named[0]


def place(report: Report, spec: RunSpec, to: Path | None) -> Placement:
    """Where the option file of a run goes; nothing is written.

    Args:
        to: A folder, instead of the model's run folder.

    Raises:
        UsageError: that folder is not on this machine, or what stands there cannot be read.
    """
    if spec.profile == CURRENT and to is None:
        raise UsageError(f"{spec.run} ran your own option file ({spec.origin}): it is where it belongs. Nothing to do.")
    folder = Path(report.spec.model.run_dir) if to is None else to
    if not folder.is_dir():
        raise UsageError(
            f"The folder {str(folder)!r} is not on this machine. "
            "Name the one from which GAMS starts this model with --to DIR."
        )
    target = _as_spelled(folder, f"{spec.solver}.opt")
    try:
        before = target.read_bytes().decode("utf-8", "surrogateescape") if os.path.lexists(target) else None
    except OSError as error:
        raise UsageError(
            f"{str(target)!r} cannot be read: {error.strerror}. Move it away, then apply again."
        ) from error
    return Placement(target, spec.options, spec.run, spec.solver, before)


def changes(placement: Placement) -> tuple[list[str], list[str]]:
    """(lines that go, lines that come) of the options whose values differ, in the order of the files.

    >>> changes(Placement(Path("cplex.opt"), "lpmethod 4\\nthreads 2\\n", "cplex.bar", "cplex", "LpMethod 2\\n"))
    (['LpMethod 2'], ['lpmethod 4', 'threads 2'])
    """
    old, new = (
        dict(parse_options(text, placement.solver).options) for text in (placement.before or "", placement.text)
    )
    kept = {name.lower(): value for name, value in old.items()}.items() & {
        name.lower(): value for name, value in new.items()
    }.items()
    gone, come = (
        [f"{name} {value}" for name, value in options.items() if (name.lower(), value) not in kept]
        for options in (old, new)
    )
    return gone, come


def is_vedas(folder: Path) -> bool:
    """Whether VEDA wrote this run folder: it leaves VTRUN.CMD there."""
    return _as_spelled(folder, _VEDAS_SCRIPT).is_file()


def _as_spelled(folder: Path, name: str) -> Path:
    """The file of that name however its letters are spelled: GAMS on Windows does not care."""
    return next((path for path in sorted(folder.iterdir()) if path.name.lower() == name), folder / name)
