"""A host's card, and the plan of its worker."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec

from times_doctor_tasks.contract.messages import SCHEMA, Document

#: Engines, and their names for people: GAMS, and each solver that is called without it.
ENGINE_NAMES = {
    "gams": "GAMS", "highs": "HiGHS", "cplex": "CPLEX", "gurobi": "Gurobi", "xpress": "Xpress", "copt": "COPT",
}  # fmt: skip

#: What a model needs: GAMS, or any native solver.
NATIVE = "native"
NATIVE_SOLVERS = tuple(ENGINE_NAMES)[1:]
#: Instead of the engine in a host's offers: its licence of that solver has no size limit (`full.gurobi`).
FULL = "full"


def engine_for(kind: str, solver: str) -> str:
    """The engine of a solver for a model that needs GAMS ("gams"), or one that needs none ("native").

    >>> engine_for("gams", "cplex"), engine_for("native", "cplex"), engine_for("native", "hipo")
    ('gams', 'cplex', 'highs')
    """
    return {"hipo": "highs"}.get(solver, solver) if kind == NATIVE else kind


#: Upper limits of a host's cores, slots and megabytes.
_AMOUNT = msgspec.Meta(ge=0, le=10**9)


class HostCard(Document, frozen=True, kw_only=True):
    """A host's card."""

    host: str
    instance: str
    """Random, new at each start of the worker."""
    pid: int
    roles: tuple[str, ...]
    slots: Annotated[int, _AMOUNT]
    cores: Annotated[int, _AMOUNT]
    memory_mb: Annotated[int, _AMOUNT]
    queues: tuple[str, ...]
    engines: dict[str, str] = msgspec.field(default_factory=dict)
    """Engine name to version."""
    solvers: tuple[str, ...] = ()
    """`<engine>.<solver>` it can run, and `full.<solver>`: see `FULL`."""
    licence: str = ""
    """"demo licence, until 2026-11-26"; empty where nothing need be said."""
    licences: dict[str, str] = msgspec.field(default_factory=dict)
    """What to say of the licences of other engines, by engine."""
    licence_expires: str | None = None
    """ISO date."""
    schemas: tuple[int, ...] = (SCHEMA,)
    version: str = ""
    started_ms: int = 0
    notes: tuple[str, ...] = ()
    """What ops should know, e.g. why it is out of rotation."""
    beat: int = 0
    """Counts the card's renewals: two reads show whether the host is alive."""
    load_1m: float | None = None
    """Load average of the last minute."""
    memory_used_mb: int | None = None
    """Of `memory_mb`."""
    disk_mb: int | None = None
    disk_used_mb: int | None = None
    """The disk of its cache folder."""
    running: tuple[str, ...] = ()
    """`<scan> <run>` of what runs there; its length is the number of slots in use."""
    store: str = ""
    """Where it gets models from and puts files, without credentials; empty: it has not said so (an older version)."""
    store_id: str = ""
    """The mark in that store: another one's is another store, whatever both are called. Empty: not known."""
    taking: bool = True
    """False while it ends: what runs goes on, nothing new is taken."""
    serves: tuple[str, ...] = ()
    """Its services for clients besides runs (`gdx_requests.SERVED`); empty for older versions."""
    shares_line: bool = False
    """It takes from the one line of all hosts, and counts seats; a version that parks at itself says nothing."""
    brings_control: bool = False
    """It starts a control worker beside itself, which has a card of its own some moments later."""
    notify: tuple[str, ...] = ()
    """Names that it can tell of a scan (`--notify`)."""

    def __post_init__(self) -> None:
        if self.licence_expires is not None:
            date.fromisoformat(self.licence_expires)

    @property
    def does_without_gams(self) -> bool:
        """Whether its GAMS licence does not matter: a demo that has ended, while it serves other solvers."""
        return "gams" not in self.engines and bool(self.solvers) and self.licence.startswith("demo licence, ended")


class WorkerPlan(Document, frozen=True, kw_only=True):
    """The start data of a worker; a local scan writes it to a file for its private worker."""

    broker_url: str
    store_url: str
    store_quota_bytes: int | None = None
    key_prefix: str = "td"
    host: str
    roles: tuple[str, ...] = ("solve", "control")
    slots: int = 1
    cores: int
    memory_mb: int
    cache_dir: str
    cache_bytes: int | None = None
    """Limit of its workspace; None: no limit."""
    log_max_mb: float = 2_000.0
    engines: tuple[str, ...] = tuple(ENGINE_NAMES)
    """Engines to look for."""
    sandbox: str = "highs"
    """Whose solvers see their model and run folder only: `highs`, `all` or `off`."""
    gams_path: str | None = None
    gams_path_from: str = "configuration"
    check_solvers: bool = True
    """Whether to try each GAMS solver on a tiny model (once, cached), or to believe the installation."""

    @property
    def card_name(self) -> str:
        """Under which name its worker beats. One that only controls stands beside the host's solve worker."""
        return self.host if "solve" in self.roles else f"control@{self.host}"
