"""What a profile is, and the built-in ones.

Each text was read by its solver under GAMS 54.6.1 (those of HiGHS by HiGHS 1.16, too) with nothing ignored.
The number of threads stands as 0 (the solver decides) where a text names it; `with_threads` sets it for a run.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from times_doctor_tasks.profiles.option_file import is_interior


@dataclass(frozen=True, slots=True)
class Profile:
    """A named solver configuration."""

    name: str
    solver: str
    options: str
    """Text of the option file. A built-in one leaves the threads to `with_threads`."""
    engine: str = "gams"
    interior: bool = False
    """Ends without crossover: no vertex solution, other marginals."""
    does: str = ""
    """What it does, in a few words."""
    use_when: str = ""
    """When to use it."""
    sets: frozenset[str] = frozenset()
    """Names that stand for several profiles: `@hard`."""
    origin: str = "built in"
    """Where it comes from: "built in", or a path as the user knows it."""

    @property
    def key(self) -> str:
        """`<solver>:<name>`, as `--profiles` takes it where a name alone would mean two."""
        return f"{self.solver}:{self.name}"


_DEFAULT = frozenset({"default"})
_HARD = frozenset({"hard"})

_VERTEX_DUALS = "Needs no crossover to give vertex duals."


def _text(*lines: str) -> str:
    return "".join(f"{line}\n" for line in lines)


# --- CPLEX --------------------------------------------------------------------------------------------------------
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
    options = _text(*head, *_CPLEX_COMMON)
    return Profile(name, "cplex", options, "gams", is_interior(options, "cplex"), does, use_when, sets)


def _cplex_hard(name: str, change: str, does: str, use_when: str) -> Profile:
    return Profile(name, "cplex", _text(*_CPLEX_HARD, change), "gams", False, does, use_when, _HARD)


_CPLEX: tuple[Profile, ...] = (
    _cplex(
        "dual",
        "lpmethod 2",
        "solutiontype 1",
        does="dual simplex",
        use_when=f"Small and medium models, and whenever marginals matter. {_VERTEX_DUALS}",
        sets=_DEFAULT,
    ),
    _cplex(
        "sift",
        "lpmethod 5",
        "solutiontype 1",
        does="sifting: simplex on a growing part of the columns",
        use_when="Models with many more columns than rows.",
        sets=_DEFAULT,
    ),
    _cplex(
        "bar_nox",
        "lpmethod 4",
        "baralg 1",
        "barorder 1",
        "solutiontype 2",
        does="barrier without crossover",
        use_when="Large models, where quantities and the objective matter and marginals do not.",
        sets=_DEFAULT,
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
        _text("lpmethod 0", "threads 0", "simdisplay 1", "bardisplay 2"),
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

# --- Other solvers under GAMS -------------------------------------------------------------------------------------
_DUAL = ("dual", "dual simplex", f"Small and medium models, and whenever marginals matter. {_VERTEX_DUALS}")
_PRIMAL = ("primal", "primal simplex", "When the dual simplex stalls.")
_BAR = ("bar", "barrier with crossover", "Large models whose marginals matter.")
_BAR_NOX = (
    "bar_nox",
    "barrier without crossover",
    "Large models, where quantities and the objective matter and marginals do not.",
)
_IN_DEFAULT = {"dual", "bar", "bar_nox"}


def _other(solver: str, kind: tuple[str, str, str], *lines: str) -> Profile:
    name, does, use_when = kind
    options = _text(*lines)
    sets = _DEFAULT if name in _IN_DEFAULT else frozenset()
    return Profile(name, solver, options, "gams", is_interior(options, solver), does, use_when, sets)


def _hard(solver: str, name: str, does: str, use_when: str, *lines: str) -> Profile:
    return Profile(name, solver, _text(*lines), "gams", False, does, use_when, _HARD)


_HIGHS: tuple[Profile, ...] = (
    _other("highs", _DUAL, "solver = simplex", "simplex_strategy = 1", "threads = 0"),
    _other("highs", _PRIMAL, "solver = simplex", "simplex_strategy = 4", "threads = 0"),
    _other("highs", _BAR, "solver = ipm", "run_crossover = on", "threads = 0"),
    _other("highs", _BAR_NOX, "solver = ipm", "run_crossover = off", "threads = 0"),
)

# --- HiGHS by itself: .mps and .lp files --------------------------------------------------------------------------
# The same names and texts as under GAMS: `-p dual` then means the same wherever a model comes from.
_BARE_HIGHS: tuple[Profile, ...] = (
    *(replace(profile, engine="highs") for profile in _HIGHS),
    Profile(
        "pdlp",
        "highs",
        _text("solver = pdlp", "threads = 0"),
        engine="highs",
        interior=True,
        does="first-order method (PDLP)",
        # Not with a looser kkt_tolerance: 1e-5 made it 8 times as fast on the large demo model (25 s, not 192),
        # but its objective was off by 9e-6, and on a real TIMES model (DemoS_004a) it then ended as "Unknown".
        use_when="Models too large to factorize. Its tolerances are relative, its last digits slow: mind its objective "
        "and infeasibilities, and give it a --timeout-seconds.",
    ),
)


# --- the others under GAMS ----------------------------------------------------------------------------------------
_GUROBI_BAR = ("method 2", "threads 0", "displayinterval 1")
_GUROBI: tuple[Profile, ...] = (
    _other("gurobi", _DUAL, "method 1", "threads 0", "displayinterval 1"),
    _other("gurobi", _PRIMAL, "method 0", "threads 0", "displayinterval 1"),
    _other("gurobi", _BAR, *_GUROBI_BAR),
    _other("gurobi", _BAR_NOX, "crossover 0", *_GUROBI_BAR),
    _hard(
        "gurobi",
        "bar_homogeneous",
        "homogeneous barrier",
        "Barrier ends early, or the model may be infeasible.",
        "barhomogeneous 1",
        *_GUROBI_BAR,
    ),
    _hard(
        "gurobi",
        "bar_focus",
        "barrier with the strongest numeric focus",
        "Unscaled infeasibilities, or a solution that changes from run to run.",
        "numericfocus 3",
        *_GUROBI_BAR,
    ),
    _hard("gurobi", "bar_predual", "barrier on the dual of the model", "Many rows.", "predual 1", *_GUROBI_BAR),
    _hard(
        "gurobi",
        "bar_scale",
        "barrier with aggressive scaling",
        "Coefficients span many orders of magnitude.",
        "scaleflag 2",
        *_GUROBI_BAR,
    ),
    _hard(
        "gurobi",
        "bar_tight",
        "barrier with a tighter convergence tolerance",
        "Crossover takes long.",
        "barconvtol 1e-10",
        *_GUROBI_BAR,
    ),
)

_XPRESS: tuple[Profile, ...] = (
    _other("xpress", _DUAL, "defaultAlg 2", "threads 0"),
    _other("xpress", _PRIMAL, "defaultAlg 3", "threads 0"),
    _other("xpress", _BAR, "defaultAlg 4", "threads 0"),
    _other("xpress", _BAR_NOX, "defaultAlg 4", "crossover 0", "threads 0"),
    _hard(
        "xpress",
        "bar_homogeneous",
        "homogeneous self-dual barrier",
        "Barrier ends early, or the model may be infeasible.",
        "defaultAlg 4",
        "barAlg 2",
        "threads 0",
    ),
)

_COPT: tuple[Profile, ...] = (
    _other("copt", _DUAL, "LpMethod 1", "Threads 0"),
    _other("copt", _BAR, "LpMethod 2", "Crossover 1", "Threads 0"),
    _other("copt", _BAR_NOX, "LpMethod 2", "Crossover 0", "Threads 0"),
    _hard(
        "copt",
        "bar_homogeneous",
        "homogeneous barrier",
        "Barrier ends early, or the model may be infeasible.",
        "LpMethod 2",
        "Crossover 1",
        "BarHomogeneous 1",
        "Threads 0",
    ),
)

_MOSEK_THREADS = "MSK_IPAR_NUM_THREADS 0"
_MOSEK_INTPNT = "MSK_IPAR_OPTIMIZER MSK_OPTIMIZER_INTPNT"
_MOSEK: tuple[Profile, ...] = (
    _other("mosek", _DUAL, "MSK_IPAR_OPTIMIZER MSK_OPTIMIZER_DUAL_SIMPLEX", _MOSEK_THREADS),
    _other("mosek", _PRIMAL, "MSK_IPAR_OPTIMIZER MSK_OPTIMIZER_PRIMAL_SIMPLEX", _MOSEK_THREADS),
    _other("mosek", _BAR, _MOSEK_INTPNT, "MSK_IPAR_INTPNT_BASIS MSK_BI_ALWAYS", _MOSEK_THREADS),
    _other("mosek", _BAR_NOX, _MOSEK_INTPNT, "MSK_IPAR_INTPNT_BASIS MSK_BI_NEVER", _MOSEK_THREADS),
)


def _all(*groups: Iterable[Profile]) -> tuple[Profile, ...]:
    return tuple(profile for group in groups for profile in group)


BUILT_IN: tuple[Profile, ...] = _all(_CPLEX, _HIGHS, _BARE_HIGHS, _GUROBI, _XPRESS, _COPT, _MOSEK)
