"""Where to put an option file of a scan so that GAMS reads it, and what it changes there.

GAMS reads `<solver>.opt` in the folder where it is started when the model's OPTFILE is 1, which TIMES sets itself
(solve.mod); VEDA's VTRUN.CMD starts GAMS in the folder in which it lies. Sources: docs/veda.md.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import msgspec

from times_doctor_cli.reports.layout import OUT
from times_doctor_tasks.contract.errors import UsageError
from times_doctor_tasks.contract.messages import Report, RunSpec
from times_doctor_tasks.profiles.option_file import OptionText, parse_options

_VEDAS_SCRIPT = "vtrun.cmd"


class Placement(msgspec.Struct, frozen=True):
    """An option file, its target, and the file that is there now."""

    target: Path
    text: str
    run: str
    """The run with this option file."""
    solver: str
    before: str | None
    """The text now at `target`; None if there is none."""

    @property
    def is_done(self) -> bool:
        """Whether `target` already has this text."""
        return self.before == self.text


def choose_run(report: Report, runs: Sequence[RunSpec], profile: str | None) -> RunSpec:
    """The run of `profile`, else the recommended one.

    Raises:
        UsageError: nothing is recommended, or there is no such run.
    """
    wanted = profile or report.recommendation.run
    if not wanted:
        raise UsageError(f"Scan {report.scan} recommends no profile. Choose one of its profiles with --profile.")
    named = [spec for spec in runs if wanted in (spec.run, spec.profile, f"{spec.solver}.{spec.profile}")]
    if not named:
        names = ", ".join(dict.fromkeys(f"{spec.solver}.{spec.profile}" for spec in runs))
        raise UsageError(f"Scan {report.scan} has no profile {wanted!r}. It has: {names}.")
    if len({(spec.solver, spec.profile) for spec in named}) > 1:
        names = " or ".join(f"{spec.solver}.{spec.profile}" for spec in named)
        raise UsageError(f"{wanted!r} names several profiles of scan {report.scan}. Say which: {names}.")
    return named[0]


def place(spec: RunSpec, folder: Path) -> Placement:
    """The target of a run's option file, and the text there; writes nothing.

    Raises:
        UsageError: the file there cannot be read.
    """
    target = as_spelled(folder, f"{spec.solver}.opt")
    return Placement(target, spec.options, spec.run, spec.solver, content_of(target))


def folder_of(report: Report, saved_in: Path | None, to: Path | None) -> Path:
    """The target folder: `to`, else the run folder with the report, else the one that was scanned.

    A copied or moved run folder has its reports with it: the named folder counts, not the original one.

    Args:
        saved_in: Where the report was found; None where it came from a broker.

    Raises:
        UsageError: it is not on this machine.
    """
    driver = PurePosixPath(report.spec.model.driver).name
    above = [path.parent for path in (saved_in, *saved_in.parents) if path.name == OUT] if saved_in else []
    holds_it = next((folder for folder in above if as_spelled(folder, driver.lower()).is_file()), None)
    folder = to or holds_it or Path(report.spec.model.run_dir)
    if not folder.is_dir():
        raise UsageError(
            f"The folder {str(folder)!r} is not on this machine. "
            "Name the one from which GAMS starts this model with --to DIR."
        )
    return folder


def content_of(path: Path) -> str | None:
    """The content of an option file, keeping bytes that are not UTF-8; None if there is none.

    Raises:
        UsageError: it cannot be read.
    """
    if not os.path.lexists(path):
        return None
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except OSError as error:
        raise UsageError(f"{str(path)!r} cannot be read: {error.strerror}. Move it away first.") from error


def changes(placement: Placement) -> tuple[list[str], list[str]]:
    """(removed lines, added lines) of the options whose values differ, in the order of the files.

    >>> changes(Placement(Path("cplex.opt"), "lpmethod 4\\nthreads 2\\n", "cplex.bar", "cplex", "LpMethod 2\\n"))
    (['LpMethod 2'], ['lpmethod 4', 'threads 2'])
    """
    old, new = (parse_options(text, placement.solver) for text in (placement.before or "", placement.text))
    return _not_in(new, old), _not_in(old, new)


def _not_in(other: OptionText, options: OptionText) -> list[str]:
    """`name value` of each of `options` that is missing in `other` or differs there; the last one of repeated ones."""
    last = {name.lower(): f"{name} {value}" for name, value in options.options}
    return [words for name, words in last.items() if other.value(name) != options.value(name)]


def is_vedas(folder: Path) -> bool:
    """Whether VEDA wrote this run folder: it leaves VTRUN.CMD there."""
    return as_spelled(folder, _VEDAS_SCRIPT).is_file()


def as_spelled(folder: Path, name: str) -> Path:
    """The file of that name in any case, as for GAMS on Windows."""
    return next((path for path in sorted(folder.iterdir()) if path.name.lower() == name), folder / name)
