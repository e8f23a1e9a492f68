"""COPT (8.0)."""

from __future__ import annotations

from typing import Any

import coptpy

from times_doctor_worker.engines.native.adapter import (
    Adapter,
    BadOption,
    NoLicence,
    Order,
    Unreadable,
    converted,
    figure,
)

_WORDS = {
    1: "Optimal", 2: "Infeasible", 3: "Unbounded", 4: "Primal infeasible or unbounded", 6: "Node limit reached",
    7: "Feasible", 8: "Time limit reached", 10: "Interrupted by user", 11: "Iteration limit reached",
}  # fmt: skip


class Copt(Adapter):
    """One model. Each of its logs reports a missing licence; only the error code says that it is true."""

    FREE, BEYOND = "10,000 rows and 10,000 columns", 10001
    LICENCE = (
        "license.dat and license.key, at COPT_LICENSE_DIR or in ~/copt: renew it, or take it away and use the free one"
    )
    errors = (coptpy.CoptError, AttributeError)
    version = ".".join(str(getattr(coptpy.COPT, f"VERSION_{part}")) for part in ("MAJOR", "MINOR", "TECHNICAL"))

    def __init__(self, order: Order) -> None:
        self._order, quiet = order, coptpy.EnvrConfig()
        quiet.set("nobanner", "1")
        self._model: Any = self.ask(lambda: coptpy.Envr(quiet).createModel("model"), NoLicence)

    def set(self, name: str, value: str) -> None:
        told = self.ask(lambda: self._model.getParamInfo(name), BadOption)
        number = converted(told[1], value)
        if not told[3] <= number <= told[4]:  # COPT would take the nearest value and go on
            raise BadOption(f"expected a number from {told[3]:g} to {told[4]:g}")
        self.ask(lambda: self._model.setParam(name, number), BadOption)

    def read(self) -> None:
        for name, value in (("Logging", 1), ("LogToConsole", 0)):
            self._model.setParam(name, value)
        self._model.setLogFile(self._order.log)
        self.ask(lambda: self._model.read(self._order.model), Unreadable)

    def size(self) -> tuple[int, int, int]:
        return self._model.Rows, self._model.Cols, self._model.Elems

    def solve(self) -> None:
        self.ask(self._model.solve)

    def stop(self) -> None:
        self._model.interrupt()

    def answer(self) -> dict[str, Any]:
        model, discrete = self._model, bool(self._model.IsMIP)
        return {
            "model_status": _WORDS.get(model.status) or f"Status {model.status}",
            "model_type": "MIP" if discrete else "LP",
            "objective": figure(lambda: model.ObjVal if discrete else model.LpObjVal),
            "bound": figure(lambda: model.BestBnd) if discrete else None,
            "iterations": model.BarrierIter or model.SimplexIter,
            "nodes": model.NodeCnt if discrete else None,
            "basis": bool(model.HasBasis),
            "quality": {},  # its PrimalInf is a count
        }

    def is_licence(self, error: Any) -> bool:
        return bool(getattr(error, "retcode", 0) == 4)
