"""Gurobi's profiles."""

from __future__ import annotations

from times_doctor_tasks.profiles.profile import (
    BAR,
    BAR_NOX,
    DUAL,
    PRIMAL,
    Profile,
    hard,
    standard,
)

_GUROBI_BAR = ("method 2", "threads 0", "displayinterval 1")
PROFILES: tuple[Profile, ...] = (
    standard("gurobi", DUAL, "method 1", "threads 0", "displayinterval 1"),
    standard("gurobi", PRIMAL, "method 0", "threads 0", "displayinterval 1"),
    standard("gurobi", BAR, *_GUROBI_BAR),
    standard("gurobi", BAR_NOX, "crossover 0", *_GUROBI_BAR),
    hard(
        "gurobi",
        "bar_homogeneous",
        "homogeneous barrier",
        "Barrier ends early, or the model may be infeasible.",
        "barhomogeneous 1",
        *_GUROBI_BAR,
    ),
    hard(
        "gurobi",
        "bar_focus",
        "barrier with the strongest numeric focus",
        "Unscaled infeasibilities, or a solution that changes from run to run.",
        "numericfocus 3",
        *_GUROBI_BAR,
    ),
    hard("gurobi", "bar_predual", "barrier on the dual of the model", "Many rows.", "predual 1", *_GUROBI_BAR),
    hard(
        "gurobi",
        "bar_scale",
        "barrier with aggressive scaling",
        "Coefficients span many orders of magnitude.",
        "scaleflag 2",
        *_GUROBI_BAR,
    ),
    hard(
        "gurobi",
        "bar_tight",
        "barrier with a tighter convergence tolerance",
        "Crossover takes long.",
        "barconvtol 1e-10",
        *_GUROBI_BAR,
    ),
)
