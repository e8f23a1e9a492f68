"""`times-doctor seats`: the place of a command that does not exist yet; not in the list of commands until it does."""

from __future__ import annotations

from typing import Annotated

import typer

from times_doctor_tasks.contract.errors import NotYetHere


def seats(
    words: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,  # noqa: ARG001  # whatever is asked of it
) -> None:
    """Not there yet: licence seats are not counted over hosts.

    Until they are, share them out: start each host that has the licence with as many --slots as it may use seats.
    """
    raise NotYetHere(
        "Licence seats are not counted over hosts yet. Until they are, share them out: start each host that has the "
        "licence with as many --slots as it may use seats, for example `times-doctor worker --slots 2`."
    )
