"""A solve while it is being read: builds a `Solve` from single events."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, ClassVar

from msgspec.structs import replace

from times_doctor_tasks.contract.progress import Phase
from times_doctor_tasks.parsers import events
from times_doctor_tasks.parsers.gams.status_texts import MODEL_STATUS, SOLVER_STATUS
from times_doctor_tasks.parsers.solves.solve import Numerics, Range, Solve

#: Most lines of a conflict that are kept, equations first.
MAX_CONFLICT_LINES = 500
#: Most sentences about the ending of a solve.
_MAX_EXPLANATIONS = 20
_ITERATIVE = frozenset(
    {Phase.SIMPLEX, Phase.NETWORK, Phase.BARRIER, Phase.CROSSOVER, Phase.SIFTING, Phase.FIRST_ORDER, Phase.CONCURRENT}
)
_INTERIOR = frozenset({Phase.BARRIER, Phase.FIRST_ORDER})
_LP_METHODS = {
    "1": "primal simplex",
    "2": "dual simplex",
    "3": "network simplex",
    "4": "barrier",
    "5": "sifting",
    "6": "concurrent",
}
#: CPLEX parameters that tell what ran and whether a basis came out, and the GAMS options that set them.
_METHOD, _SOLUTION_TYPE, _CROSSOVER = "CPXPARAM_LPMethod", "CPXPARAM_SolutionType", "CPXPARAM_Barrier_Crossover"
_PARAMETERS = {"lpmethod": _METHOD, "solutiontype": _SOLUTION_TYPE, "barcrossalg": _CROSSOVER}
#: `lower: x(j63) > 0` (CPLEX, COPT), `0.000000 < x(j1)` (Gurobi).
_NOT_NEGATIVE = re.compile(r" >=? 0(\.0*)?$|^variable -?0(\.0*)? <=? [^<]*$")
_COUNTED_SIGNS = {"perturbation": "perturbations", "pivot tolerance raised": "markowitz_raises"}
_LARGEST_INFEASIBILITY = re.compile(r"(un)?scaled (primal|dual|bound|row|reduced-cost)")

#: Fields of a solve that are copied from an event, by the event's field.
_COPIED: dict[type, dict[str, str]] = {
    events.ModelSize: {"rows": "rows", "columns": "columns", "nonzeros": "nonzeros"},
    events.DiscreteColumns: {"discrete_columns": "count"},
    # A MIP presolves again at each restart: the last one counts.
    events.PresolvedSize: {"presolved_rows": "rows", "presolved_columns": "columns", "presolved_nonzeros": "nonzeros"},
    events.SolverStarted: {"solver": "solver"},
    events.SolverVersion: {"solver_version": "version"},
    events.FinalObjective: {"objective": "value"},
    events.FinalBound: {"bound": "value"},
    events.SolverTime: {"solver_time_s": "seconds", "ticks": "ticks"},
}
#: After CPLEX's status they are of the LP that it solves for a MIP's marginals.
_OF_ITS_TIME = frozenset({events.PresolvedSize, events.PhaseTime, events.BarrierEnded, events.CrossoverEnded})


def _says_little(bound: str) -> bool:
    """Whether a bound of a conflict is what nearly every variable has: those come last."""
    return _NOT_NEGATIVE.search(bound) is not None


class SolveDraft:
    """Collects the events of one solve. Bounded: it keeps last values, not rows."""

    def __init__(self, number: int) -> None:
        self.solve = Solve(number)
        self._numerics = Numerics()
        self._quality: dict[str, float] = {}
        self._conflict: list[str] = []
        self._bounds: list[str] = []
        self._explanations: dict[str, None] = {}
        self._parameters: dict[str, str] = {}
        #: Phases that iterate, in the order of their last appearance.
        self._phases: dict[Phase, None] = {}
        self._last: events.SimplexIteration | events.BarrierIteration | events.SiftingIteration | None = None
        self._node: events.MipNode | None = None
        self._seconds: dict[str, float] = {}
        self._simplex: str | None = None
        self._winner: str | None = None

    def set(self, **fields: Any) -> None:
        """Overwrite fields of the solve."""
        self.solve = replace(self.solve, **fields)

    def take(self, event: events.LogEvent) -> None:
        """Take in one event."""
        kind = type(event)
        if kind in _OF_ITS_TIME and self.solve.lp_status is not None:
            return
        if kind in _COPIED:
            self.set(**{field: getattr(event, source) for field, source in _COPIED[kind].items()})
        elif kind in (events.SolveEnded, events.SolveAborted):
            self.set(ended=True, aborted=self.solve.aborted or kind is events.SolveAborted)
        elif (say := self._SAY.get(kind)) is not None:
            say(self, event)

    def finish(self) -> Solve:
        """The solve as far as it is known now."""
        solve = replace(
            self.solve,
            numerics=self._numerics,
            quality=tuple(self._quality.items()),
            conflict=(*self._conflict, *sorted(self._bounds, key=_says_little))[:MAX_CONFLICT_LINES],
            explanations=tuple(self._explanations),
            phase_seconds=tuple(self._seconds.items()),
            method=self._method(),
            basis=self._basis(),
        )
        if solve.iterations is None:
            solve = replace(solve, iterations=self._iterations())
        return self._with_gap(solve)

    def _row(self, event: events.SimplexIteration | events.BarrierIteration | events.SiftingIteration) -> None:
        self._last = event

    def _noded(self, event: events.MipNode) -> None:
        self._node = event

    def _phase(self, event: events.PhaseStarted) -> None:
        if event.phase in _ITERATIVE:
            self._phases.pop(event.phase, None)
            self._phases[event.phase] = None
            if event.phase is Phase.SIMPLEX and event.detail:
                self._simplex = event.detail

    def _range(self, event: events.RangeStatistic) -> None:
        field = {"matrix": "matrix", "rhs": "rhs", "bound": "bounds"}.get(event.kind)
        if field:
            self.set(**{field: Range(event.minimum, event.maximum)})

    def _ended(self, event: events.SolverEnded) -> None:
        # The LP solved after a MIP to get marginals says nothing about the MIP; TIMES only repeats.
        if not event.kind.startswith("Fixed") and (event.kind != "TIMES" or self.solve.lp_status_text is None):
            self.set(lp_status=event.code, lp_status_text=event.text)

    def _statuses(self, event: events.SolverStatuses) -> None:
        self.set(
            solver_status=event.solver_status,
            solver_status_text=SOLVER_STATUS.get(event.solver_status),
            model_status=event.model_status,
            model_status_text=MODEL_STATUS.get(event.model_status),
        )

    def _counts(self, event: events.FinalIterations) -> None:
        if event.iterations is not None:
            self.set(iterations=event.iterations)
        if event.nodes is not None:
            self.set(nodes=event.nodes)

    def _part(self, event: events.PhaseTime) -> None:
        if event.what in ("total", "elapsed"):
            self._seconds[event.what] = event.seconds
        else:
            self._seconds[event.what] = self._seconds.get(event.what, 0.0) + event.seconds

    def _stage_over(self, event: events.BarrierEnded | events.CrossoverEnded) -> None:
        if event.seconds is not None:
            what = "barrier" if isinstance(event, events.BarrierEnded) else "crossover"
            self._part(events.PhaseTime(what, event.seconds))

    def _winning(self, event: events.ConcurrentWinner) -> None:
        self._winner = event.method

    def _parameter(self, event: events.SolverParameter) -> None:
        if event.name in (_METHOD, _SOLUTION_TYPE, _CROSSOVER):
            self._parameters[event.name] = event.value

    def _option(self, event: events.OptionSet) -> None:
        parameter = _PARAMETERS.get(event.name.lower())
        if parameter is not None and self.solve.solver == "CPLEX":
            self._parameters[parameter] = event.value

    def _message(self, event: events.SolverMessage) -> None:
        if len(self._explanations) < _MAX_EXPLANATIONS:
            self._explanations[event.text] = None

    def _conflicting(self, event: events.ConflictLine) -> None:
        line = f"{event.kind} {event.text}" if event.kind else event.text
        kept = self._bounds if event.kind == "variable" else self._conflict
        if len(kept) < MAX_CONFLICT_LINES:
            kept.append(line)

    def _refined(self, event: events.ConflictStatus) -> None:
        self._message(events.SolverMessage(f"conflict refiner: {event.text}"))

    def _sign(self, event: events.NumericalSign) -> None:
        numerics = self._numerics
        if field := _COUNTED_SIGNS.get(event.what):
            self._numerics = replace(numerics, **{field: getattr(numerics, field) + 1})
        elif event.what == "condition number":
            self._numerics = replace(numerics, condition=event.value)
        elif event.value is not None and (match := _LARGEST_INFEASIBILITY.match(event.what)):
            self._largest(match[1] is None, match[2], event.value)
        else:
            refactorings = numerics.refactorings + ("singular" in event.what.lower() or "factor" in event.what.lower())
            signs = (
                numerics.signs if event.what in numerics.signs else (*numerics.signs, event.what)[:_MAX_EXPLANATIONS]
            )
            self._numerics = replace(numerics, refactorings=refactorings, signs=signs)

    def _measured(self, event: events.QualityFigure) -> None:
        self._quality[event.name] = event.value

    def _largest(self, scaled: bool, what: str, value: float) -> None:
        is_dual = what in ("dual", "reduced-cost")
        if not (is_dual and scaled):
            field = "dual_infeasibility" if is_dual else f"{'' if scaled else 'un'}scaled_infeasibility"
            self._numerics = replace(self._numerics, **{field: value})

    def _method(self) -> str | None:
        if self._node is not None or self._is_discrete():
            return "branch and cut"
        phases = tuple(self._phases)
        asked = _LP_METHODS.get(self._parameters.get(_METHOD, ""))
        if self._winner and asked != "barrier":
            return f"concurrent: {self._winner}"
        if Phase.SIFTING in self._phases:
            return "sifting"
        if Phase.BARRIER in self._phases:
            return "barrier" if phases[-1] in _INTERIOR else "barrier with crossover"
        if Phase.FIRST_ORDER in self._phases:
            return "first-order" if phases[-1] in _INTERIOR else "first-order with crossover"
        if asked == "barrier" and Phase.CROSSOVER in self._phases:
            return "barrier with crossover"
        if asked is not None:
            return asked
        if Phase.NETWORK in self._phases:
            return "network simplex"
        if isinstance(self._last, events.SimplexIteration) and self._last.label.startswith("Dual"):
            return "dual simplex"
        return (self._simplex or "simplex") if Phase.SIMPLEX in self._phases else None

    def _basis(self) -> str | None:
        if self._is_discrete():
            return None
        interior = self._parameters.get(_SOLUTION_TYPE) == "2" or self._parameters.get(_CROSSOVER) == "-1"
        last = next(reversed(self._phases), None)
        if self._winner and "simplex" in self._winner:
            return "vertex"
        if last in _INTERIOR or (last in (None, Phase.CONCURRENT) and interior):
            return "interior"
        if last is not None or self._parameters or self.solve.solver == "CPLEX":
            return "vertex"
        return None

    def _is_discrete(self) -> bool:
        # A relaxed MIP (RMIP) counts its discrete columns too.
        return self.solve.model_type in ("MIP", "MIQCP", "MINLP", "MIQP")

    def _iterations(self) -> int | None:
        # Others count differently in their rows: only their own sum will do.
        last = self._last if self.solve.solver == "CPLEX" else None
        if isinstance(last, events.BarrierIteration | events.SiftingIteration) and not (
            isinstance(last, events.BarrierIteration) and Phase.SIFTING in self._phases
        ):
            return last.iteration
        if self._node is not None:
            return self._node.iterations
        if isinstance(last, events.SimplexIteration) and not last.label and Phase.BARRIER not in self._phases:
            return last.iteration
        return None

    def _with_gap(self, solve: Solve) -> Solve:
        node = self._node
        if node is None:
            return solve
        # A solution that the solver could not return is not an objective.
        objective = node.incumbent if solve.lp_status_text else None
        return replace(
            solve,
            nodes=node.nodes if solve.nodes is None else solve.nodes,
            objective=objective if solve.objective is None else solve.objective,
            bound=node.best_bound if solve.bound is None else solve.bound,
            gap_rel=node.gap_rel,
        )

    _SAY: ClassVar[dict[type, Callable[[SolveDraft, Any], None]]] = {
        **dict.fromkeys((events.SimplexIteration, events.BarrierIteration, events.SiftingIteration), _row),
        events.MipNode: _noded,
        events.PhaseStarted: _phase,
        events.RangeStatistic: _range,
        events.SolverEnded: _ended,
        events.SolverStatuses: _statuses,
        events.FinalIterations: _counts,
        events.PhaseTime: _part,
        events.BarrierEnded: _stage_over,
        events.CrossoverEnded: _stage_over,
        events.ConcurrentWinner: _winning,
        events.SolverParameter: _parameter,
        events.OptionSet: _option,
        events.SolverMessage: _message,
        events.ConflictLine: _conflicting,
        events.ConflictStatus: _refined,
        events.NumericalSign: _sign,
        events.QualityFigure: _measured,
    }
