"""Next steps that are specific to an engine or solver: its options and statements."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

_RESLIM = "Raise RESLIM: `OPTION RESLIM` in the .run file overrides reslim=, "


class Advice(msgspec.Struct, frozen=True):
    """What to do next, for one solver."""

    conflict: str
    """The model is infeasible, and nothing says why."""
    whole_conflict: str
    """It is infeasible, and one equation is known to take part."""
    either: str
    """It is infeasible or unbounded."""
    smaller_gap: str
    limits: Mapping[str, str]
    """By the name of the limit that ended the solve."""


_CPLEX = Advice(
    conflict="Run once with `iis 1` in cplex.opt (scan --iis): it names the equations that contradict each other.",
    whole_conflict="Check the data behind this equation, then `iis 1` in cplex.opt for everything that takes part.",
    either="Run once with `preind 0` and `iis 1` in cplex.opt: then it is one or the other, with the reason.",
    smaller_gap="a smaller OPTCR asks for a smaller gap",
    limits={
        "time limit": f"{_RESLIM}`tilim` in cplex.opt overrides both.",
        "iteration limit": "Raise ITERLIM in the .run file, or itlim/baritlim in the option file.",
    },
)
#: Not every solver can name the equations; CPLEX can.
_OTHER_UNDER_GAMS = Advice(
    conflict="Solve it once by CPLEX with `iis 1` in cplex.opt (scan --iis): it names the equations in conflict.",
    whole_conflict="Check the data behind this equation; CPLEX with `iis 1` in cplex.opt names all that takes part.",
    either="Solve it once by CPLEX with `preind 0` and `iis 1` in cplex.opt: then it is one or the other.",
    smaller_gap=_CPLEX.smaller_gap,
    limits={
        "time limit": f"{_RESLIM}a limit in the solver's option file may override both.",
        "iteration limit": "Raise ITERLIM in the .run file, or the limit in the solver's option file.",
    },
)
#: Of solvers without GAMS: what takes presolve away; the options of gap, time limit and iteration limit.
_NATIVE = {
    "HIGHS": ("presolve = off", "mip_rel_gap", "time_limit", "..._iteration_limit"),
    "CPLEX": ("preind 0", "epgap", "tilim", "itlim"),
    "GUROBI": ("presolve 0", "mipgap", "timelimit", "iterationlimit"),
    "XPRESS": ("presolve 0", "miprelstop", "timelimit", "lpiterlimit"),
    "COPT": ("Presolve 0", "RelGap", "TimeLimit", "BarIterLimit"),
}


def _without_gams(solver: str) -> Advice:
    presolve, gap, time, iterations = _NATIVE.get(solver, ("presolve off", "gap", "time limit", "iteration limit"))
    return Advice(
        conflict="Look at what changed since it was feasible: `times-doctor diagnose MODEL` names rows in conflict.",
        whole_conflict="Check the data behind this row; `times-doctor diagnose MODEL` names all that takes part.",
        either=f"Run once with `{presolve}` in an option file (--opt-file): then it is one or the other.",
        smaller_gap=f"a smaller `{gap}` in an option file asks for a smaller gap",
        limits={
            "time limit": f"Give it more time: --timeout-seconds, or `{time}` in an option file of yours.",
            "iteration limit": f"Raise the `{iterations}` in your option file, or take it out.",
        },
    )


def advice_for(solver: str | None, *, alone: bool) -> Advice:
    """The next steps that fit a solver; `alone`: it ran without GAMS."""
    if alone:
        return _without_gams((solver or "HIGHS").upper())
    return _CPLEX if solver is None or solver.upper() == "CPLEX" else _OTHER_UNDER_GAMS
