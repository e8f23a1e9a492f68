"""The live hosts for one scan: which can take its runs, why others cannot, and the queue of each run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date

import msgspec
from msgspec.structs import replace

from times_doctor_cli.client.host_cards import (
    ONE_STORE,
    engine_of_note,
    engines_of,
    makes_reports,
    other_store,
    other_version,
    solvers_of,
)
from times_doctor_cli.client.session import Client
from times_doctor_cli.planning.request import ScanRequest
from times_doctor_tasks.blob_store.base import StoreSight
from times_doctor_tasks.config import resources
from times_doctor_tasks.config.settings import Settings
from times_doctor_tasks.contract.errors import EngineNotFound, NoHostForSolver
from times_doctor_tasks.contract.hosts import ENGINE_NAMES, HostCard, engine_for
from times_doctor_tasks.contract.keys import host_queue, solve_queue
from times_doctor_tasks.contract.limits import NO_RECIPIENT
from times_doctor_tasks.contract.messages import RunSpec
from times_doctor_tasks.contract.wording import some_of


class Fleet(msgspec.Struct, frozen=True):
    """The live hosts for a model, with GAMS or without."""

    engine: str
    """"gams" or "native"."""
    live: tuple[HostCard, ...]
    fit: tuple[HostCard, ...]
    """Hosts that can take a run of this scan, by name."""
    unfit: Mapping[str, str] = msgspec.field(default_factory=dict)
    """The other solver hosts, and the reason for each."""
    pinned: bool = False
    """`--hosts`: no other host may take a run, not even later."""
    counted: Mapping[str, int] = msgspec.field(default_factory=dict)
    """Solvers with limited seats, and the number of seats: a worker that cannot count them gets none of their runs."""
    is_here: bool = False
    """Only this machine, with the worker of this scan."""
    missing: str = ""
    """Why nothing could run now: the plan is only shown, for an assumed host."""

    @classmethod
    def here(cls, card: HostCard, engine: str) -> Fleet:
        """The private worker of a scan on this machine.

        Raises:
            EngineNotFound: it has no such engine; with the worker's own explanation.
        """
        if not engines_of(card, engine):
            raise EngineNotFound(" ".join(card.notes) or f"No {kind_name(engine)} on {card.host}.")
        return cls(engine, (card,), (card,), is_here=True)

    @classmethod
    def imagined(cls, engine: str, settings: Settings, solvers: Iterable[str], missing: str) -> Fleet:
        """An assumed host like this machine that has all `solvers`."""
        cores, wanted = resources.cores(), list(solvers)
        card = HostCard(
            host=settings.host,
            instance="",
            pid=0,
            roles=("solve",),
            slots=cores,
            cores=cores,
            memory_mb=resources.memory_mb(),
            queues=(),
            engines=dict.fromkeys((engine_for(engine, solver) for solver in wanted), ""),
            solvers=tuple(f"{engine_for(engine, solver)}.{solver}" for solver in wanted),
        )
        return cls(engine, (card,), (card,), is_here=True, missing=missing)

    @property
    def solvers(self) -> tuple[str, ...]:
        """Solvers of the fit hosts, without their engine."""
        return tuple(sorted({solver for card in self.fit for solver in solvers_of(card, self.engine)}))

    def having(self, solver: str) -> tuple[HostCard, ...]:
        """Fit hosts that have `solver`."""
        name = f"{engine_for(self.engine, solver)}.{solver}"
        able = (card for card in self.fit if card.shares_line or solver not in self.counted)
        return tuple(card for card in able if name in card.solvers)

    def require(self, solvers: Iterable[str]) -> None:
        """Checks that each solver is on a fit host.

        Raises:
            NoHostForSolver: a solver is on none; names what each host has, and why others were left out.
        """
        lacking = sorted({solver for solver in solvers if not self.having(solver)})
        if not lacking:
            return
        if self.is_here:
            notes = (note for card in self.fit for note in card.notes if engine_of_note(note) == lacking[0])
            way = next(notes, f"To get it: pip install '.[{lacking[0]}]' in a clone.")
            way = "" if self.engine == "gams" else f" {way}"
            raise NoHostForSolver(f"No {' or '.join(lacking)} here. Usable are: {_listed(self.solvers)}.{way}")
        has = [f"{card.host} has {_listed(solvers_of(card, self.engine))}" for card in self.fit]
        if self.counted.keys() & lacking:
            has.append(f"hosts whose worker is older cannot count the seats of {_listed(self.counted)}: upgrade them")
        raise NoHostForSolver(
            f"No live host has {' or '.join(lacking)}: {'; '.join([*has, *self.unfit.values()])}. "
            f"Choose another --solver, or have {_way_to_get(self.engine)} on one of them and restart its worker."
        )

    def require_memory(self, runs: Sequence[RunSpec]) -> None:
        """Checks that each run fits a host, by `--mem` or else by the memory that it took before.

        Raises:
            NoHostForSolver: a run fits no host; names the memory that it took and that of the hosts.
        """
        for run in runs:
            largest = max(self.having(run.solver), key=lambda card: card.memory_mb)
            if run.needed_mb <= largest.memory_mb:
                continue
            where = "this machine" if self.is_here else f"{largest.host}, the largest host,"
            there = f"{where} has {largest.memory_mb:,} MB."
            if run.mem_mb is not None:
                raise NoHostForSolver(f"--mem {run.mem_mb}: {there}")
            way = "Leave it out, or say --mem MB to try it with less."
            raise NoHostForSolver(f"{run.run} took {run.expected_mb:,} MB before, and {there} {way}")

    def untold(self, name: str | None) -> str:
        """Why no message about this scan will be sent despite a `name`, in a sentence; else empty."""
        known = sorted({one for card in self.live for one in card.notify})
        if self.missing or name in (None, NO_RECIPIENT, *known):
            return ""
        words = f"it knows {some_of(known, 10)}" if known else "it knows no name (docs/team.md)"
        return f"--notify {name}: the control worker does not know that name, so no message is sent; {words}."

    def left_out(self) -> tuple[str, ...]:
        """Why hosts take no part, as sentences."""
        if self.missing:
            return (f"This scan could not start now. {self.missing}",)
        return tuple(f"{why}: it takes no part." for why in self.unfit.values())


def call_team(client: Client, request: ScanRequest, engine: str) -> Callable[[], Fleet]:
    """The live hosts at a team's broker; see `builder.CallHosts`. Raises at once.

    Raises:
        NoHostForSolver: see `muster`.
    """
    store = StoreSight(client.blobs.where, client.blobs.identity())  # fails now if it does not answer
    with client.answering():
        cards, seats = client.live_team(), client.store.seats()
        if not any(map(makes_reports, cards)):
            client.require_room()
    fleet = muster(cards, request, engine, broker=client.shown_broker, today=date.today(), store=store)
    fleet = replace(fleet, counted={solver: amount for solver, (amount, _) in seats.items()})
    return lambda: fleet


def muster(
    cards: Sequence[HostCard],
    request: ScanRequest,
    engine: str,
    *,
    broker: str,
    today: date,
    store: StoreSight | None = None,
) -> Fleet:
    """The fleet of a scan among the live hosts.

    Args:
        broker: Its URL without password.
        store: The store for the model, as this machine sees it.

    Raises:
        NoHostForSolver: no host can solve, or none can make the report; says what is missing.
    """
    if not any(makes_reports(card) for card in cards):
        raise NoHostForSolver(
            f"No control worker is live at {broker!r}, so there would be no report. "
            "Start `times-doctor worker` on a host (it brings one), or `times-doctor worker --role control`."
        )
    solving = [card for card in cards if "solve" in card.roles]
    if not solving:
        raise NoHostForSolver(
            f"No solver host is live at {broker!r}. Start `times-doctor worker` on a machine with "
            f"{kind_name(engine)}, or scan on this machine without --queue."
        )
    missing = sorted(set(request.hosts) - {card.host for card in solving})
    if missing:
        raise NoHostForSolver(
            f"--hosts {', '.join(missing)}: no live solver host of that name. Live: {_listed(c.host for c in solving)}."
        )
    wanted = [card for card in solving if not request.hosts or card.host in request.hosts]
    unfit = {card.host: why for card in wanted if (why := why_unfit(card, request, engine, today, store))}
    fit = tuple(card for card in wanted if card.host not in unfit)
    if not fit:
        raise NoHostForSolver(f"No live host can take this scan: {'; '.join(unfit.values())}.")
    return Fleet(engine, tuple(cards), fit, unfit, pinned=bool(request.hosts))


def why_unfit(card: HostCard, request: ScanRequest, engine: str, today: date, store: StoreSight | None = None) -> str:
    """Why a host can take no run of a scan, as a clause that begins with its name; empty if it can."""
    name, host = kind_name(engine), card.host
    if words := other_version(card):
        return f"{host} {words}"
    if not card.taking:
        return f"{host} is ending and takes nothing new"
    if store is not None and (other := other_store(card, store)):
        return f"{host} {other} ({ONE_STORE})"
    if not engines_of(card, engine):
        return f"{host} has no {name}" + (f" ({card.notes[0].rstrip('.')})" if card.notes else "")
    if engine == "gams" and card.licence_expires and card.licence_expires < today.isoformat():
        return f"the GAMS licence of {host} ended on {card.licence_expires}"
    if request.threads is not None and request.threads > card.cores:
        return f"{host} has {card.cores} cores, fewer than --threads {request.threads}"
    if request.mem_mb is not None and request.mem_mb > card.memory_mb:
        return f"{host} has {card.memory_mb} MB, less than --mem {request.mem_mb}"
    return ""


def queues_for(fleet: Fleet, solvers: Sequence[str], threads: int) -> list[str]:
    """The queue of each run, given its solver.

    All hosts with the solver share one queue, and the next free host takes the next run. If one of them must not take
    it (too small, another version, not named by `--hosts`), the runs are distributed to the queues of the others, in
    proportion to their cores. A round of repeats is not bound to one host: if that host died, the run might wait all
    night; `--hosts NAME` compares on one host.
    """
    dealt = dict.fromkeys((card.host for card in fleet.fit), 0)
    queues = []
    for solver in solvers:
        takers = [card for card in fleet.having(solver) if card.cores >= threads] or list(fleet.having(solver))
        shared = solve_queue(engine_for(fleet.engine, solver), solver)
        if not fleet.pinned and _subscribers(fleet.live, shared) <= {card.host for card in takers}:
            queues.append(shared)
            continue
        taker = min(takers, key=lambda card: ((dealt[card.host] + threads) / card.cores, card.host))
        dealt[taker.host] += threads
        queues.append(host_queue(taker.host))
    return queues


def _subscribers(cards: Iterable[HostCard], queue: str) -> set[str]:
    return {card.host for card in cards if queue in card.queues and card.taking}


def _listed(words: Iterable[str], most: int = 6) -> str:
    return some_of(list(words), most) or "none"


def kind_name(kind: str) -> str:
    """GAMS, or the native solvers, as text."""
    return ENGINE_NAMES.get(kind, "HiGHS or another solver without GAMS")


def _way_to_get(engine: str) -> str:
    in_clone = "it (pip install '.[solvers]' in a clone of times-doctor)"
    return "a GAMS licence that includes it" if engine == "gams" else in_clone
