"""FICO Xpress (9.9)."""

from __future__ import annotations

import datetime as dt
import warnings
from typing import Any

import xpress

from times_doctor_worker.engines.native.adapter import (
    Adapter,
    BadOption,
    NoLicence,
    Order,
    Unreadable,
    converted,
    figure,
)

#: By `solstatus`, for a solve that finished.
_WORDS = {0: "Primal infeasible or unbounded", 1: "Optimal", 2: "Feasible", 3: "Infeasible", 4: "Unbounded"}
#: By `stopstatus`, for a solve that was stopped.
_STOPPED = {
    1: "Time limit reached", 2: "Interrupted by user", 3: "Node limit reached", 4: "Iteration limit reached",
    5: "Feasible", 6: "Solution limit reached", 8: "Memory limit reached", 9: "Interrupted by user",
    14: "Time limit reached (work)",
}  # fmt: skip


class Xpress(Adapter):
    """One model."""

    FREE, BEYOND = "5,000 rows and columns together", 5001
    LICENCE = "xpauth.xpr, at XPAUTH_PATH: renew it, or take it away and use the free one"
    version = xpress.__version__

    def __init__(self, order: Order) -> None:
        warnings.simplefilter("ignore")  # it warns of its community licence
        self._model, self._xpress = order.model, self.ask(xpress.problem, NoLicence)
        self._xpress.setLogFile(order.log)

    def set(self, name: str, value: str) -> None:
        control = name.lower()
        now = self.ask(lambda: self._xpress.getControl(control), BadOption)
        number = converted(now, value)
        # As the enumeration: Xpress would accept a plain number that is not a member.
        self.ask(lambda: self._xpress.setControl(control, type(now)(number)), BadOption)

    def read(self) -> None:
        self._xpress.setControl("outputlog", 1)
        self.ask(lambda: self._xpress.readProb(self._model), Unreadable)

    def size(self) -> tuple[int, int, int]:
        told = self._xpress.attributes
        return told.originalrows, told.originalcols, told.elems

    def solve(self) -> None:
        # Without a flag a solve on several threads is a race, mostly won by the dual, whatever `defaultalg` is.
        flag = {2: "d", 3: "p", 4: "b"}.get(int(self._xpress.controls.defaultalg), "")
        self.ask(lambda: self._xpress.optimize(flag))
        if self._xpress.attributes.stopstatus == 11:
            raise NoLicence("it stopped because it has no licence")

    def stop(self) -> None:
        self._xpress.interrupt()

    def answer(self) -> dict[str, Any]:
        told = self._xpress.attributes

        def of(name: str) -> Any:
            return figure(lambda: getattr(told, name))

        how, found, why = int(told.solvestatus), int(told.solstatus), int(told.stopstatus)
        discrete = bool(told.originalmipents)
        interior = bool(of("bariter")) and not of("barcrossover")
        return {
            "model_status": {1: _STOPPED.get(why), 3: _WORDS.get(found)}.get(how) or f"Status {how}, {found}, {why}",
            "model_type": "MIP" if discrete else "LP",
            "objective": of("objval") if found in (1, 2) else None,
            "bound": of("bestbound") if discrete else None,
            "iterations": of("bariter") or of("simplexiter"),
            "nodes": of("nodes") if discrete else None,
            "basis": not interior and figure(self._xpress.getBasis) is not None,
            "ticks": of("work"),
            "quality": {
                "primal_infeasibility": of("maxabsprimalinfeas"),
                "dual_infeasibility": of("maxabsdualinfeas"),
            },
        }

    def until(self) -> str:
        days = figure(xpress.getdaysleft)
        return "" if days is None else (dt.date.today() + dt.timedelta(days=days)).isoformat()

    def is_licence(self, error: Any) -> bool:
        return str(error).startswith("?120 ")
