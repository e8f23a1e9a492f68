"""The dead letters of a team, read and dropped."""

from __future__ import annotations

from redis.exceptions import NoPermissionError

from times_doctor_cli.client.session import Client
from times_doctor_tasks.contract.errors import UsageError
from times_doctor_tasks.state_store.dead_letters import DeadLetter, DeadLetters


def read_dead_letters(client: Client) -> tuple[list[DeadLetter], dict[str, int]]:
    """Those that are kept, newest first, and how many there were by reason.

    Raises:
        BrokerUnavailable: it does not answer, or refuses.
    """
    letters = DeadLetters(client.store.client, client.store.keys)
    with client.answering():
        return letters.newest(), letters.counts()


def drop_dead_letters(client: Client) -> int:
    """Forgets them; how many were kept.

    Raises:
        UsageError: the user of the broker's URL may not.
        BrokerUnavailable: it does not answer, or refuses.
    """
    with client.answering():
        try:
            return DeadLetters(client.store.client, client.store.keys).drop()
        except NoPermissionError as error:
            raise UsageError(
                f"The user of {client.shown_broker} may not drop dead letters: give the control role's URL in "
                "TIMES_DOCTOR_BROKER_URL."
            ) from error
