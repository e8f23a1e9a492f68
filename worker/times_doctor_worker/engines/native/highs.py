"""HiGHS (1.13 to 1.16), without numpy if possible: its import takes longer than most solves (docs/adr/0014)."""

from __future__ import annotations

import importlib
import importlib.util
import math
import re
import sys
import types
from pathlib import Path

from times_doctor_worker.engines.native.adapter import Adapter, BadOption, Order, Unreadable

TYPE_CHECKING = False  # see `adapter`
if TYPE_CHECKING:
    from typing import Any

#: Our names for HiGHS's measures of a solution.
QUALITY = {
    "primal_infeasibility": "max_primal_infeasibility",
    "primal_infeasibility_rel": "max_relative_primal_infeasibility",
    "primal_residual": "max_primal_residual_error",
    "primal_residual_rel": "max_relative_primal_residual_error",
    "dual_infeasibility": "max_dual_infeasibility",
    "dual_infeasibility_rel": "max_relative_dual_infeasibility",
    "dual_residual": "max_dual_residual_error",
    "dual_residual_rel": "max_relative_dual_residual_error",
    "complementarity": "max_complementarity_violation",
    "gap_rel": "primal_dual_objective_error",
    "integrality": "max_integrality_violation",
}
#: The default of `kkt_tolerance`.
DEFAULT_TOLERANCE = 1e-7
#: Options whose values this program sets.
_OURS = frozenset({"output_flag", "log_to_console"})
#: Model files up to this many bytes are searched for non-finite numbers; for a larger one the import of numpy is cheap.
_SEARCHED_BYTES = 8 << 20
#: Text that may be a non-finite number: HiGHS would solve a different model, and only numpy finds all of them.
_ODD = re.compile(rb"(?<![A-Za-z])(?:nan|inf)|\d[eEdD]\+?\d{3}", re.IGNORECASE)


class Highs(Adapter):
    """One model."""

    def __init__(self, order: Order) -> None:
        hipo = any(value.lower() == "hipo" for _, _, _, value in order.options)
        self._api = load(whole=hipo or may_hold_no_number(Path(order.model)))
        self._order, self._stopped = order, False
        self._highs = made(self._api)
        for name, value in (("output_flag", True), ("log_to_console", hipo), ("log_file", order.log)):
            self._highs.setOptionValue(name, value)  # HiPO's rows reach the log only if the console gets them too
        self.version = self._highs.version()

    def set(self, name: str, value: str) -> None:
        """One option: HiGHS's own reader of option files lets a text option read and write any file of this user.

        Those options are the texts that are empty by default.
        """
        fresh, ok = made(self._api), self._api.HighsStatus.kOk
        fresh.setOptionValue("output_flag", False)
        status, kind = fresh.getOptionType(name)
        if status != ok:
            raise BadOption("HiGHS has no such option")
        if kind == self._api.HighsOptionType.kString and not fresh.getOptionValue(name)[1]:
            if value and name != "log_file":
                raise BadOption("it names a file")
        elif name not in _OURS and self._highs.setOptionValue(name, value) != ok:
            raise BadOption("HiGHS refuses the value")

    def read(self) -> None:
        if self._highs.readModel(self._order.model) == self._api.HighsStatus.kError:
            raise Unreadable("")  # its log says why
        if "numpy" in sys.modules:
            from times_doctor_worker.engines.highs_numbers import not_a_number

            if problem := not_a_number(self._highs):
                raise Unreadable(problem)

    def size(self) -> tuple[int, int, int]:
        return self._highs.getNumRow(), self._highs.getNumCol(), self._highs.getNumNz()

    def solve(self) -> None:
        kinds = self._api.cb.HighsCallbackType
        self._highs.setCallback(self._look, None)
        for name in ("Simplex", "Ipm", "Mip"):
            self._highs.startCallback(getattr(kinds, f"kCallback{name}Interrupt"))
        self._highs.run()

    def stop(self) -> None:
        self._stopped = True

    def answer(self) -> dict[str, Any]:
        info, discrete = self._highs.getInfo(), math.isfinite(self._highs.getInfo().mip_gap)
        return {
            "model_status": self._highs.modelStatusToString(self._highs.getModelStatus()),
            "objective": info.objective_function_value,
            "bound": info.mip_dual_bound,
            "gap_rel": info.mip_gap,
            "simplex_iterations": info.simplex_iteration_count,
            "ipm_iterations": info.ipm_iteration_count,
            "crossover_iterations": info.crossover_iteration_count,
            "pdlp_iterations": info.pdlp_iteration_count,
            "nodes": info.mip_node_count,
            "basis_valid": bool(info.basis_validity),
            "quality": {name: getattr(info, field, None) for name, field in QUALITY.items()}
            | self._asked_for(discrete),
        }

    def _look(self, kind: Any, message: str, told: Any, orders: Any, data: Any) -> None:  # noqa: ARG002  # HiGHS's
        # Not an exception: that ends the solve as an error, and what it had is lost.
        if self._stopped and orders is not None:
            orders.user_interrupt = True

    def _asked_for(self, discrete: object) -> dict[str, float]:
        """The tolerances that the options ask for; `kkt_tolerance`, if set, replaces all those of an LP."""

        def value(name: str) -> Any:
            return self._highs.getOptionValue(name)[1]

        if discrete:
            return {"primal_tolerance": value("mip_feasibility_tolerance")}
        kkt, solver = value("kkt_tolerance"), value("solver")
        if kkt != DEFAULT_TOLERANCE:
            return dict.fromkeys(("primal_tolerance", "dual_tolerance", "gap_tolerance"), kkt)
        method = "pdlp_" if "pdlp" in solver else "ipm_" if solver in ("ipm", "ipx", "hipo") else ""
        return {
            "primal_tolerance": value("primal_feasibility_tolerance"),
            "dual_tolerance": value("dual_feasibility_tolerance"),
            "gap_tolerance": value(f"{method}optimality_tolerance"),
        }


def load(*, whole: bool) -> Any:
    """HiGHS's extension module without its Python layer; if `whole`, or if that fails, all of highspy."""
    if not whole:
        package = types.ModuleType("highspy")
        spec = importlib.util.find_spec("highspy")
        package.__path__ = list(spec.submodule_search_locations or ()) if spec else []
        sys.modules["highspy"] = package
        try:
            core: Any = importlib.import_module("highspy._core")
            if hasattr(core, "_Highs") and hasattr(core.cb, "HighsCallbackType"):
                return core
        except Exception:  # noqa: BLE001, S110  # laid out in another way: the whole package, then
            pass
        for name in [name for name in sys.modules if name.split(".")[0] == "highspy"]:
            del sys.modules[name]
    return importlib.import_module("highspy")


def made(api: Any) -> Any:
    """A HiGHS object from the module that `load` found."""
    return api.Highs() if hasattr(api, "Highs") else api._Highs()  # noqa: SLF001


def may_hold_no_number(model: Path) -> bool:
    """Whether a model file has to be searched for non-finite numbers, which takes numpy.

    >>> import tempfile; path = Path(tempfile.mkdtemp()) / "m.lp"
    >>> [path.write_text(text) and may_hold_no_number(path) for text in ("min: 2 x", "min: nan x", "min: 2e999 x")]
    [False, True, True]
    """
    try:
        if model.suffix.lower() == ".gz" or model.stat().st_size > _SEARCHED_BYTES:
            return True
        return _ODD.search(model.read_bytes()) is not None
    except OSError:
        return False
