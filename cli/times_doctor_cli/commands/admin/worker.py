"""`times-doctor worker`: becomes the worker program, which is separate: cli never imports it."""

from __future__ import annotations

import os
import sys

import typer

#: The worker reads all words itself, `--help` too.
PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}
WINDOWS = (
    "A worker does not run on Windows (Celery does not support it). Start it on a Linux machine, in a container or "
    "under WSL 2 (docs/windows.md); scans from here reach it with --queue."
)


def worker(context: typer.Context) -> None:
    """Serve a team: solve runs from its broker on this machine."""
    from times_doctor_tasks.contract.errors import InfrastructureError

    if sys.platform == "win32":
        raise InfrastructureError(WINDOWS)
    # Not the user's arguments alone: `--local` as the first one would make it the private worker of a scan.
    words = [sys.executable, "-m", "times_doctor_worker", "--role=both", *context.args]
    os.execv(sys.executable, words)  # noqa: S606  # no shell is the point
