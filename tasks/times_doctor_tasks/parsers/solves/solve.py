"""One solve, from all its records."""

from __future__ import annotations

import msgspec

from times_doctor_tasks.contract.states import Verdict


class Range(msgspec.Struct, frozen=True):
    """Smallest and largest absolute non-zero value of a part of the model."""

    minimum: float | None
    maximum: float | None


class Numerics(msgspec.Struct, frozen=True):
    """The solver's figures for the quality of its answer; None if not printed."""

    scaled_infeasibility: float | None = None
    """Largest infeasibility of the scaled problem at the end."""
    unscaled_infeasibility: float | None = None
    """Largest infeasibility of the problem as written, at the end."""
    dual_infeasibility: float | None = None
    """Largest reduced-cost infeasibility at the end."""
    condition: float | None = None
    """Condition number of the final basis (kappa)."""
    perturbations: int = 0
    """How often the simplex perturbed the problem."""
    markowitz_raises: int = 0
    """How often the solver raised its pivot tolerance."""
    refactorings: int = 0
    """Announced refactorings or singularities."""
    barrier_restarts: int = 0
    """How often the barrier had numerical trouble and restarted."""
    signs: tuple[str, ...] = ()
    """Other lines that speak of numerical trouble, each once."""


class Solve(msgspec.Struct, frozen=True):
    """One solve of a run. None: unknown."""

    number: int = 0
    model: str | None = None
    model_type: str | None = None
    solver: str | None = None
    solver_version: str | None = None
    maximise: bool | None = None
    model_status: int | None = None
    model_status_text: str | None = None
    solver_status: int | None = None
    solver_status_text: str | None = None
    lp_status: int | None = None
    lp_status_text: str | None = None
    objective: float | None = None
    bound: float | None = None
    gap_rel: float | None = None
    iterations: int | None = None
    nodes: int | None = None
    rows: int | None = None
    columns: int | None = None
    nonzeros: int | None = None
    discrete_columns: int | None = None
    presolved_rows: int | None = None
    presolved_columns: int | None = None
    presolved_nonzeros: int | None = None
    matrix: Range | None = None
    rhs: Range | None = None
    bounds: Range | None = None
    option_file: int | None = None
    solver_time_s: float | None = None
    ticks: float | None = None
    phase_seconds: tuple[tuple[str, float], ...] = ()
    """What the solver says each part took: presolve, ordering, barrier, crossover, total; sums where it repeats."""
    basis: str | None = None
    """`vertex`: marginals belong to a basis. `interior`: barrier without crossover. None: unknown."""
    method: str | None = None
    """What ran: `dual simplex`, `barrier`, `sifting`, ..., as far as the log tells."""
    numerics: Numerics = msgspec.field(default_factory=Numerics)
    quality: tuple[tuple[str, float], ...] = ()
    """How far the solution is off, by the solver's own figures, and what it was asked for: (name, value)."""
    conflict: tuple[str, ...] = ()
    explanations: tuple[str, ...] = ()
    """The solver's own sentences on how it ended, oldest first."""
    ended: bool = False
    """Some file shows that this solve came to its end, whatever that was."""
    aborted: bool = False
    """GAMS refused to hand it to a solver."""
    alone: bool = False
    """HiGHS ran without GAMS."""
    verdict: Verdict | None = None
    """None: nothing shows how it ended."""
