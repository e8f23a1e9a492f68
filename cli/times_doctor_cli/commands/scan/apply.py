"""`times-doctor apply`: copies a scan's option file to where the model's runs find it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from times_doctor_tasks.contract.wording import some_of

if TYPE_CHECKING:
    from times_doctor_cli.veda.placement import Placement
    from times_doctor_tasks.contract.messages import Report, RunSpec

#: Most changed options that are shown.
_MOST_CHANGES = 6
EXAMPLES = """Examples:

  times-doctor apply models/parscen --dry-run     what would change

  times-doctor apply last                         of your newest scan

  times-doctor apply last -p dual --to AppData    another profile, elsewhere

  times-doctor apply last --undo                  restore the previous file
"""


def apply(
    scan: Annotated[
        str,
        typer.Argument(
            metavar="SCAN", help="A scan id or its prefix; 'last': your newest scan; a scan's folder; a scanned model."
        ),
    ],
    profile: Annotated[
        str | None, typer.Option("--profile", "-p", help="Apply this profile, not the recommended one.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="Copy to this folder instead of the model's run folder.")
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Restore the previous file.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change; write nothing.")] = False,
) -> None:
    """Copy the recommended option file into the run folder."""
    from times_doctor_cli.terminal.console import say
    from times_doctor_cli.veda import placement
    from times_doctor_tasks.profiles.registry import CURRENT

    report, runs, saved_in = _saved(scan)
    folder = placement.folder_of(report, saved_in, to)
    if undo:
        say(_undone(folder, {spec.solver for spec in runs}, dry_run=dry_run))
        return
    spec = placement.choose_run(report, runs, profile)
    if spec.profile == CURRENT and to is None:
        say(f"{spec.run} ran your own option file ({spec.origin}): it is where it belongs. Nothing to do.")
        return
    place = placement.place(spec, folder)
    if place.is_done:
        say(f"{place.target} already says what {place.run} ran with. Nothing to do.")
        return
    say("\n".join(_diff(place)))
    back = shlex.join(["times-doctor", "apply", scan, *(["--to", str(to)] if to else []), "--undo"])
    say(_applied(place, back, dry_run=dry_run))
    if placement.is_vedas(folder):
        say(_about_veda(place.target.name))


def _saved(scan: str) -> tuple[Report, tuple[RunSpec, ...], Path | None]:
    """The report that `scan` names, the specs of its runs, and its folder; None: at the broker."""
    from times_doctor_cli import api

    found = api.locate(scan, who="apply of a scan that is in no folder here")
    if isinstance(found, api.OnBroker):
        client, spec = found.client, found.spec
        return api.report(client, spec.scan), tuple(api.harvest_of_scan(client, spec).runs), None
    return found.report, found.runs, found.folder.absolute()


def _diff(place: Placement) -> list[str]:
    """Three lines: the file and its target, the options that it removes or changes, and those that it sets."""
    from times_doctor_cli.veda.placement import changes

    lines = [f"{place.run} -> {place.target}"]
    for sign, changed in zip("-+", changes(place), strict=True):
        if changed:
            lines.append(f"{sign} {some_of(changed, _MOST_CHANGES)}")
    return lines


def _applied(place: Placement, back: str, *, dry_run: bool) -> str:
    from times_doctor_cli.veda.applied_file import RECORD, apply

    if dry_run:
        kept = "" if place.before is None else f" {place.target.name} would be kept as a backup."
        return f"Nothing was written.{kept}"
    backup = apply(place)
    kept = "There was no such file before." if backup is None else f"The previous file is kept as {backup.name}."
    return f"Written, and noted in {place.target.name}{RECORD}. {kept}\nTo undo: {back}"


def _undone(folder: Path, solvers: set[str], *, dry_run: bool) -> str:
    from times_doctor_cli.veda.applied_file import last_applied, undo

    target, applied = last_applied(folder, solvers)
    before = "gone, as before" if applied.backup is None else f"as before, from {applied.backup}"
    if dry_run:
        return f"{target}, applied from {applied.run}, would be {before}. Nothing was written."
    undo(target, applied)
    return f"{target} is {before}."


def _about_veda(name: str) -> str:
    return (
        f"VEDA wrote this folder. A case of VEDA's names its solver options, and VEDA may put those over {name} at its "
        "next run: its documentation does not say. To be safe, put the file into the model's AppData folder too "
        "(--to), from which VEDA takes such files first, and choose it in the Run Manager."
    )
