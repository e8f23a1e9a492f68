"""`times-doctor worker`: becomes the worker program. It is another program to us: cli never imports it."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

EXAMPLES = """Examples:

  times-doctor worker                      solve here, with a control worker beside

  times-doctor worker --slots 2            at most two runs at once

  times-doctor worker --role control       only reports and recovery

The broker is named by TIMES_DOCTOR_BROKER_URL or in times-doctor.toml. SIGTERM or Ctrl-C drains: what runs may finish
within TIMES_DOCTOR_DRAIN_S (60), then it is handed back; a second one hands back at once, a third leaves.
"""
WINDOWS = (
    "A worker does not run on Windows (Celery does not support it). Start it on a Linux machine or in a container; "
    "scans from here reach it with --queue."
)


def worker(
    role: Annotated[str, typer.Option(help="solve, control or both.")] = "both",
    slots: Annotated[int | None, typer.Option(help="Runs at once; default: one a core.")] = None,
    threads: Annotated[int | None, typer.Option(help="Threads that all runs share; default: the cores.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of this host among all; default: the machine's.")] = None,
) -> None:
    """Serve a team: solve runs from its broker on this machine."""
    from times_doctor_tasks.contract.errors import InfrastructureError

    if sys.platform == "win32":
        raise InfrastructureError(WINDOWS)
    words = [sys.executable, "-m", "times_doctor_worker", "--role", role]
    for option, value in (("--slots", slots), ("--threads", threads), ("--name", name)):
        if value is not None:
            words.append(f"{option}={value}")
    os.execv(sys.executable, words)  # noqa: S606  # no shell is the point
