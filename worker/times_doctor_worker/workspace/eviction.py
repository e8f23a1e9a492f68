"""Keeps the workspace small: evicts by age, then by size, least recently used first; never what is in use."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from times_doctor_tasks.snapshot.staging import remove_staged
from times_doctor_worker.process.file_locks import try_hold
from times_doctor_worker.workspace.locks import lock_beside

logger = logging.getLogger(__name__)

#: Days that unused working folders and staged snapshots are kept.
KEEP_DAYS = 14.0
#: Seconds after which a half-staged tree counts as left by a killed process.
KEEP_PARTS_S = 86_400.0


class _Kept(msgspec.Struct, frozen=True):
    """A candidate for removal."""

    used_s: float
    size_bytes: int
    path: Path
    lock: Path
    is_staged: bool

    def remove(self) -> bool:
        """False when it is in use."""
        try:
            fd = os.open(self.lock, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:
            return False
        try:
            if not try_hold(fd):
                return False
            if self.is_staged:
                remove_staged(self.path)
            else:
                shutil.rmtree(self.path, ignore_errors=True)
                # The name of a run is never reused, so no process can hold its lock; a snapshot's lock file stays.
                self.lock.unlink(missing_ok=True)
        except OSError:
            return False
        finally:
            os.close(fd)
        logger.info("removed %s, %d MB", self.path, self.size_bytes >> 20, extra={"action": "pruned"})
        return True


def prune(cache: Path, *, limit_bytes: int, now_s: float | None = None) -> int:
    """Removes what was unused for `KEEP_DAYS`, then the least recently used over `limit_bytes`; returns bytes freed."""
    now_s = time.time() if now_s is None else now_s
    oldest_s = now_s - KEEP_DAYS * 86_400
    _remove_parts(cache, now_s - KEEP_PARTS_S)
    kept = sorted(_kept(cache), key=lambda one: one.used_s)
    total_bytes = sum(one.size_bytes for one in kept)
    removed_bytes = 0
    for one in kept:
        if (one.used_s < oldest_s or total_bytes - removed_bytes > limit_bytes) and one.remove():
            removed_bytes += one.size_bytes
    _remove_empty_scans(cache)
    return removed_bytes


def make_room(cache: Path, needed_bytes: int, free_bytes: Callable[[], int]) -> None:
    """Removes the least recently used until so much is free; removes nothing if even everything would not be enough."""
    kept = sorted(_kept(cache), key=lambda one: one.used_s)
    if free_bytes() + sum(one.size_bytes for one in kept) < needed_bytes:
        return
    for one in kept:
        if free_bytes() >= needed_bytes:
            return
        one.remove()


def _kept(cache: Path) -> Iterator[_Kept]:
    for scan in _folders(cache / "runs"):
        for folder in _folders(scan):
            with contextlib.suppress(FileNotFoundError):  # another process is evicting
                yield _Kept(folder.stat().st_mtime, _size_bytes(folder), folder, lock_beside(folder), is_staged=False)
    for tree in _folders(cache / "staged"):
        if tree.name.startswith("."):
            continue  # being staged now
        used, lock = tree.with_name(f"{tree.name}.used"), tree.with_name(f"{tree.name}.lock")
        with contextlib.suppress(FileNotFoundError):
            used_s = (used if used.exists() else tree).stat().st_mtime
            yield _Kept(used_s, _size_bytes(tree), tree, lock, is_staged=True)


def _size_bytes(folder: Path) -> int:
    total = 0
    for where, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                total += (Path(where) / name).lstat().st_size
    return total


def _remove_parts(cache: Path, oldest_s: float) -> None:
    for part in _folders(cache / "staged"):
        with contextlib.suppress(OSError):
            if part.name.startswith(".") and part.stat().st_mtime < oldest_s:
                remove_staged(part)


def _remove_empty_scans(cache: Path) -> None:
    for scan in _folders(cache / "runs"):
        with contextlib.suppress(OSError):
            scan.rmdir()


def _folders(parent: Path) -> list[Path]:
    return [path for path in parent.iterdir() if path.is_dir()] if parent.is_dir() else []
