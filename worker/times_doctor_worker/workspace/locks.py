"""Locks beside folders of the workspace: a user of a folder shares its lock; its remover needs it alone."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from times_doctor_worker.process.file_locks import share


def lock_beside(folder: Path) -> Path:
    """The file whose lock says that a working folder is in use."""
    return folder.with_name(f".{folder.name}.lock")


@contextlib.contextmanager
def used(lock: Path) -> Iterator[None]:
    """Shares a lock with other users of the same thing; a pruner takes it alone, so it removes only what is unused."""
    with opened(lock) as fd:
        share(fd)
        yield


def used_still(lock: Path) -> contextlib.AbstractContextManager[None]:
    """`used` of a thing that must be there already.

    Raises:
        FileNotFoundError: at once; it is not, and nothing is made.
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
    """A lock file, made where it is not there yet, as a file number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield fd
    finally:
        os.close(fd)
