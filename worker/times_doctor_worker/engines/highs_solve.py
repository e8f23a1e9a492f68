"""The program that solves one LP or MIP file with HiGHS: `python -m ... MODEL OPTIONS LOG RESULT`.

A process of its own, so that it can be stopped, measured and killed like GAMS. SIGINT ends the solve at the next
callback with what there is by then; PDLP has none, and goes on until it is killed.
"""

from __future__ import annotations

import json
import math
import signal
import sys
from pathlib import Path
from typing import Any

import highspy

from times_doctor_tasks.profiles.option_file import broken_lines, numbered_options
from times_doctor_worker.engines.highs_numbers import not_a_number

#: Our names of what HiGHS measures of a solution.
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
#: `kkt_tolerance` where nobody set it.
DEFAULT_TOLERANCE = 1e-7
#: Return codes: the file could not be read; an option was refused.
UNREADABLE = 2
BAD_OPTION = 3


def solve(model: Path, options: Path, log: Path, result: Path) -> int:
    """Solves `model` and writes the figures that a log rounds."""
    highs = highspy.Highs()  # type: ignore[no-untyped-call]  # highspy is typed in part
    highs.setOptionValue("output_flag", True)
    highs.setOptionValue("log_to_console", False)
    highs.setOptionValue("log_file", str(log))
    if problem := take_options(highs, options.read_text("utf-8")):
        _say(log, problem)
        return BAD_OPTION
    if highs.readModel(str(model)) == highspy.HighsStatus.kError:
        return UNREADABLE
    if problem := not_a_number(highs):
        _say(log, problem)
        return UNREADABLE
    # Not HandleKeyboardInterrupt: an exception in a callback ends the solve as an error, and what it had is lost.
    highs.HandleUserInterrupt = True
    signal.signal(signal.SIGINT, lambda *_: highs.cancelSolve())  # type: ignore[no-untyped-call]  # as above
    highs.run()
    info = highs.getInfo()
    figures = {
        "model_status": highs.modelStatusToString(highs.getModelStatus()),
        "objective": info.objective_function_value,
        "bound": info.mip_dual_bound,
        "gap_rel": info.mip_gap,
        "simplex_iterations": info.simplex_iteration_count,
        "ipm_iterations": info.ipm_iteration_count,
        "crossover_iterations": info.crossover_iteration_count,
        "pdlp_iterations": info.pdlp_iteration_count,
        "nodes": info.mip_node_count,
        "basis_valid": bool(info.basis_validity),
        "rows": highs.getNumRow(),
        "columns": highs.getNumCol(),
        "nonzeros": highs.getNumNz(),
    }
    quality = finite(quality_of(info) | asked_for(highs, discrete=math.isfinite(info.mip_gap)))
    result.write_text(json.dumps(finite(figures) | {"quality": quality}), "utf-8")
    return 0


def _say(log: Path, problem: str) -> None:
    with log.open("a", encoding="utf-8") as lines:
        lines.write(f"ERROR:   {problem}\n")


def take_options(highs: Any, text: str) -> str:
    """Sets each option of `text` by itself; what is wrong with the first that cannot be, empty where all are set.

    Not by HiGHS's own reader: it knows spellings of a name that nobody who checks would, and options that name a file
    let a text write and read any file of this user. This HiGHS says which those are: texts that are empty by default.
    """
    for number, line in broken_lines(text, "highs"):
        return f"line {number} of the options is no option: {line}"
    fresh: Any = highspy.Highs()  # type: ignore[no-untyped-call]  # highspy is typed in part
    fresh.setOptionValue("output_flag", False)
    for number, name, value in numbered_options(text, "highs"):
        status, kind = fresh.getOptionType(name)
        known = status == highspy.HighsStatus.kOk
        if known and kind == highspy.HighsOptionType.kString and not fresh.getOptionValue(name)[1]:
            if value and name != "log_file":
                return f"line {number} of the options names a file: {name}"
        elif not known or highs.setOptionValue(name, value) != highspy.HighsStatus.kOk:
            return f"line {number} of the options is refused by HiGHS: {name} = {value}"
    return ""


def quality_of(info: highspy.HighsInfo) -> dict[str, float]:
    """How far the solution is off, as HiGHS measured it: infinite where it did not."""
    return {name: getattr(info, field, math.inf) for name, field in QUALITY.items()}


def asked_for(highs: Any, *, discrete: bool) -> dict[str, float]:
    """The tolerances that the options ask for; `kkt_tolerance`, where it is set, stands for all those of an LP."""

    def value(name: str) -> Any:
        return highs.getOptionValue(name)[1]

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


def finite(figures: dict[str, Any]) -> dict[str, Any]:
    """JSON has no infinity: what does not exist is left out."""
    return {name: value for name, value in figures.items() if not isinstance(value, float) or math.isfinite(value)}


if __name__ == "__main__":
    sys.exit(solve(*(Path(argument) for argument in sys.argv[1:5])))
