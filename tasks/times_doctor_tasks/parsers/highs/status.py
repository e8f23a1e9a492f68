"""HiGHS's status words as GAMS's codes, if there are any; all native solvers use these words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from times_doctor_tasks.contract.states import Verdict
from times_doctor_tasks.parsers.events import ErrorLine
from times_doctor_tasks.parsers.gams.status_texts import MODEL_STATUS, SOLVER_STATUS
from times_doctor_tasks.parsers.solves.endings import PROVED_GAP, Judgement
from times_doctor_tasks.parsers.solves.solve import Solve

_CODES: dict[str, tuple[int | None, int]] = {
    "optimal": (1, 1),
    "optimal after scaling": (1, 1),
    "feasible": (7, 1),
    "infeasible": (4, 1),
    "unbounded": (3, 1),
    "primal infeasible or unbounded": (19, 1),
    "time limit reached": (None, 3),
    "time limit reached (work)": (None, 3),
    "node limit reached": (None, 4),
    "bound on objective reached": (None, 4),
    "target for objective reached": (None, 4),
    "iteration limit reached": (None, 2),
    "solution limit reached": (None, 4),
    "memory limit reached": (None, 4),
    "interrupted by user": (None, 8),
}
#: Our word for an "optimal" whose objective is no number: some cost, bound or coefficient is none.
NO_OBJECTIVE = (
    "Optimal, but the objective is not a number (nan): look for a cost, bound or coefficient that is not a number"
)
#: HiGHS's messages about dropped entries of a model file. CPLEX and COPT take the last of two costs, HiGHS the first;
#: of two bounds Gurobi and COPT take the first as well, and CPLEX refuses the file.
_LOST = re.compile(
    r"(?:COLUMNS|RHS|RANGES|BOUNDS) section.* (?:not in |ignored [1-9]\d* undef)|Row .* not (?:defined|valid):"
    r"|Column .* has duplicate nonzero"
)
#: HiGHS's word for a model without rows and columns, also if it could not read the file.
_EMPTY = "empty"
#: Our word for a log that ends with it.
UNREAD = "Empty"
#: GAMS's LP status for CPLEX's "infeasible or unbounded", and for what is optimal but breaks the model as written.
_LP_STATUS = {"primal infeasible or unbounded": 4, "optimal after scaling": 5}


def with_gams_codes(solve: Solve, errors: Sequence[ErrorLine]) -> Solve:
    """The solve with GAMS's codes beside HiGHS's words; a limit with a MIP solution counts as an integer solution."""
    text = (solve.lp_status_text or "").lower()
    # Before 1.10 the log does not say what kind of model it is.
    discrete = solve.model_type in ("MIP", "MIQP") or solve.method == "branch and cut"
    discrete = discrete or (solve.solver != "HIGHS" and not solve.model_type and {solve.nodes, solve.bound} != {None})
    if discrete and text == "integer optimal solution":
        # Its last row was written before the last nodes were searched.
        solve = replace(solve, bound=None, gap_rel=None)
    if discrete:
        solve = replace(solve, basis=None, gap_rel=_gap(solve))
    if not text or (solve.solver != "HIGHS" and text not in _CODES and not text.startswith("status ")):
        return replace(solve, alone=True)  # a solver's own words, as its log has them
    model, solver = _CODES.get(text, (13, 9 if errors else 10))
    if model == 1 and discrete and (solve.gap_rel or 0.0) > PROVED_GAP:
        model = 8
    if model is None:
        model = (8 if discrete else 6) if solve.objective is not None else 14
    elif model not in (1, 7, 8):
        solve = replace(solve, objective=None, bound=None, gap_rel=None)
    if solve.model_type == "LP":
        solve = replace(solve, bound=None, nodes=None, gap_rel=None)
    return replace(
        solve,
        model_status=model,
        model_status_text=MODEL_STATUS[model],
        solver_status=solver,
        solver_status_text=SOLVER_STATUS[solver],
        alone=True,
        lp_status=_LP_STATUS.get(text),
    )


def _gap(solve: Solve) -> float | None:
    if solve.objective is None or solve.bound is None:
        return solve.gap_rel
    distance = abs(solve.objective - solve.bound)
    # Nothing is a share of 0; a row may have the gap of a former solution.
    return distance / abs(solve.objective) if solve.objective else 0.0 if distance == 0.0 else None


def with_final_answer(solves: tuple[Solve, ...], final: Mapping[str, Any], solver: str) -> tuple[Solve, ...]:
    """The solves, with status and objective of the last one from the solver's result."""
    status = str(final.get("model_status") or "")
    if not status or status == "Not Set":
        return solves
    last = solves[-1] if solves else Solve(number=1, solver=solver.upper())
    objective = final.get("objective")
    if status.lower() == "optimal" and objective is None:
        status = NO_OBJECTIVE
    elif status.lower() != "optimal" and last.objective is None:
        objective = None
    told: dict[str, Any] = {name: final.get(name) for name in ("rows", "columns", "nonzeros")}
    if solver != "highs":
        told |= {name: final.get(name) for name in ("model_type", "bound", "iterations", "nodes", "ticks")}
        told |= {"solver_version": final.get("version"), "basis": _basis(final)}
        left_out = (f"option {name!r} is of GAMS only: left out" for name in final.get("of_gams_only") or ())
        told["explanations"] = (*last.explanations, *left_out)
    quality = tuple((final.get("quality") or {}).items())
    return (*solves[:-1], replace(last, lp_status_text=status, objective=objective, quality=quality, **told))


def _basis(final: Mapping[str, Any]) -> str | None:
    if final.get("model_type") != "LP":
        return None
    return "vertex" if final.get("basis") else "interior"


def unread_model(solve: Solve | None, errors: Sequence[ErrorLine]) -> Judgement | None:
    """How a run without a model to solve ended; None if it had one."""
    if solve is None:
        return None
    if lost := next((text for text in solve.explanations if _LOST.match(text)), ""):
        return Judgement(
            Verdict.COMPILE_ERROR,
            f"HiGHS read only a part of the model file ({lost}), so it solved another model.",
            "Correct the file: a name with a blank, one that ROWS or COLUMNS do not have, a value that is there twice.",
        )
    if (solve.lp_status_text or "").lower() != _EMPTY:
        return None
    if errors:
        name = "HiGHS" if solve.solver == "HIGHS" else solve.solver
        return Judgement(
            Verdict.COMPILE_ERROR,
            f"{name} could not read the model file: {(first_reason(errors) or errors[-1].text).rstrip('.')}.",
            "Check that the file exists and is a valid .mps or .lp file.",
        )
    rows = f"{solve.rows} rows" if solve.rows else "no rows"
    return Judgement(Verdict.NO_SOLVE, f"The model is empty: {rows}, no columns.", "Check the model file.")


def first_reason(errors: Sequence[ErrorLine]) -> str:
    """Why HiGHS could not read a model: its first error; empty if its parser gives no reason.

    >>> first_reason([ErrorLine("quadratic constraints are not supported", "m.lp", 4), ErrorLine("Parser error ...")])
    'quadratic constraints are not supported (line 4)'
    """
    error = errors[0] if errors and not errors[0].text.startswith("Parser error") else ErrorLine("")
    return f"{error.text} (line {error.line})" if error.line else error.text.rstrip(".")
