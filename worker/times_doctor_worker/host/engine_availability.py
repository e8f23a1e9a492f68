"""The rotation: which engines this host offers now, and which it has taken out, why and until when.

A host with a full disk or an expired licence fails runs faster than a healthy host can take them. So it stops taking
them, says why on its card, and checks again every minute.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import date

import msgspec

from times_doctor_tasks.contract.hosts import FULL
from times_doctor_tasks.contract.keys import solve_queue
from times_doctor_worker.engines.discovery import Found
from times_doctor_worker.engines.port import Engine

logger = logging.getLogger(__name__)

#: Seconds between checks of what is out.
LOOK_S = 60.0


class HostFault(Exception):
    """This host cannot run an engine now, with any model: another host must take the run."""

    def __init__(self, engine: str, why: str) -> None:
        super().__init__(engine, why)
        self.engine = engine
        self.why = why

    def __str__(self) -> str:
        return self.why


class Offer(msgspec.Struct, frozen=True):
    """What a host offers at this moment."""

    engines: dict[str, str]
    """Engine name to version."""
    solvers: tuple[str, ...]
    licence: str
    expires: date | None
    notes: tuple[str, ...]
    """What its people should know."""
    licences: dict[str, str] = msgspec.field(default_factory=dict)
    """What to say of the licences of engines without GAMS."""
    notify: tuple[str, ...] = ()
    """Names that it can tell of a scan."""

    @property
    def queues(self) -> list[str]:
        """Queues of its solvers."""
        names = (solver.split(".", 1) for solver in self.solvers)
        return [solve_queue(engine, solver) for engine, solver in names if engine != FULL]


class Rotation:
    """Engines by name, in or out. Safe to use from several threads."""

    def __init__(
        self,
        search: Callable[[str], Found],
        disk_fault: Callable[[], str],
        *,
        on_change: Callable[[], object] = lambda: None,
        today: Callable[[], date] = date.today,
    ) -> None:
        """Args:
        search: Looks for one engine, and proves that it works now.
        disk_fault: Why this host cannot stage a model now; empty if there is room.
        on_change: Called after something went out or came back.
        """
        self._found: dict[str, Found] = {}
        self._search = search
        self._disk_fault = disk_fault
        self._on_change = on_change
        self._today = today
        self._looked_on = today()
        self._out: dict[str, str] = {}
        self._lock = threading.Lock()

    def begin(self, found: Mapping[str, Found]) -> None:
        """What the search at the start has found, by engine."""
        self._found = dict(found)

    def engine(self, name: str) -> Engine | None:
        """An engine of this host; also one that is out, for runs that already use it."""
        found = self._found.get(name)
        return found.engine if found else None

    def licence(self, name: str) -> str | None:
        """The text about its licence."""
        found = self._found.get(name)
        return found.licence if found else None

    def refusal(self, name: str) -> str:
        """Why this host takes no run of this engine now; empty if it is offered."""
        if self.engine(name) is None:
            return f"no {name} here"
        return self._out.get(name, "")

    def offer(self) -> Offer:
        """What this host offers now."""
        with self._lock:
            offered = {name: found for name, found in self._found.items() if name not in self._out}
            gams = self._found.get("gams", Found())
            return Offer(
                engines={name: found.engine.version for name, found in offered.items() if found.engine},
                solvers=tuple(solver for found in offered.values() for solver in found.solvers),
                licence=gams.licence,
                expires=gams.expires,
                notes=(*self._out.values(), *(note for found in self._found.values() for note in found.notes)),
                licences={name: found.licence for name, found in offered.items() if found.licence and name != "gams"},
            )

    def take_out(self, fault: HostFault) -> None:
        """Takes an engine out until a check finds it working."""
        with self._lock:
            is_news = fault.engine not in self._out
            if is_news:
                since = time.strftime("%H:%M")
                self._out[fault.engine] = f"{fault.engine} is out of rotation since {since}: {fault.why}"
        if is_news:
            logger.error(
                "%s is out of rotation: %s; looked at again every %.0f s",
                fault.engine, fault.why, LOOK_S, extra={"action": "engine_out", "engine": fault.engine},
            )  # fmt: skip
            self._on_change()

    def blame(self, name: str) -> HostFault | None:
        """The fault of this host that explains a failed run, if there is one."""
        if why := self._disk_fault():
            return HostFault(name, why)
        found = self._searched(name)
        if found.engine is not None:
            return None
        return HostFault(name, " ".join(found.notes) or f"{name} is not here any more")

    def look(self) -> None:
        """Takes out what has no disk space, and brings back what works again.

        Checks once a day what is offered: licences end.
        """
        is_new_day = self._today() != self._looked_on
        self._looked_on = self._today()
        shortage = self._disk_fault()
        for name, found in list(self._found.items()):
            if shortage:
                if found.engine is not None:
                    self.take_out(HostFault(name, shortage))
            elif name in self._out or found.engine is None:
                self._try(name)
            elif is_new_day and (fault := self.blame(name)):
                self.take_out(fault)

    def _try(self, name: str) -> None:
        found = self._searched(name)
        with self._lock:
            self._found[name] = found
            if found.engine is None:
                return
            self._out.pop(name, None)
        logger.warning("%s is back in rotation", name, extra={"action": "engine_back", "engine": name})
        self._on_change()

    def _searched(self, name: str) -> Found:
        try:
            return self._search(name)
        except OSError as error:
            return Found(notes=(f"{name} cannot be tried: {error}",))
