"""Where an option file of a scan belongs so that GAMS reads it, and what it changes there.

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


def place(spec: RunSpec, folder: Path) -> Placement:
    """Where the option file of a run goes, and what stands there; nothing is written.

    Raises:
        UsageError: what stands there cannot be read.
    """
    target = as_spelled(folder, f"{spec.solver}.opt")
    return Placement(target, spec.options, spec.run, spec.solver, content_of(target))


def folder_of(report: Report, saved_in: Path | None, to: Path | None) -> Path:
    """The folder that is meant: `to`, else the run folder in which the report lies, else the one that was scanned.

    A run folder that was copied or moved takes its reports along; what is named is meant, not where it came from.

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
    """The content of an option file, bytes that are no UTF-8 kept; None where there is none.

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
    """(lines that go, lines that come) of the options whose values differ, in the order of the files.

    >>> changes(Placement(Path("cplex.opt"), "lpmethod 4\\nthreads 2\\n", "cplex.bar", "cplex", "LpMethod 2\\n"))
    (['LpMethod 2'], ['lpmethod 4', 'threads 2'])
    """
    old, new = (parse_options(text, placement.solver) for text in (placement.before or "", placement.text))
    return _not_in(new, old), _not_in(old, new)


def _not_in(other: OptionText, options: OptionText) -> list[str]:
    """`name value` of each of `options` that `other` has not, or has with another value; of repeated ones the last."""
    last = {name.lower(): f"{name} {value}" for name, value in options.options}
    return [words for name, words in last.items() if other.value(name) != options.value(name)]


def is_vedas(folder: Path) -> bool:
    """Whether VEDA wrote this run folder: it leaves VTRUN.CMD there."""
    return as_spelled(folder, _VEDAS_SCRIPT).is_file()


def as_spelled(folder: Path, name: str) -> Path:
    """The file of that name however its letters are spelled: GAMS on Windows does not care."""
    return next((path for path in sorted(folder.iterdir()) if path.name.lower() == name), folder / name)
