"""Writes an option file over another, and takes it back with the help of a record beside it."""

from __future__ import annotations

import hashlib
from itertools import count
from pathlib import Path

import msgspec

from times_doctor_cli.reports.writers.files import write_atomically
from times_doctor_cli.veda.placement import Placement, as_spelled, content_of
from times_doctor_tasks.contract.errors import UsageError

#: Ending of the record beside an option file.
RECORD = ".applied.json"


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """One application of an option file."""

    run: str
    """The run with these options."""
    sha256: str
    """Hash of the written text."""
    backup: str | None
    """Name of the backup of the earlier file; None if there was none."""


def apply(placement: Placement) -> Path | None:
    """Writes the option file; an earlier one moves to the first free `<solver>.opt.<n>.bak`, which is returned.

    Raises:
        UsageError: it cannot be written; an earlier file is unchanged.
    """
    target, backup = placement.target, None
    if placement.before is not None:
        names = (target.with_name(f"{target.name}.{number}.bak") for number in count(1))
        backup = next(path for path in names if not path.exists())
        write_atomically(backup, placement.before)
    entry = Applied(run=placement.run, sha256=_sha256(placement.text), backup=backup.name if backup else None)
    entries = _record_of(target)
    _write_record(target, [*entries, entry])
    try:
        write_atomically(target, placement.text)
    except UsageError:
        _write_record(target, entries)
        raise
    return backup


def last_applied(folder: Path, solvers: set[str]) -> tuple[Path, Applied]:
    """The option file in `folder` that `apply` wrote and that has not changed since, and the record of it.

    Raises:
        UsageError: `apply` wrote no file of these solvers here, or it was changed.
    """
    for solver in sorted(solvers):
        target = as_spelled(folder, f"{solver}.opt")
        if entries := _record_of(target):
            text = content_of(target)
            if text is None or _sha256(text) != entries[-1].sha256:
                raise UsageError(
                    f"{str(target)!r} was changed after `apply` wrote it, so nothing is taken back. "
                    f"What stood there before is {entries[-1].backup or 'nothing'}: {target.name}{RECORD} tells."
                )
            return target, entries[-1]
    raise UsageError(
        f"`apply` has put no option file of this scan's solvers into {str(folder)!r}: nothing to take back."
    )


def undo(target: Path, applied: Applied) -> None:
    """Undoes what `last_applied` found: restores the earlier file, or removes the file if there was none.

    Raises:
        UsageError: the backup is gone, or the folder cannot be written.
    """
    try:
        if applied.backup is None:
            target.unlink()
        else:
            target.with_name(applied.backup).replace(target)
        _write_record(target, _record_of(target)[:-1])
    except OSError as error:
        raise UsageError(f"{str(target)!r} could not be taken back: {error.strerror}: {error.filename}.") from error


def _record_of(target: Path) -> list[Applied]:
    path = target.with_name(target.name + RECORD)
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[Applied])
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(f"The record {str(path)!r} cannot be read: {error}. Move it away first.") from error


def _write_record(target: Path, entries: list[Applied]) -> None:
    path = target.with_name(target.name + RECORD)
    if entries:
        write_atomically(path, msgspec.json.encode(entries))
    else:
        path.unlink(missing_ok=True)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
