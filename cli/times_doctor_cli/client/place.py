"""The place in line: who comes before a run, about when it starts, or why it waits. A pure function of a `TeamLook`."""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from times_doctor_tasks.contract.hosts import FULL, HostCard
from times_doctor_tasks.contract.wording import counted

#: More runs than this are not simulated: only the number of runs before is shown.
_MOST = 400
#: Most people who are named.
_NAMED = 2
_Kind = tuple[str, str, int, int]


class TeamRun(msgspec.Struct, frozen=True):
    """A waiting or running run of an open scan."""

    scan: str
    run: str
    person: str
    queue: str
    offer: str
    """`<engine>.<solver>`."""
    threads: int
    mem_mb: int
    left_s: float | None
    """Seconds that it will take from now on, or from its start; None if unknown."""
    host: str = ""
    """Its host; empty while it waits."""

    @property
    def solver(self) -> str:
        """The solver whose seats it needs."""
        return self.offer.rpartition(".")[2]


class TeamLook(msgspec.Struct, frozen=True):
    """A team at one moment."""

    hosts: Sequence[HostCard]
    """Hosts that solve and take new runs."""
    waiting: Sequence[TeamRun] = ()
    """In the order in which they are taken."""
    working: Sequence[TeamRun] = ()
    seats: Mapping[str, int] = msgspec.field(default_factory=dict)
    held: Mapping[str, int] = msgspec.field(default_factory=dict)
    """Solver to its number of held seats."""


def places(look: TeamLook, scan: str) -> dict[str, str]:
    """The text for each waiting run of a scan."""
    from times_doctor_tasks.analysis.advice import rough_text  # usually nothing waits

    starts_s = _starts_s(look)
    found = {}
    kinds = {_kind(run): run for run in look.waiting if run.scan == scan}
    why = {kind: _why(look, run) for kind, run in kinds.items()}
    rivals = _Rivals(look, kinds)
    for run in look.waiting:
        if run.scan == scan:
            start_s = starts_s.get((run.scan, run.run), 0.0)
            about = f"about {rough_text(start_s)}" if start_s >= 1 else ""
            found[run.run] = ", ".join(filter(None, [why[_kind(run)], rivals.words(run), about])) or "next in line"
        rivals.add(run)
    return found


def _kind(run: TeamRun) -> _Kind:
    """The key of runs that are alike to every host."""
    return run.queue, run.offer, run.threads, run.mem_mb


def _able(look: TeamLook, run: TeamRun) -> list[HostCard]:
    return [card for card in look.hosts if _can_take(card, run)]


def _can_take(card: HostCard, run: TeamRun) -> bool:
    return (
        run.queue in card.queues
        and run.offer in card.solvers
        and run.threads <= card.cores
        and run.mem_mb <= card.memory_mb
    )


def _why(look: TeamLook, run: TeamRun) -> str:
    """Why no host takes it, regardless of the runs before it; empty if one will."""
    having = [card for card in look.hosts if run.offer in card.solvers and run.queue in card.queues]
    if not having:
        bound = run.queue.removeprefix("host.") if run.queue.startswith("host.") else ""
        what = f"a larger licence of {run.solver}" if run.offer.startswith(f"{FULL}.") else run.solver
        return f"{bound} is not there" if bound else f"no host has {what}"
    if all(run.threads > card.cores for card in having):
        return f"needs {run.threads} threads: no host has them"
    if not _able(look, run):
        return f"needs {run.mem_mb / 1024:.1f} GB: no host has them"
    seats, held = look.seats.get(run.solver), look.held.get(run.solver, 0)
    return f"no seat: {held} of {seats} {run.solver}" if seats is not None and held >= seats else ""


class _Rivals:
    """Whose runs come before those of each kind, counted along the line."""

    def __init__(self, look: TeamLook, kinds: Mapping[_Kind, TeamRun]) -> None:
        self._able = {kind: _able(look, run) for kind, run in kinds.items()}
        self._before: dict[_Kind, Counter[str]] = {kind: Counter() for kind in kinds}
        self._meets: dict[_Kind, list[Counter[str]]] = {}

    def add(self, run: TeamRun) -> None:
        """The next one in line."""
        kind = _kind(run)
        if kind not in self._meets:
            meets = (mine for mine, cards in self._able.items() if any(_can_take(card, run) for card in cards))
            self._meets[kind] = [self._before[mine] for mine in meets]
        for before in self._meets[kind]:
            before[run.person] += 1

    def words(self, run: TeamRun) -> str:
        """`behind ...`, or empty."""
        named = self._before[_kind(run)].most_common()
        words = [f"{counted(amount, 'run')} of {person}" for person, amount in named[:_NAMED]]
        if others := sum(amount for _, amount in named[_NAMED:]):
            words.append(f"{others} of others")
        if not words:
            return ""
        return "behind " + " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _starts_s(look: TeamLook) -> dict[tuple[str, str], float]:
    """When each waiting run starts, simulated; empty if some length is unknown."""
    everybody = [*look.working, *look.waiting]
    if len(everybody) > _MOST or any(run.left_s is None for run in everybody):
        return {}
    room = _Room(look)
    for run in look.working:
        room.begin(run, run.host, 0.0)
    line, starts, now_s = list(look.waiting), {}, 0.0
    while line:
        found = room.first_that_fits(line)
        if found is not None:
            run, host = found
            line.remove(run)
            starts[run.scan, run.run] = now_s
            room.begin(run, host, now_s)
        elif room.ends:
            now_s = room.end_next()
        else:
            break
    return starts


class _Room:
    """The free capacity of the hosts during the simulation."""

    def __init__(self, look: TeamLook) -> None:
        self._look = look
        self._free = {card.host: [card.slots, card.cores, card.memory_mb] for card in look.hosts}
        self._held = Counter(look.held)
        self._numbers = itertools.count()
        self.ends: list[tuple[float, int, TeamRun, str]] = []
        for run in look.working:  # `begin` counts it again
            self._held[run.solver] -= 1

    def first_that_fits(self, line: Iterable[TeamRun]) -> tuple[TeamRun, str] | None:
        tried = set[_Kind]()
        for run in line:
            if _kind(run) in tried:
                continue
            tried.add(_kind(run))
            if self._held[run.solver] >= self._look.seats.get(run.solver, 1 << 30):
                continue
            for card in _able(self._look, run):
                slots, cores, mem_mb = self._free[card.host]
                if slots >= 1 and cores >= run.threads and mem_mb >= run.mem_mb:
                    return run, card.host
        return None

    def begin(self, run: TeamRun, host: str, now_s: float) -> None:
        self._change(run, host, -1)
        heapq.heappush(self.ends, (now_s + max(0.0, run.left_s or 0.0), next(self._numbers), run, host))

    def end_next(self) -> float:
        end_s, _, run, host = heapq.heappop(self.ends)
        self._change(run, host, 1)
        return end_s

    def _change(self, run: TeamRun, host: str, sign: int) -> None:
        self._held[run.solver] -= sign
        if host in self._free:
            free = self._free[host]
            self._free[host] = [free[0] + sign, free[1] + sign * run.threads, free[2] + sign * run.mem_mb]
