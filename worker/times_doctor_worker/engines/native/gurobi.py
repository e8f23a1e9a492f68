"""Gurobi (13.0)."""

from __future__ import annotations

from typing import Any

import gurobipy

from times_doctor_worker.engines.native.adapter import Adapter, BadOption, Order, Unreadable, converted, figure

_WORDS = {
    2: "Optimal", 3: "Infeasible", 4: "Primal infeasible or unbounded", 5: "Unbounded", 6: "Objective limit reached",
    7: "Iteration limit reached", 8: "Node limit reached", 9: "Time limit reached", 10: "Solution limit reached",
    11: "Interrupted by user", 13: "Feasible", 15: "Objective limit reached", 16: "Time limit reached (work)",
    17: "Memory limit reached",
}  # fmt: skip


class Gurobi(Adapter):
    """One model."""

    FREE, BEYOND = "2,000 rows and 2,000 columns", 2001
    LICENCE = "gurobi.lic, at GRB_LICENSE_FILE or in the home folder: renew it, or take it away and use the free one"
    errors = gurobipy.GurobiError
    version = ".".join(map(str, gurobipy.gurobi.version()))

    def __init__(self, order: Order) -> None:
        self._order, self._env = order, gurobipy.Env(empty=True)
        self._env.setParam("LogToConsole", 0)
        self.ask(self._env.start)
        self._model: Any = gurobipy.Model(env=self._env)

    def set(self, name: str, value: str) -> None:
        told = self._model.getParamInfo(name)
        if told is None:
            raise BadOption("Gurobi has no such parameter")
        self.ask(lambda: self._env.setParam(told[0], converted(told[2], value)), BadOption)

    def read(self) -> None:
        self._env.setParam("OutputFlag", 1)
        self._env.setParam("LogFile", self._order.log)
        self._model = self.ask(lambda: gurobipy.read(self._order.model, self._env), Unreadable)

    def size(self) -> tuple[int, int, int]:
        return self._model.NumConstrs, self._model.NumVars, self._model.NumNZs

    def solve(self) -> None:
        self.ask(self._model.optimize)

    def stop(self) -> None:
        self._model.terminate()

    def answer(self) -> dict[str, Any]:
        model, discrete = self._model, bool(self._model.IsMIP)

        def of(name: str) -> Any:
            return figure(lambda: getattr(model, name))

        return {
            "model_status": _WORDS.get(model.Status) or f"Status {model.Status}",
            "model_type": "MIP" if discrete else "LP",
            "objective": of("ObjVal"),
            "bound": of("ObjBound") if discrete else None,
            "iterations": of("BarIterCount") or int(of("IterCount") or 0),
            "nodes": int(of("NodeCount") or 0) if discrete else None,
            "basis": figure(lambda: model.getVars()[0].VBasis) is not None,
            "ticks": of("Work"),
            "quality": {
                "primal_infeasibility": figure(lambda: max(model.ConstrVio, model.BoundVio)),
                "dual_infeasibility": of("DualVio"),
            },
        }

    def until(self) -> str:
        day = str(self._model.LicenseExpiration)
        return f"{day[:4]}-{day[4:6]}-{day[6:]}" if len(day) == 8 and day < "9999" else ""

    def is_licence(self, error: Any) -> bool:
        return error.errno in (10009, 10010)
