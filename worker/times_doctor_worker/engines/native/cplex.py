"""CPLEX (22.2)."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import cplex

from times_doctor_worker.engines.native.adapter import Adapter, BadOption, Order, Unreadable, converted, figure

_WORDS = {
    **dict.fromkeys((1, 101, 102), "Optimal"),
    **dict.fromkeys((5, 115), "Optimal after scaling"),
    **dict.fromkeys((6, 23, 24), "Feasible"),
    **dict.fromkeys((3, 103), "Infeasible"),
    **dict.fromkeys((2, 20, 118), "Unbounded"),
    **dict.fromkeys((4, 119), "Primal infeasible or unbounded"),
    **dict.fromkeys((11, 25, 107, 108, 131, 132), "Time limit reached"),
    **dict.fromkeys((10, 21, 22), "Iteration limit reached"),
    **dict.fromkeys((105, 106), "Node limit reached"),
    **dict.fromkeys((111, 112), "Memory limit reached"),
    **dict.fromkeys((12, 104), "Objective limit reached"),
    **dict.fromkeys((13, 113, 114), "Interrupted by user"),
}


class Cplex(Adapter):
    """One model."""

    FREE, BEYOND = "1,000 rows and 1,000 columns", 1001
    LICENCE = "that of CPLEX Studio, or at ILOG_LICENSE_FILE: renew it"
    errors = cplex.exceptions.CplexError

    def __init__(self, order: Order) -> None:
        self._model = order.model
        self._log = Path(order.log).open("a", encoding="utf-8", buffering=1)  # noqa: SIM115  # as long as the process
        self._cplex: Any = cplex.Cplex()
        self._stopper = self._cplex.use_aborter(cplex.Aborter())
        self._ticks = 0.0
        self.version = self._cplex.get_version()
        self._streams(self._log)

    def set(self, name: str, value: str) -> None:
        parameter = figure(lambda: functools.reduce(getattr, name.split("."), self._cplex.parameters))
        now = figure(lambda: parameter.get())
        if now is None:
            raise BadOption("CPLEX has no such parameter")
        self.ask(lambda: parameter.set(converted(now, value)), BadOption)

    def read(self) -> None:
        self.ask(lambda: self._cplex.read(self._model), Unreadable)

    def size(self) -> tuple[int, int, int]:
        rows = self._cplex.linear_constraints
        return rows.get_num(), self._cplex.variables.get_num(), rows.get_num_nonzeros()

    def solve(self) -> None:
        began = self._cplex.get_dettime()
        self.ask(self._cplex.solve)
        self._ticks = self._cplex.get_dettime() - began

    def stop(self) -> None:
        self._stopper.abort()

    def answer(self) -> dict[str, Any]:
        self._streams(None)  # it logs an error for each figure that does not exist
        solution, progress = self._cplex.solution, self._cplex.solution.progress
        measures, status, discrete = solution.quality_metric, solution.get_status(), self._cplex.solution.MIP
        if not self._cplex.variables.get_num_integer() + self._cplex.variables.get_num_binary():
            discrete = None
        return {
            "model_status": _WORDS.get(status) or f"Status {status}: {solution.get_status_string()}",
            "model_type": "MIP" if discrete else "LP",
            "objective": figure(solution.get_objective_value),
            "bound": figure(discrete.get_best_objective) if discrete else None,
            "iterations": figure(progress.get_num_barrier_iterations)
            or figure(progress.get_num_sifting_iterations)
            or figure(progress.get_num_iterations),
            "nodes": figure(progress.get_num_nodes_processed) if discrete else None,
            "basis": bool(figure(solution.basis.get_basis)),
            "ticks": self._ticks,
            "quality": {
                "primal_infeasibility": figure(lambda: solution.get_float_quality(measures.max_primal_infeasibility)),
                "dual_infeasibility": figure(lambda: solution.get_float_quality(measures.max_dual_infeasibility)),
            },
        }

    def is_licence(self, error: Any) -> bool:
        return len(error.args) > 2 and error.args[2] in (1016, 32024, 32201)

    def _streams(self, to: Any) -> None:
        for kind in ("log", "results", "warning", "error"):
            getattr(self._cplex, f"set_{kind}_stream")(to)
