"""Fair order: the step of a queue's priorities for each run of a scan (docs/adr/0012).

It uses Celery's queues. A user with many waiting runs gets later steps, so that a colleague's first runs get the next
free slots. Running solves are not interrupted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from times_doctor_tasks.contract.hosts import HostCard
from times_doctor_tasks.contract.messages import RunSpec, ScanSpec
from times_doctor_tasks.contract.states import OWNED, TERMINAL, ScanMode
from times_doctor_tasks.state_store.reader import Records

#: The last step of a queue; beyond it the order is first come, first served.
LAST_STEP = 9


def person_of(client: str) -> str:
    """The user of `user@host`, who is the same on all machines."""
    return client.partition("@")[0]


def in_fair_order(store: Records, spec: ScanSpec, runs: Sequence[RunSpec]) -> list[RunSpec]:
    """The runs of a scan in the order of publication, each with its step."""
    place, cards, seats, ordered = runs_before(store, spec), store.live_hosts(), store.seats(), []
    for run in runs:
        slots = slots_for(run, cards)
        if run.solver in seats:
            slots = max(1, min(slots, seats[run.solver][0]))
        step = min(LAST_STEP, place // slots)
        ordered.append(msgspec.structs.replace(run, priority=step))
        place += run.run not in spec.reused and spec.mode is not ScanMode.CHAIN
    return ordered


def runs_before(store: Records, spec: ScanSpec) -> int:
    """Unfinished runs of the same user before this scan's: all of scans with at least its priority, and running ones of
    others. A chain counts as one slot."""
    me = person_of(spec.client)
    mine = [one for one in store.open_specs() if person_of(one.client) == me and one.scan != spec.scan]
    before = 0
    for one in mine:
        states = [status.state for status in store.statuses(one).values()]
        if one.priority <= spec.priority:
            unfinished = sum(state not in TERMINAL for state in states)
            before += min(unfinished, 1) if one.mode is ScanMode.CHAIN else unfinished
        else:
            before += sum(state in OWNED for state in states)
    return before


def slots_for(run: RunSpec, cards: Iterable[HostCard]) -> int:
    """How many runs like this one the live hosts can solve at once; at least 1."""
    able = (card for card in cards if run.queue in card.queues and card.taking)
    return max(1, sum(min(card.slots, card.cores // max(1, run.threads)) for card in able))
