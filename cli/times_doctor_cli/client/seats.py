"""The seats of a team: how many runs of a solver may run at once on all hosts, and who holds them."""

from __future__ import annotations

import msgspec

from times_doctor_cli.client.session import Client
from times_doctor_tasks.contract.wording import some_of


class SeatLine(msgspec.Struct, frozen=True):
    """The seats of one solver."""

    solver: str
    seats: int
    lease_s: float
    """Seconds that a host keeps a seat if it cannot reach the broker; then it stops its solver."""
    holders: tuple[str, ...]
    """`<host> <scan> <run>` of each; empty if the entry names none."""
    waiting: int
    """Runs in line that need one."""


def read_seats(client: Client) -> list[SeatLine]:
    """Every solver whose seats are counted, by name.

    Raises:
        BrokerUnavailable: it does not answer, or refuses.
    """
    with client.answering():
        store = client.store
        held = store.held_seats()
        line = [place.solver for place in store.line()]
        return [
            SeatLine(
                solver,
                seats,
                lease_s,
                tuple(words for name, words in held if name == solver),
                line.count(solver),
            )
            for solver, (seats, lease_s) in sorted(store.seats().items())
        ]


def set_seats(client: Client, solver: str, seats: int | None, *, lease_s: float) -> list[str]:
    """Sets the number of seats; None: no limit. Returns notes for the user, as sentences.

    Raises:
        UsageError: the user of the broker's URL may not.
        BrokerUnavailable: it does not answer, or refuses.
    """
    with client.answering(doing="set seats", role="admin"):
        client.store.set_seats(solver, seats, lease_s=lease_s)
        cards = [card for card in client.store.live_hosts() if "solve" in card.roles]
    having = [card for card in cards if any(name.split(".")[-1] == solver for name in card.solvers)]
    older = [card.host for card in having if not card.shares_line]
    warnings = [] if having or seats is None else [f"No live host has {solver}: is that its name? See `hosts`."]
    if older and seats is not None:
        warnings.append(f"{some_of(older, 5)} of an older version does not count: it gets no new runs of {solver}.")
    return warnings
