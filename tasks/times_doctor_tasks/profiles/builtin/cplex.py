"""CPLEX's profiles."""

from __future__ import annotations

from times_doctor_tasks.profiles.option_file import is_interior
from times_doctor_tasks.profiles.profile import (
    DEFAULT,
    HARD,
    VERTEX_DUALS,
    Profile,
    option_text,
)

# dual, sift and bar_nox carry the options of dlg0/times-doctor; simdisplay is 1 instead of 2 there (see option_text).
_CPLEX_COMMON = (
    "aggind 1",
    "scaind -1",
    "threads 0",
    "eprhs 1e-06",
    "epopt 1e-06",
    "numericalemphasis 1",
    "names no",
    "advind 0",
    "rerun yes",
    "iis 0",
    "simdisplay 1",
    "bardisplay 2",
)
# For models on which the profiles above fail: CPLEX's own scaling and tolerances, and one change a profile, so that
# the report tells which change helped.
_CPLEX_HARD = (
    "lpmethod 4",
    "solutiontype 1",
    "threads 0",
    "names no",
    "advind 0",
    "rerun yes",
    "simdisplay 1",
    "bardisplay 2",
)


def _cplex(name: str, *head: str, does: str, use_when: str, sets: frozenset[str] = frozenset()) -> Profile:
    options = option_text(*head, *_CPLEX_COMMON)
    return Profile(name, "cplex", options, "gams", is_interior(options, "cplex"), does, use_when, sets)


def _cplex_hard(name: str, change: str, does: str, use_when: str) -> Profile:
    return Profile(name, "cplex", option_text(*_CPLEX_HARD, change), "gams", False, does, use_when, HARD)


PROFILES: tuple[Profile, ...] = (
    _cplex(
        "dual",
        "lpmethod 2",
        "solutiontype 1",
        does="dual simplex",
        use_when=f"Small and medium models, and whenever marginals matter. {VERTEX_DUALS}",
        sets=DEFAULT,
    ),
    _cplex(
        "sift",
        "lpmethod 5",
        "solutiontype 1",
        does="sifting: simplex on a growing part of the columns",
        use_when="Models with many more columns than rows.",
        sets=DEFAULT,
    ),
    _cplex(
        "bar_nox",
        "lpmethod 4",
        "baralg 1",
        "barorder 1",
        "solutiontype 2",
        does="barrier without crossover",
        use_when="Large models, where quantities and the objective matter and marginals do not.",
        sets=DEFAULT,
    ),
    _cplex(
        "bar",
        "lpmethod 4",
        "baralg 1",
        "barorder 1",
        "solutiontype 1",
        does="barrier with crossover",
        use_when="Large models whose marginals matter: crossover gives a vertex, and may take long.",
    ),
    _cplex(
        "primal",
        "lpmethod 1",
        "solutiontype 1",
        does="primal simplex",
        use_when="When the dual simplex stalls, or the model is easily feasible and hard to optimize.",
    ),
    Profile(
        "auto",
        "cplex",
        option_text("lpmethod 0", "threads 0", "simdisplay 1", "bardisplay 2"),
        does="CPLEX's own choice and its own defaults",
        use_when="To see what tuning is worth at all.",
    ),
    _cplex_hard(
        "bar_alg1",
        "baralg 1",
        "barrier, infeasibility-estimate start",
        "Barrier ends early, or reports infeasible what the simplex solves.",
    ),
    _cplex_hard(
        "bar_alg2",
        "baralg 2",
        "barrier, infeasibility-constant start",
        "As bar_alg1, where that one does not help.",
    ),
    _cplex_hard(
        "bar_alg3",
        "baralg 3",
        "standard barrier",
        "The fastest of the three algorithms on models without numerical trouble.",
    ),
    _cplex_hard(
        "bar_predual",
        "predual 1",
        "barrier on the dual of the model",
        "Many more rows than columns, or presolve leaves a badly scaled primal.",
    ),
    _cplex_hard(
        "bar_scale",
        "scaind 1",
        "barrier with aggressive scaling",
        "Coefficients span more than nine orders of magnitude (matrix_min, matrix_max in the report).",
    ),
    _cplex_hard(
        "bar_emphasis",
        "numericalemphasis 1",
        "barrier with emphasis on precision",
        "Unscaled infeasibilities, or a solution that changes from run to run.",
    ),
    _cplex_hard(
        "bar_tight",
        "barepcomp 1e-10",
        "barrier with a tighter convergence tolerance",
        "Crossover takes long: a better interior point leaves it less to do.",
    ),
)
