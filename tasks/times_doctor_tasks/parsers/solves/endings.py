"""How one solve ended: solver status first, then model status, then the solver's own status.

The order matters. A TIMES run that hit its time limit before it had a basis reports model status 19 "Infeasible - No
Solution": nothing was proved. And GAMS has no model status for CPLEX's "unbounded or infeasible": it says 19 as well.
"""

from __future__ import annotations

import re

import msgspec

from times_doctor_tasks.contract.states import Verdict
from times_doctor_tasks.contract.wording import some_of
from times_doctor_tasks.parsers.solves.advice import Advice, advice_for
from times_doctor_tasks.parsers.solves.solve import Solve

#: Most equations of a conflict that are named in a sentence.
_NAMED_EQUATIONS = 3
_OPTIMAL = frozenset({1, 2, 15})
_FEASIBLE = frozenset({7, 8, 16, 17})
_INFEASIBLE = frozenset({4, 5, 10, 19})
_UNBOUNDED = frozenset({3, 18})
_WITH_SOLUTION = _OPTIMAL | _FEASIBLE
#: CPLEX: optimal after scaling, but not in the model as written.
_UNSCALED = frozenset({5, 115})
#: CPLEX: a solution, not proved optimal because of numerical difficulties.
_BEST_OF_BAD_NUMBERS = 6
#: CPLEX: presolve stopped at "infeasible or unbounded" without telling which.
_EITHER = frozenset({4, 119})
#: CPLEX's barrier: an objective ran away. GAMS calls it infeasible (dual) or unbounded (primal).
_PRIMAL_RAN_AWAY, _DUAL_RAN_AWAY = 21, 22
#: CPLEX: integer solution within the gap tolerance.
_PROVED_MIP = frozenset({1, 101, 102})
_CROSSED = re.compile(r"Col +\d+ \(Col (.+)\) has inconsistent bounds")
_ROW_NAMED = re.compile(r"(?:[Rr]|Infeasibility r)ow '(.+?)'(?: infeasible|:)")
#: Messages with "optimal" in them that do not mean an optimum.
_SHORT_OF_IT = re.compile(r"not |sub-?optimal|near[-_ ]optimal")
_STOPPED = r"(?<!error )abort|interrupt"
#: A MIP with a gap below this is optimal, not only within its tolerance.
PROVED_GAP = 1e-9
_LIMIT = re.compile(r"(node|memory|solution|time|iteration|objective|improvement|gap|work) ?limit")
#: Other words for having reached one.
_LIMITS = (
    ("memory limit", "memory|mem limit"),
    ("solution limit", "mipsol limit"),
    ("time limit", "timeout"),
    ("iteration limit", "iterlimit"),
    ("objective limit", "(?:bound on|target for) objective"),
    ("cutoff", "cutoff"),
    ("limit on time or iterations", "^stopped$"),
)


class Judgement(msgspec.Struct, frozen=True):
    """A verdict on a solve or a run, its reason, and what to do."""

    verdict: Verdict
    sentence: str
    next_step: str
    kept: str = ""
    """Of a solve that was interrupted: a sentence on the solution that it had, for callers that say why themselves."""


_IMPROVES_WITHOUT_END = Judgement(
    Verdict.UNBOUNDED,
    "The model is unbounded: its objective can improve without end.",
    "Look for a cost that is missing or has the wrong sign, or an activity without an upper bound.",
)
_NO_LICENCE = Judgement(
    Verdict.LICENCE,
    "The solver has no valid licence for this model.",
    "Check the solver's licence and its size limits on that host.",
)


def solve_ending(solve: Solve) -> Judgement | None:
    """How `solve` ended; None if unknown."""
    if solve.aborted:
        return Judgement(
            Verdict.EXECUTION_ERROR,
            "GAMS did not hand the model to a solver: it found errors before or while it generated the equations.",
            "Look at the execution errors in the listing.",
        )
    if solve.solver_status is None or solve.model_status is None:
        return _by_solver_words(solve)
    if solve.solver_status == 1:
        return _completed(solve)
    return _not_completed(solve)


def _completed(solve: Solve) -> Judgement:
    status = solve.model_status
    if solve.lp_status in _EITHER and status in _INFEASIBLE:
        return _either(solve)
    if status in _OPTIMAL:
        return _optimal(solve)
    if status == 8 and (solve.lp_status is None or solve.lp_status in _PROVED_MIP):
        return _within_tolerance(solve)
    if status in _FEASIBLE:
        return _feasible(solve)
    if status in _INFEASIBLE:
        return _infeasible(solve)
    if status in _UNBOUNDED:
        return _IMPROVES_WITHOUT_END
    if status == 11:
        return _NO_LICENCE
    return _failed(solve)


