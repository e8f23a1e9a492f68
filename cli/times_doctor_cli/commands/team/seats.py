"""`times-doctor seats`: how many runs of a solver the whole team may run at once, such as its number of licences."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from times_doctor_tasks.contract.wording import counted

if TYPE_CHECKING:
    from times_doctor_cli.client.seats import SeatLine

EXAMPLES = """Examples:

  times-doctor seats                  limits, and which runs hold a seat

  times-doctor seats set cplex 2      two runs of cplex at once

  times-doctor seats set cplex none   remove the limit
"""


class Act(StrEnum):
    """The actions."""

    SHOW = "show"
    SET = "set"


def seats(
    act: Annotated[
        Act, typer.Argument(metavar="[ACTION]", help="show, or set (with the URL of user admin).")
    ] = Act.SHOW,
    solver: Annotated[str, typer.Argument(metavar="[SOLVER]", help="As in `hosts`: cplex.")] = "",
    amount: Annotated[str, typer.Argument(metavar="[N]", help="The limit, or `none` to remove it.")] = "",
    lease_s: Annotated[
        float,
        typer.Option("--lease-seconds", min=10, max=604_800, help="A host cut off for this long stops its solver."),
    ] = 900.0,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Show or set how many runs of a solver may run at once.

    The limit holds for all hosts together, with and without GAMS.
    """
    from times_doctor_cli import api
    from times_doctor_cli.client.seats import read_seats, set_seats
    from times_doctor_cli.terminal.console import emit_json, say, stderr_console

    if act is Act.SET:
        number = _number(solver, amount)
        client = api.connect(who="seats")
        for words in set_seats(client, solver, number, lease_s=lease_s):
            say(f"Warning: {words}", stderr_console())
    else:
        client = api.connect(who="seats")
    lines = read_seats(client)
    if json:
        emit_json({"broker": client.shown_broker, "seats": lines})
    elif not lines:
        say(f"No seat limits are set at {client.shown_broker}: every host solves as many runs as fit.")
    for line in [] if json else lines:
        say(_words(line))


def _number(solver: str, amount: str) -> int | None:
    from times_doctor_tasks.contract.errors import UsageError

    if not solver.isidentifier() or not (amount == "none" or (amount.isdecimal() and int(amount) < 100_000)):
        raise UsageError(f"seats set {solver} {amount}: expected a solver and a number, or none: `seats set cplex 2`.")
    return None if amount == "none" else int(amount)


def _words(line: SeatLine) -> str:
    waiting = f", {counted(line.waiting, 'run')} waiting" if line.waiting else ""
    holders = "".join(f"\n  {_holder(words)}" for words in line.holders)
    return f"{line.solver}: {len(line.holders)} of {line.seats} in use{waiting}{holders}"


def _holder(words: str) -> str:
    if not words:
        return "unknown: its entry names no host, scan and run; free when its lease ends"
    host, scan, run = words.split(" ")
    return f"{host}: {run} of scan {scan}"
