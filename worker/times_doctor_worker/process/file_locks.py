"""Locks on open files, which the kernel releases when the process ends."""

from __future__ import annotations

import fcntl


def share(fd: int) -> None:
    """Waits for the shared lock."""
    fcntl.flock(fd, fcntl.LOCK_SH)


def hold(fd: int) -> None:
    """Waits for the exclusive lock."""
    fcntl.flock(fd, fcntl.LOCK_EX)


def try_hold(fd: int) -> bool:
    """Takes the exclusive lock if it is free; returns whether it did.

    Raises:
        OSError: the file system has no locks.
    """
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
