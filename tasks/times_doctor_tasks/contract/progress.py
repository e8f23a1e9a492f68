"""The progress of a run, as sent from its host to every screen."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Phase(StrEnum):
    """What the engine is doing now."""

    COMPILE = "compile"
    """GAMS reads and compiles the model source."""
    EXECUTE = "execute"
    """GAMS executes assignments outside of a solve."""
    GENERATE = "generate"
    """GAMS generates the equations of a solve (or HiGHS reads the model file)."""
    PRESOLVE = "presolve"
    """The solver reduces the problem; also ordering and factor set-up of a barrier."""
    SIMPLEX = "simplex"
    """Primal or dual simplex iterations."""
    NETWORK = "network"
    """Network simplex on the extracted network."""
    BARRIER = "barrier"
    """Interior point iterations."""
    CROSSOVER = "crossover"
    """From an interior point to a basis."""
    SIFTING = "sifting"
    """Sifting iterations, with the small solves inside them."""
    CONCURRENT = "concurrent"
    """Several methods at once; the solver shows nothing until one wins."""
    FIRST_ORDER = "first-order"
    """First-order iterations (PDLP, PDHG)."""
    MIP = "mip"
    """Branch and cut."""
    SOLVE = "solve"
    """A solver works whose log does not say at what."""
    CONFLICT = "conflict"
    """The conflict refiner (IIS) runs."""
    READ_BACK = "read back"
    """GAMS reads the solution."""
    REPORT = "report"
    """The model's own reporting after its last solve."""


#: A solver works: the rest is GAMS.
SOLVING = frozenset(Phase) - {Phase.COMPILE, Phase.EXECUTE, Phase.GENERATE, Phase.READ_BACK, Phase.REPORT}


class Progress(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One snapshot of a running solve. Everything but the phase may be unknown."""

    phase: Phase
    """What happens now."""
    solve: int = 0
    """Which solve of the run this is, from 1; 0 before the first."""
    iteration: int | None = None
    """The solver's own counter in this phase (barrier rows, pivots, sifting rounds, B&B nodes)."""
    objective: float | None = None
    """Current objective value, as printed."""
    bound: float | None = None
    """Dual or best bound, as printed."""
    gap_rel: float | None = None
    """|primal - dual| / (1 + |primal|) for a barrier, the solver's own relative gap for a MIP."""
    infeasibility: float | None = None
    """Largest infeasibility the solver prints at this point, absolute."""
    fraction: float | None = None
    """How much of this phase is done, 0 to 1; None where no honest figure exists (simplex, sifting)."""
    speed_per_s: float | None = None
    """Iterations a second over the last seconds."""
    eta_s: float | None = None
    """Seconds to the end of this phase at the present pace; None if unknown."""
    detail: str | None = None
    """A few words for people: the file being compiled, "dual objective", "crossover: dual push"."""
