"""Questions: asked on the terminal, answered by `--yes`, and an error if no user can answer."""

from __future__ import annotations

import sys

import typer

from times_doctor_tasks.contract import exit_codes
from times_doctor_tasks.contract.errors import UsageError


def confirm(fact: str, question: str, *, unasked: str) -> None:
    """Goes on if the answer is yes, else ends the command.

    Args:
        fact: The unusual fact, as a sentence.
        question: The question after it on a terminal.
        unasked: What to do instead without a terminal.

    Raises:
        UsageError: no user can answer.
    """
    if not sys.stdin.isatty():
        raise UsageError(f"{fact} {unasked}")
    if not typer.confirm(f"{fact} {question}", err=True):
        raise typer.Exit(exit_codes.USAGE)
