"""Scans that ran on this machine alone: a file of their folders in the user's data folder, newest last.

It only helps to find them: their reports are in the run folders. Lines of missing folders are skipped.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from times_doctor_cli.reports.reader import SavedReport, find_saved
from times_doctor_cli.reports.writers.files import write_atomically
from times_doctor_tasks.config.settings import FOLDERS
from times_doctor_tasks.contract.errors import UsageError

#: Lines kept; each is a path.
_MOST = 5_000


def _index() -> Path:
    return FOLDERS.user_data_path / "local_scans.txt"


def remember(folder: Path) -> None:
    """Adds a scan's folder. If the home folder cannot be written, the entry is lost, but the scan goes on."""
    index = _index()
    with contextlib.suppress(OSError):
        index.parent.mkdir(parents=True, exist_ok=True)
        with index.open("a", encoding="utf-8") as lines:  # one short write in append mode: two scans never mix
            lines.write(f"{folder.absolute()}\n")


def local_scans(beginning: str = "") -> Iterator[SavedReport]:
    """Existing readable reports of local scans whose ids begin like this, newest first."""
    for folder in reversed(_folders()):
        if folder.name.startswith(beginning):
            with contextlib.suppress(UsageError, OSError):
                if (saved := find_saved(folder, newest=False)) is not None:
                    yield saved


def forget_missing() -> int:
    """Removes lines of missing folders; returns how many."""
    folders = _folders()
    kept = [folder for folder in folders if folder.is_dir()]
    if len(kept) < len(folders):
        write_atomically(_index(), "".join(f"{folder}\n" for folder in kept).encode())
    return len(folders) - len(kept)


def _folders() -> list[Path]:
    try:
        text = _index().read_text("utf-8", "replace")
    except OSError:
        return []
    return [Path(line) for line in dict.fromkeys(text.splitlines()) if line][-_MOST:]
