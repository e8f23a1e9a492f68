"""Logs of GAMS alone, without listing and trace: how CPLEX of several versions says that a solve has ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from times_doctor_tasks.contract.states import Verdict
from times_doctor_tasks.results.run_files import find_run_files
from times_doctor_tasks.results.run_reader import read_run

_LP = """--- Job case_a.run Start 04/20/18 14:06:47 24.8.5 r61358 WEX-WEI x86 64bit/MS Windows
--- Generating LP model TIMES
---   1,234 rows  2,345 columns  9,876 non-zeroes
--- Executing CPLEX: elapsed 0:00:00.012

IBM ILOG CPLEX   24.8.5 r61358 Released May 10, 2017 WEI x86 64bit/MS Windows
Cplex 12.7.1.0

Tried aggregator 1 time.
Reduced LP has 243 rows, 335 columns, and 3912 nonzeros.
Presolve time = 0.01 sec. (0.50 ticks)
"""
_MIP = (
    _LP.replace("LP", "MIP").replace("Released", "released")
    + """
   Node  Left     Objective  IInf  Best Integer    Best Bound    ItCnt     Gap

*   120     7      integral     0      995.0000      992.0000     1500    0.30%
Total (root+branch&cut) =    0.53 sec. (345.74 ticks)

"""
)
_FINAL_LP = """Fixing integer variables, and solving final LP...
Tried aggregator 1 time.
Reduced LP has 2 rows, 2 columns, and 4 nonzeros.
Presolve time = 7.00 sec. (0.00 ticks)
Total time on 1 threads = 7.00 sec. (0.00 ticks)
Fixed MIP status(1): optimal
Cplex Time: 7.00sec (det. 0.00 ticks)
"""
_FIGURES = """MIP Solution:          995.000000    (1600 iterations, 133 nodes)
Final Solve:           995.000000    (0 iterations)

Best possible:         992.512500
Absolute gap:            2.487500
Relative gap:            0.002500

"""
_END = """--- Reading solution for model TIMES
*** Status: Normal completion
--- Job case_a.run Stop 04/20/18 14:06:55 elapsed 0:00:08.100
"""
_OF_THE_MIP = {
    "iterations": 1600,
    "nodes": 133,
    "solver_time_s": 0.58,
    "presolved_rows": 243,
    "phase_seconds": (("presolve", 0.01), ("total", 0.53)),
    "gap_rel": pytest.approx(0.0025, rel=1e-3),
}
#: A log between its first and last lines; verdict, part of the sentence, facts.
ENDINGS: dict[str, tuple[str, Verdict, str, dict[str, Any]]] = {
    "an LP for a MIP's marginals": (
        _MIP
        + "MIP status(102): integer optimal, tolerance\nCplex Time: 0.58sec (det. 345.8 ticks)\n"
        + _FINAL_LP
        + _FIGURES,
        Verdict.OPTIMAL,
        "within the gap tolerance (objective 995), at most 0.25 %",
        _OF_THE_MIP,
    ),
    "time, and the same LP": (
        _MIP + "MIP status(107): time limit exceeded\nCplex Time: 0.58sec (det. 345.8 ticks)\n" + _FINAL_LP + _FIGURES,
        Verdict.LIMIT,
        "time limit ended the solve: the best solution so far was kept (objective 995)",
        _OF_THE_MIP,
    ),
    "millions of iterations": (
        _MIP
        + "--- MIP status (107): time limit exceeded.\n--- Cplex Time: 45.00sec (det. 71018.27 ticks)\n\n"
        + "Resource limit exceeded\n"
        + "MIP Solution:       109290.000000    (1.17422e+06 iterations, 1.2e+06 nodes)\n",
        Verdict.LIMIT,
        "time limit",
        {"iterations": 1174220, "nodes": 1200000, "objective": 109290.0},
    ),
    "CPLEX aborted by an error": (
        _MIP + "MIP status(109): error abort, integer feasible\n" + _FIGURES,
        Verdict.SOLVER_FAILURE,
        "error abort",
        {},
    ),
    "out of memory": (
        _LP + "CPLEX Error  1001: Out of memory.\n--- Cplex Time: 0.05sec (det. 0.5 ticks)\n",
        Verdict.SOLVER_FAILURE,
        "ran out of memory",
        {"objective": None},
    ),
    "not proved": (
        _LP + "--- LP status (6): optimal, but numerical difficulties.\nObjective:           42.000000\n",
        Verdict.FEASIBLE,
        "did not prove it optimal",
        {"objective": 42.0},
    ),
}


@pytest.mark.parametrize("case", ENDINGS)
def test_a_log_tells_how_its_solve_ended(tmp_path: Path, case: str) -> None:
    text, verdict, words, facts = ENDINGS[case]
    (tmp_path / "case_a.log").write_text(text + _END)
    reading = read_run(find_run_files(tmp_path / "case_a.log"))
    assert reading.last_solve is not None
    found = {name: getattr(reading.last_solve, name) for name in facts}
    assert (reading.verdict, found) == (verdict, facts), reading.judgement
    assert words in reading.judgement.sentence


def test_lines_may_end_as_on_old_macs(tmp_path: Path) -> None:
    text = _LP + "LP status(1): optimal\nOptimal solution found.\nObjective :         42.000000\n\n" + _END
    (tmp_path / "case_a.log").write_bytes(text.replace("\n", "\r").encode())
    reading = read_run(find_run_files(tmp_path / "case_a.log"))
    assert (reading.verdict, reading.solves[0].objective, reading.solves[0].rows) == (Verdict.OPTIMAL, 42.0, 1234)