def _not_completed(solve: Solve) -> Judgement:
    status = solve.solver_status
    if status in (2, 3):
        return _limit(solve, "iteration limit" if status == 2 else _time_limit(solve))
    if status == 4:
        return _terminated(solve)
    if status == 7 or solve.model_status == 11:
        return _NO_LICENCE
    if status == 8:
        return _interrupted(solve)
    if status == 12:
        return Judgement(
            Verdict.NO_SOLVE,
            "GAMS skipped the solve.",
            "Look above the solve in the listing: an earlier error or a model attribute made GAMS skip it.",
        )
    if status == 6:
        return Judgement(
            Verdict.SOLVER_FAILURE,
            f"{solve.solver or 'The solver'} cannot solve this type of model ({solve.model_type or 'unknown type'}).",
            "Choose another solver for this model type.",
        )
    return _failed(solve)


def _optimal(solve: Solve) -> Judgement:
    if solve.lp_status in _UNSCALED:
        return Judgement(
            Verdict.OPTIMAL,
            f"Optimal after scaling{_value(solve)}, but the solution violates equations of the model as written.",
            "Compare with a profile for numerically hard models (scaind 1, numericalemphasis 1).",
        )
    word = "Locally optimal" if solve.model_status == 2 else "Optimal"
    note = "; marginals are those of an interior point, not of a basis" if solve.basis == "interior" else ""
    return Judgement(Verdict.OPTIMAL, f"{word}{_value(solve)}{note}.", "Nothing to do.")


def _within_tolerance(solve: Solve) -> Judgement:
    return Judgement(
        Verdict.OPTIMAL,
        f"Optimal within the gap tolerance{_value(solve)}{_distance(solve)}.",
        f"Nothing to do; {_advice(solve).smaller_gap}.",
    )


def _feasible(solve: Solve) -> Judgement:
    return Judgement(
        Verdict.FEASIBLE,
        f"The solver returned a solution{_value(solve)} but did not prove it optimal.",
        "Compare with another profile before using it.",
    )


def _infeasible(solve: Solve) -> Judgement:
    relaxed = " (feasopt then relaxed it: the values returned break equations)" if _relaxed(solve) else ""
    local = " as far as this local solver can tell" if solve.model_status == 5 else ""
    if solve.lp_status == _DUAL_RAN_AWAY:
        return Judgement(
            Verdict.INFEASIBLE,
            "The model looks infeasible: the barrier's dual objective grew without end.",
            "Run a simplex profile with `iis 1` in cplex.opt: it proves it and names the equations.",
        )
    equations = _conflicting_equations(solve)
    if equations:
        named = some_of(equations, _NAMED_EQUATIONS)
        return Judgement(
            Verdict.INFEASIBLE,
            f"The model is infeasible{relaxed}: {named} cannot hold together.",
            "Drop or loosen any one of these equations or bounds; the report lists the whole conflict.",
        )
    row = next((match[1] for text in solve.explanations if (match := _ROW_NAMED.search(text))), None)
    if row is not None:
        return Judgement(
            Verdict.INFEASIBLE,
            f"The model is infeasible{relaxed}: the bounds of its variables leave no room for equation {row}.",
            _advice(solve).whole_conflict,
        )
    column = next((match[1] for text in solve.explanations if (match := _CROSSED.search(text))), None)
    if column is not None:
        return Judgement(
            Verdict.INFEASIBLE,
            f"The model is infeasible{relaxed}: the lower bound of {column} is above its upper bound.",
            "Correct the bounds of that variable.",
        )
    return Judgement(
        Verdict.INFEASIBLE,
        f"The model is infeasible{local}{relaxed}: no solution meets all equations and bounds.",
        _advice(solve).conflict,
    )


def _either(solve: Solve) -> Judgement:
    if any("conflict feasible" in text or "is feasible; no conflict" in text for text in solve.explanations):
        return Judgement(
            Verdict.UNBOUNDED,
            "The model is unbounded: presolve left it open, and the conflict refiner found the equations feasible.",
            "Look for a cost that is missing or has the wrong sign.",
        )
    return Judgement(
        Verdict.INFEASIBLE,
        "The model is infeasible or unbounded: presolve proved one of the two but did not tell which.",
        _advice(solve).either,
    )


def _time_limit(solve: Solve) -> str:
    text = (solve.lp_status_text or "").lower()
    return "deterministic time limit" if "det" in text else "time limit"


def _limit(solve: Solve, which: str) -> Judgement:
    by_words = solve.model_status is None and {solve.nodes, solve.bound} != {None} and solve.objective is not None
    if solve.model_status in _WITH_SOLUTION or by_words:
        reached = f"the best solution so far was kept{_value(solve)}{_distance(solve)}"
    elif solve.model_status == 14 or (solve.model_status is None and solve.objective is None):
        reached = "no solution was found yet"
    elif solve.model_status in _INFEASIBLE:
        reached = "no solution was found yet; nothing was proved infeasible"
    else:
        reached = "what it had by then is not a solution yet"
    raise_it = _advice(solve).limits.get(which, f"Raise the {which} or take it out.")
    return Judgement(Verdict.LIMIT, f"The {which} ended the solve: {reached}.", raise_it)


