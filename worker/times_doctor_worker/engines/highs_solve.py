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

import highspy

#: Return codes: the file could not be read; an option was refused.
UNREADABLE = 2
BAD_OPTION = 3


def solve(model: Path, options: Path, log: Path, result: Path) -> int:
    """Solves `model` and writes the figures that a log rounds."""
    highs = highspy.Highs()  # type: ignore[no-untyped-call]  # highspy is typed in part
    highs.setOptionValue("output_flag", True)
    highs.setOptionValue("log_to_console", False)
    highs.setOptionValue("log_file", str(log))
    if highs.readOptions(str(options)) != highspy.HighsStatus.kOk:
        return BAD_OPTION
    if highs.readModel(str(model)) == highspy.HighsStatus.kError:
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
        "max_primal_infeasibility": info.max_primal_infeasibility,
        "max_dual_infeasibility": info.max_dual_infeasibility,
        "rows": highs.getNumRow(),
        "columns": highs.getNumCol(),
        "nonzeros": highs.getNumNz(),
    }
    # JSON has no infinity: a bound or gap that does not exist is left out.
    finite = {name: value for name, value in figures.items() if not isinstance(value, float) or math.isfinite(value)}
    result.write_text(json.dumps(finite), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(solve(*(Path(argument) for argument in sys.argv[1:5])))
