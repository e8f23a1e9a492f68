"""Locks beside folders of the workspace: shared by users of a folder, exclusive to remove it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from times_doctor_worker.process.file_locks import share


def lock_beside(folder: Path) -> Path:
    """The lock file of a working folder."""
    return folder.with_name(f".{folder.name}.lock")


@contextlib.contextmanager
def used(lock: Path) -> Iterator[None]:
    """Shares a lock with other users of a folder; eviction needs it exclusively, so it removes only unused folders."""
    with opened(lock) as fd:
        share(fd)
        yield


def used_still(lock: Path) -> contextlib.AbstractContextManager[None]:
    """`used` for a folder that must exist.

    Raises:
        FileNotFoundError: it does not exist; nothing is created.
    """
    return _shared(os.open(lock, os.O_RDWR))


@contextlib.contextmanager
def _shared(fd: int) -> Iterator[None]:
    try:
        share(fd)
        yield
    finally:
        os.close(fd)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[int]:
    """Opens a lock file, creating it if necessary; its file descriptor."""
    for is_last_try in (False, False, True):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            break
        except FileNotFoundError:  # eviction has removed the empty folder since
            if is_last_try:
                raise
    try:
        yield fd
    finally:
        os.close(fd)