def _terminated(solve: Solve) -> Judgement:
    text = (solve.lp_status_text or " ".join(solve.explanations[-2:])).lower()
    if limit := _LIMIT.search(text):
        return _limit(solve, f"{limit[1]} limit")
    if which := next((which for which, words in _LIMITS if re.search(words, text)), ""):
        return _limit(solve, which)
    if re.search(_STOPPED, text):
        return _interrupted(solve)
    if solve.model_status in _WITH_SOLUTION:
        return Judgement(
            Verdict.FEASIBLE,
            f"The solver stopped by itself with a solution{_value(solve)} that it did not prove optimal.",
            "Look at the solver's last lines in the log for its reason.",
        )
    return _failed(solve)


def _interrupted(solve: Solve) -> Judgement:
    has_solution = solve.model_status in _WITH_SOLUTION
    kept = f"The solution it had was kept{_value(solve)}{_distance(solve)}." if has_solution else ""
    sentence = f"The solve was interrupted from outside. {kept}".rstrip()
    return Judgement(Verdict.INTERRUPTED, sentence, "Run it again to the end.", kept)


def _failed(solve: Solve) -> Judgement:
    if solve.alone and (solve.lp_status_text or "").startswith("Cannot solve"):
        return Judgement(
            Verdict.SOLVER_FAILURE,
            f"HiGHS refused the model: {solve.lp_status_text}.",
            "Choose another solver for this kind of model, or state it without what HiGHS names.",
        )
    if _no_memory(solve):
        words = "The solver ran out of memory."
        return Judgement(Verdict.SOLVER_FAILURE, words, "Give it more memory (--mem) or fewer threads.")
    if solve.alone or solve.model_status is None:
        why = f"{solve.lp_status_text!r}"
    else:
        why = f"model status {solve.model_status}, solver status {solve.solver_status}"
    return Judgement(
        Verdict.SOLVER_FAILURE,
        f"The solver broke down, was killed or returned nothing usable ({why}).",
        "Look at the log's last lines; memory, threads and the option file are the usual causes.",
    )


def _by_solver_words(solve: Solve) -> Judgement | None:
    """Without GAMS's statuses: from the solver's last status (a cut log, or an engine without GAMS)."""
    text = (solve.lp_status_text or "").lower()
    if solve.lp_status in _EITHER or "infeasible or unbounded" in text or "unbounded or infeasible" in text:
        return _either(solve)
    if solve.lp_status == _DUAL_RAN_AWAY or (_says_infeasible(text) and not text.startswith("dual_")):
        return _infeasible(solve)
    if solve.lp_status == _PRIMAL_RAN_AWAY or "unbounded" in text or text.startswith("dual_infeasible"):
        return _IMPROVES_WITHOUT_END
    if re.search(r"limit|cutoff|timeout|^stopped$", text):
        return _terminated(solve)
    if re.search(_STOPPED, text):
        return _interrupted(solve)
    if _no_memory(solve) or "error abort" in text or (solve.alone and re.search("error|trouble|^unknown", text)):
        return _failed(solve)
    if solve.lp_status == _BEST_OF_BAD_NUMBERS:
        return _feasible(solve)
    if "optimal" in text and not _SHORT_OF_IT.search(text):
        return _within_tolerance(solve) if (solve.gap_rel or 0.0) > PROVED_GAP else _optimal(solve)
    return _feasible(solve) if re.search("feasible|optimal", text) else None


def _says_infeasible(text: str) -> bool:
    # `optimal with unscaled infeasibilities` and `time limit exceeded, infeasible so far` do not.
    return "relaxed" in text or ("infeas" in text and "unscaled" not in text and "limit" not in text)


def _no_memory(solve: Solve) -> bool:
    return "out of memory" in (solve.lp_status_text or " ".join(solve.explanations)).lower()


def _relaxed(solve: Solve) -> bool:
    return "relaxed" in (solve.lp_status_text or "")


def _conflicting_equations(solve: Solve) -> list[str]:
    """Names of the equations in the conflict, without their kind and limits."""
    names = []
    for line in solve.conflict:
        kind, _, rest = line.partition(" ")
        if kind == "equation":
            rest = rest.split(": ", 1)[-1]
            names.append(re.split(r" [<>=]+ ", rest, maxsplit=1)[0].strip())
    return names


def _advice(solve: Solve) -> Advice:
    return advice_for(solve.solver, alone=solve.alone)


def _distance(solve: Solve) -> str:
    return f", at most {100 * solve.gap_rel:.3g} % from the best possible" if solve.gap_rel else ""


def _value(solve: Solve) -> str:
    return f" (objective {solve.objective:.10g})" if solve.objective is not None else ""
