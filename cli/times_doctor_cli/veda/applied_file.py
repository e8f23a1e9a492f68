"""An option file written over another, with a backup, and taken back."""

from __future__ import annotations

from pathlib import Path

from times_doctor_cli.reports.writers.files import write_atomically
from times_doctor_cli.veda.placement import Placement
from times_doctor_tasks.contract.errors import UsageError


def apply(placement: Placement) -> Path | None:
    """Writes the option file; what stood there goes to the first free `<solver>.opt.<n>.bak`, which is returned.

    Raises:
        UsageError: it cannot be written; what stood there still stands there.
    """
    backup = None
    if placement.before is not None:
        backup = _free_backup(placement.target)
        write_atomically(backup, placement.before)
    write_atomically(placement.target, placement.text)
    return backup


def undo(placement: Placement) -> Path | None:
    """Takes back what `apply` did: the newest backup returns and is returned, or the file goes where none stood before.

    Raises:
        UsageError: the file is not what `apply` wrote.
    """
    if not placement.is_done:
        raise UsageError(
            f"{str(placement.target)!r} is not what {placement.run} ran with, so nothing is taken back. "
            f"Its backups are {placement.target.name}.<n>.bak beside it; the highest number is the newest."
        )
    backups = _backups(placement.target)
    try:
        if not backups:
            placement.target.unlink()
            return None
        backups[-1].replace(placement.target)
    except OSError as error:
        raise UsageError(f"{str(placement.target)!r} could not be taken back: {error.strerror}.") from error
    return backups[-1]


def _backups(target: Path) -> list[Path]:
    """Backups of a file, oldest first."""
    numbered = {
        int(number): path
        for path in target.parent.glob(f"{target.name}.*.bak")
        if (number := path.name.removeprefix(f"{target.name}.").removesuffix(".bak")).isdecimal()
    }
    return [numbered[number] for number in sorted(numbered)]


def _free_backup(target: Path) -> Path:
    last = _backups(target)[-1:]
    number = int(last[0].name.split(".")[-2]) + 1 if last else 1
    return target.with_name(f"{target.name}.{number}.bak")
