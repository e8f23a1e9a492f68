"""The quality of a run's last solution: the solver's own figures, and the requested tolerances."""

from __future__ import annotations

from collections.abc import Mapping

from times_doctor_tasks.parsers.solves.solve import Solve
from times_doctor_tasks.results.run_reader import RunReading

#: By solver: the option that sets a tolerance, and its default.
_TOLERANCES: Mapping[str, Mapping[str, tuple[str, float]]] = {
    "CPLEX": {"primal_tolerance": ("eprhs", 1e-6), "dual_tolerance": ("epopt", 1e-6)},
    "XPRESS": {"primal_tolerance": ("feastol", 1e-6), "dual_tolerance": ("optimalitytol", 1e-6)},
}


def quality_of(reading: RunReading) -> dict[str, float]:
    """Residuals, complementarity, gap, absolute and relative (`_rel`), and tolerances, by name, if known.

    A residual is the larger of two figures: the violation of rows and bounds, and the distance of `A x` from the rows.
    """
    solve = reading.last_solve
    if solve is None or solve.objective is None:
        return {}
    said = dict(solve.quality)
    found = {
        f"{side}_residual{suffix}": max(values)
        for side in ("primal", "dual")
        for suffix in ("", "_rel")
        if (values := [said[name] for which in _TWO if (name := f"{side}_{which}{suffix}") in said])
    }
    kept = ("complementarity", "complementarity_rel", "integrality")
    found |= {name: said[name] for name in kept if name in said} | _gap(solve, said)
    if "complementarity" in found:
        found.setdefault("complementarity_rel", found["complementarity"] / (1 + abs(solve.objective)))
    return found | (_tolerances(reading, said) if found else {})


_TWO = ("infeasibility", "residual")


def _gap(solve: Solve, said: Mapping[str, float]) -> dict[str, float]:
    if solve.bound is not None and solve.objective is not None and solve.gap_rel is not None:
        return {"gap": abs(solve.objective - solve.bound), "gap_rel": solve.gap_rel}
    if "gap_rel" in said:
        return {"gap": said["gap_rel"] * (1 + abs(solve.objective or 0.0)), "gap_rel": said["gap_rel"]}
    return {}


def _tolerances(reading: RunReading, said: Mapping[str, float]) -> dict[str, float]:
    tolerances = {name: value for name, value in said.items() if name.endswith("_tolerance")}
    taken = {name.lower(): value for name, value in reading.options_set}
    for name, (option, default) in _TOLERANCES.get((reading.solver or "").upper(), {}).items():
        try:
            tolerances[name] = float(taken.get(option, default))
        except ValueError:
            continue
    return tolerances
