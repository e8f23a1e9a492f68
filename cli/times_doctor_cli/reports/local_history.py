"""The history of this machine: a database of runs that ended here, in the user's data folder."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from times_doctor_tasks.analysis.history import KEPT, RunRecord
from times_doctor_tasks.config.settings import FOLDERS
from times_doctor_tasks.contract.errors import SchemaMismatch, UsageError
from times_doctor_tasks.contract.messages import decode, encode

#: Layout of the database; a record itself may gain fields.
_LAYOUT = 1
#: Seconds that one scan waits while another one writes.
_PATIENCE_S = 5.0


def _place() -> Path:
    return FOLDERS.user_data_path / "history.sqlite3"


@contextlib.contextmanager
def _database() -> Iterator[sqlite3.Connection]:
    """The database; creates it if necessary.

    Raises:
        UsageError: it cannot be read or written, or a newer version wrote it.
    """
    path = _place()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(sqlite3.connect(path, timeout=_PATIENCE_S)) as database, database:
            layout = database.execute("PRAGMA user_version").fetchone()[0]
            if layout > _LAYOUT:
                raise UsageError(f"The history {str(path)!r} is of a newer times-doctor. Upgrade, or remove the file.")
            if layout < _LAYOUT:
                database.execute(
                    "CREATE TABLE IF NOT EXISTS runs (scan, run, at_ms, record, PRIMARY KEY (scan, run)) WITHOUT ROWID"
                )
                database.execute(f"PRAGMA user_version = {_LAYOUT}")
            yield database
    except (OSError, sqlite3.Error) as error:
        raise UsageError(f"The history {str(path)!r} cannot be used: {error}. Delete it to start a new one.") from error


def keep_in_history(records: Sequence[RunRecord]) -> None:
    """Adds records, and drops the oldest beyond `KEPT`. An unwritable home never fails the scan."""
    with contextlib.suppress(UsageError), _database() as database:
        database.executemany(
            "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?)", [(r.scan, r.run, r.at_ms, encode(r)) for r in records]
        )
        database.execute(
            "DELETE FROM runs WHERE (scan, run) IN (SELECT scan, run FROM runs ORDER BY at_ms DESC LIMIT -1 OFFSET ?)",
            (KEPT,),
        )


def local_history() -> list[RunRecord]:
    """All records, oldest first; those that this version cannot read are left out.

    Raises:
        UsageError: see `_database`.
    """
    if not _place().exists():  # reading creates no file
        return []
    with _database() as database:
        return list(_readable(database))


def forget_local(is_meant: Callable[[RunRecord], bool] | None = None) -> None:
    """Removes the matching records, or all.

    Raises:
        UsageError: see `_database`.
    """
    with _database() as database:
        if is_meant is None:
            database.execute("DELETE FROM runs")
            return
        gone = [(record.scan, record.run) for record in _readable(database) if is_meant(record)]
        database.executemany("DELETE FROM runs WHERE scan = ? AND run = ?", gone)


def _readable(database: sqlite3.Connection) -> Iterator[RunRecord]:
    for (raw,) in database.execute("SELECT record FROM runs ORDER BY at_ms").fetchall():
        with contextlib.suppress(SchemaMismatch):
            yield decode(raw, RunRecord)
