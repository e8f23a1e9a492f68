"""`times-doctor deadletters`: messages that no worker could read."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Act(StrEnum):
    """The actions."""

    SHOW = "show"
    DROP = "drop"


def deadletters(
    act: Annotated[Act, typer.Argument(metavar="[ACTION]", help="show, or drop (with control's URL).")] = Act.SHOW,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Show or drop messages that no worker can read.

    The newest 200 are kept, all are counted. A run with such a message has failed.
    """
    from times_doctor_cli import api
    from times_doctor_cli.terminal.console import emit_json, say, show, shows_unicode, stdout_console
    from times_doctor_cli.views.dead_letters import dead_letters_view
    from times_doctor_tasks.contract.wording import counted
    from times_doctor_tasks.state_store.dead_letters import DeadLetters

    client = api.connect(who="deadletters")
    kept = DeadLetters(client.store.client, client.store.keys)
    if act is Act.DROP:
        with client.answering(doing="drop dead letters", role="control"):
            dropped = kept.drop()
        if json:
            emit_json({"dropped": dropped})
        else:
            say(f"{counted(dropped, 'dead letter')} dropped.")
        return
    with client.answering():
        letters, counts = kept.newest(), kept.counts()
    console = stdout_console()
    if json:
        emit_json({"broker": client.shown_broker, "counts": counts, "letters": letters})
    elif not counts and not letters:
        say(f"No dead letters at {client.shown_broker}.")
    else:
        show(dead_letters_view(letters, counts, unicode=shows_unicode(console)), console)
