"""Logs of solvers as people have them: several solves in one file, an LP after a MIP, what a last row leaves open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from times_doctor_tasks.contract.states import Verdict
from times_doctor_tasks.results.run_files import find_run_files
from times_doctor_tasks.results.run_reader import read_run

_GUROBI = "Gurobi Optimizer version 12.0.3 build v12.0.3rc0 (linux64)\n\n"
_LP = (
    "Optimize a model with 4 rows, 5 columns and 9 nonzeros\nPresolve time: 0.00s\n"
    "Presolved: 3 rows, 4 columns, 8 nonzeros\n\n"
)
_ROWS = (
    "Iteration    Objective       Primal Inf.    Dual Inf.      Time\n"
    "       0    0.0000000e+00   2.000000e+00   0.000000e+00      0s\n\n"
)
_BARRIER = (
    "                  Objective                Residual\n"
    "Iter       Primal          Dual         Primal    Dual     Compl     Time\n"
    "   0   4.56435085e+01  1.53061018e+01  1.69e+01 8.58e+00  1.59e+01     0s\n\n"
    "Barrier performed 1 iterations in 0.10 seconds (0.00 work units)\n"
)
_CPLEX = "\nLog started (V12.8.0.0) Wed Dec  4 12:35:52 2019\n\nCPXPARAM_Threads                                 1\n"
_NODES = (
    "MIP Presolve eliminated 1 rows and 1 columns.\nReduced MIP has 9 rows, 8 columns, and 24 nonzeros.\n"
    "        Nodes                                         Cuts/\n"
    "   Node  Left     Objective  IInf  Best Integer    Best Bound    ItCnt     Gap\n\n"
    "*     0+    0                           -5.0000      -12.5000           150.00%\n"
    "   2915    11       -6.0000     4       -5.0000      -12.5000   630926  150.00%\n\n"
    "Total (root+branch&cut) =    3.10 sec. (1.00 ticks)\n\n"
)
_TIMED_OUT = (
    "MIP - Time limit exceeded, integer feasible:  Objective = -5.0000000000e+00\n"
    "Current MIP best bound = -5.5000000000e+00 (gap = 0.5, 10.00%)\n"
    "Solution time =    3.10 sec.  Iterations = 640000  Nodes = 2942 (98)\n"
)
_FIXED = (
    "MILP problem relaxed to LP with fixed integer variables using\nincumbent solution.\n"
    "CPXPARAM_Threads                                 1\nTried aggregator 1 time.\n"
    "Reduced LP has 2 rows, 2 columns, and 4 nonzeros.\n"
    "Iteration:     1   Dual objective     =            -5.000000\n"
    "Dual simplex - Optimal:  Objective = -5.0000000000e+00\nSolution time =    0.01 sec.  Iterations = 7 (0)\n"
)
_MEMORY = "CPLEX Error  1001: Out of memory.\n\nError termination, CPLEX Error  1001.\nSolution time = 2011.84 sec.\n"
_MOSEK = (
    "MOSEK Version 10.2.1 (Build date: 2024-6-4 07:56:07)\n\nProblem\n  Constraints            : 4\n"
    "ITE PFEAS    DFEAS    GFEAS    PRSTATUS   POBJ              DOBJ              MU       TIME\n"
    "0   2.0e+00  1.1e+00  9.1e-01  0.00e+00   1.810000000e-01   0.000000000e+00   1.0e+00  0.00\n"
    "Optimizer terminated. Time: 0.03\n\nInterior-point solution summary\n"
)
#: A log; its verdict, a part of the sentence, and facts of the last solve.
LOGS: dict[str, tuple[str, Verdict, str, dict[str, Any]]] = {
    "no optimum, only near one": (
        _GUROBI + _LP + _BARRIER + "Sub-optimal termination - objective 1.83903664e+06\n",
        Verdict.FEASIBLE,
        "did not prove it optimal",
        {"objective": 1839036.64, "columns": 5},
    ),
    "the simplex was first": (
        _GUROBI
        + _LP
        + _BARRIER
        + "Barrier solve interrupted - model solved by another algorithm\n\nSolved with dual simplex\n"
        + "Solved in 69 iterations and 4.03 seconds (3.91 work units)\nOptimal objective  2.174035714e+02\n",
        Verdict.OPTIMAL,
        "Optimal (objective 217.4035714).",
        {"basis": "vertex", "iterations": 69},
    ),
    "a MIP has no basis": (
        _GUROBI
        + _LP
        + _ROWS
        + "\nExplored 1 nodes (40 simplex iterations) in 0.03 seconds (0.00 work units)\n\n"
        + "Optimal solution found (tolerance 1.00e-04)\nBest objective 3, best bound 3, gap 0.0000%\n",
        Verdict.OPTIMAL,
        "Optimal (objective 3).",
        {"basis": None, "gap_rel": 0.0, "nodes": 1},
    ),
    "a non-convex model": (
        _GUROBI + _LP + "NL barrier solved model in 48 iterations and 6.36 seconds (9.02 work units)\n"
        "First-order optimal solution\nSolution objective 5.665143444362e+10\n",
        Verdict.OPTIMAL,
        "ptimal (objective 5.665143444e+10)",
        {},
    ),
    "numbers ran out": (
        _GUROBI + _LP + _ROWS + "Stopped in 9 iterations and 0.01 seconds (0.00 work units)\n"
        "Numerical trouble encountered\n",
        Verdict.SOLVER_FAILURE,
        "Numerical trouble",
        {"objective": None},
    ),
    "a log that goes on from day to day": (
        _GUROBI
        + _LP
        + _ROWS
        + "\nExplored 9 nodes (40 simplex iterations) in 600.01 seconds\n\nTime limit reached\n"
        + "Best objective 1.5e+09, best bound 9.0e+08, gap 39.9996%\n\n"
        + "Gurobi 12.0.3 (linux64, gurobi_cl) logging started Fri Jul 30 13:51:55 2021\n\n"
        + _GUROBI
        + "Optimize a model with 1 rows, 2 columns and 2 nonzeros\n"
        + "Solved in 0 iterations and 0.00 seconds (0.00 work units)\nOptimal objective  7.000000000e+00\n",
        Verdict.OPTIMAL,
        "Optimal (objective 7). 1 of 2 solves ended at a limit",
        {"objective": 7.0, "bound": None, "gap_rel": None, "nodes": None, "presolved_rows": None, "rows": 1},
    ),
    "a model that is solved again": (
        _GUROBI + _LP + "Solved in 3 iterations and 0.01 seconds\nOptimal objective  4.000000000e+00\n" + _GUROBI + _LP,
        Verdict.INTERRUPTED,
        "they show no result",
        {"objective": None, "iterations": None},
    ),
    "all nodes searched: the last row's gap is an old one": (
        _CPLEX
        + _NODES
        + "MIP - Integer optimal solution:  Objective = -5.0000000000e+00\n"
        + "Solution time =    3.10 sec.  Iterations = 630926  Nodes = 2942\n",
        Verdict.OPTIMAL,
        "Optimal (objective -5).",
        {"bound": None, "gap_rel": None, "nodes": 2942, "iterations": 630926, "solver_version": "12.8.0.0"},
    ),
    "within the tolerance": (
        _CPLEX
        + _NODES
        + "MIP - Integer optimal, tolerance (0/1e-06):  Objective = -5.0000000000e+00\n"
        + "Current MIP best bound = -5.0010000000e+00 (gap = 0.001, 0.02%)\n"
        + "Solution time =    3.10 sec.  Iterations = 640000  Nodes = 2942 (1)\n",
        Verdict.OPTIMAL,
        "within the gap tolerance (objective -5), at most 0.02 %",
        {"bound": -5.001, "gap_rel": pytest.approx(0.0002), "nodes": 2942},
    ),
    "a MIP at its limit, then the LP for its marginals": (
        _CPLEX + _NODES + _TIMED_OUT + _FIXED,
        Verdict.LIMIT,
        "time limit ended the solve: the best solution so far was kept (objective -5), at most 10 %",
        {"bound": -5.5, "iterations": 640000, "nodes": 2942, "presolved_rows": 9, "solver_time_s": 3.1, "basis": None},
    ),
    "no memory, then the LP for its marginals": (
        _CPLEX + _NODES + _MEMORY + _FIXED,
        Verdict.SOLVER_FAILURE,
        "out of memory",
        {"objective": None, "nodes": 2915, "gap_rel": None},
    ),
    "the second of two models": (
        _CPLEX + _NODES + _TIMED_OUT + _FIXED + _CPLEX + "Tried aggregator 1 time.\n"
        "LP Presolve eliminated 1 rows and 2 columns.\nDual simplex - Optimal:  Objective =  1.0544627262e+05\n"
        "Solution time =    4.43 sec.  Iterations = 5294 (0)\n",
        Verdict.OPTIMAL,
        "Optimal (objective 105446.2726). 1 of 2 solves ended at a limit",
        {"bound": None, "nodes": None, "iterations": 5294, "presolved_rows": None},
    ),
    "typed in, with prompts": (
        "Welcome to IBM(R) ILOG(R) CPLEX(R) Interactive Optimizer 22.1.1.0\n\nCPLEX> CPLEX> Problem 'm.lp' read.\n"
        "CPLEX> CPXPARAM_Threads          1\n" + _NODES.rstrip() + "\n\n"
        "CPLEX> MIP - Integer infeasible.\nCPLEX> Current MIP best bound is infinite.\n",
        Verdict.INFEASIBLE,
        "infeasible",
        {"solver_version": "22.1.1.0", "presolved_rows": 9},
    ),
    "optimized twice": (
        "Welcome to IBM(R) ILOG(R) CPLEX(R) Interactive Optimizer 12.10.0.0\n\nTried aggregator 1 time.\n"
        "Dual simplex - Optimal:  Objective =  3.0000000000e+00\nSolution time =    0.01 sec.  Iterations = 4 (0)\n\n"
        "Tried aggregator 1 time.\nDual simplex - Infeasible:  Infeasibility =  1.0000000000e+00\n"
        "Solution time =    0.00 sec.  Iterations = 0 (0)\n",
        Verdict.INFEASIBLE,
        "infeasible",
        {"objective": None, "iterations": 0, "number": 2},
    ),
    "another error of CPLEX's": (
        _CPLEX
        + _NODES
        + "CPLEX Error  3019: Failure to solve MIP subproblem.\n\nError termination, CPLEX Error  3019.\n",
        Verdict.SOLVER_FAILURE,
        "3019",
        {"objective": None},
    ),
    "a column without rows": (
        "Version identifier: 22.1.1.0 | 2022-11-28 | 9160aff4d\nDual infeasible due to empty column 'x2'.\n"
        "Presolve time = 0.00 sec. (0.00 ticks)\n",
        Verdict.INFEASIBLE,
        "infeasible or unbounded",
        {"objective": None},
    ),
    "no such model file": (
        "Welcome to the CBC MILP Solver \nVersion: 2.10.12 \nBuild Date: Jan  1 2025 \n\n"
        "command line - cbc nosuch.mps solve quit (default strategy 1)\nUnable to open file nosuch.mps\n"
        "** Current model not valid\nTotal time (CPU seconds):       0.00   (Wallclock seconds):       0.00\n",
        Verdict.COMPILE_ERROR,
        "CBC could not read the model file: Unable to open file nosuch.mps.",
        {"objective": None},
    ),
    "no such model file, CPLEX": (
        "Welcome to IBM(R) ILOG(R) CPLEX(R) Interactive Optimizer 22.1.1.0\n\n"
        "CPLEX> CPLEX Error  1423: Could not open file 'no.lp' for reading.\nNo file read.\n",
        Verdict.COMPILE_ERROR,
        "CPLEX could not read the model file: CPLEX Error  1423: Could not open file 'no.lp' for reading.",
        {"objective": None},
    ),
    "MOSEK": (
        _MOSEK + "  Problem status  : PRIMAL_AND_DUAL_FEASIBLE\n  Solution status : OPTIMAL\n"
        "  Primal.  obj: 7.4390654948e-02    nrm: 8e+02    Viol.  con: 2e-07    var: 0e+00\n",
        Verdict.OPTIMAL,
        "Optimal (objective 0.0743906",
        {"objective": 0.074390654948},
    ),
    "MOSEK, a ray": (
        _MOSEK + "  Problem status  : DUAL_INFEASIBLE\n  Solution status : DUAL_INFEASIBLE_CER\n"
        "  Primal.  obj: -1.0000000000e+00   nrm: 1e+00    Viol.  con: 0e+00    var: 0e+00\n",
        Verdict.UNBOUNDED,
        "unbounded",
        {"objective": None},
    ),
    "MOSEK, infeasible": (
        _MOSEK + "  Problem status  : PRIMAL_INFEASIBLE\n  Solution status : PRIMAL_INFEASIBLE_CER\n"
        "  Dual.    obj: 1.0000000000e+00    nrm: 1e+00    Viol.  con: 0e+00    var: 0e+00\n",
        Verdict.INFEASIBLE,
        "infeasible",
        {"objective": None},
    ),
    "MOSEK, nothing proved": (
        _MOSEK + "  Problem status  : UNKNOWN\n  Solution status : UNKNOWN\n"
        "  Primal.  obj: -7.9516116275e+05   nrm: 3e+03    Viol.  con: 9e-04\n",
        Verdict.SOLVER_FAILURE,
        "UNKNOWN",
        {"objective": None},
    ),
    "AMPL": (
        "Version identifier: 22.1.1.0 | 2022-11-28 | 9160aff4d\n"
        + _NODES
        + "CPLEX 22.1.1.0: optimal integer solution; objective 400\n3449 MIP simplex iterations\n",
        Verdict.OPTIMAL,
        "Optimal",
        {"objective": 400.0},
    ),
}


@pytest.mark.parametrize("case", LOGS)
def test_each_solve_of_a_log_is_read_for_itself(tmp_path: Path, case: str) -> None:
    text, verdict, words, facts = LOGS[case]
    (tmp_path / "solver.log").write_text(text)
    reading = read_run(find_run_files(tmp_path / "solver.log"))
    assert reading.last_solve is not None
    found = {name: getattr(reading.last_solve, name) for name in facts}
    assert (reading.verdict, found) == (verdict, facts), reading.judgement
    assert words in reading.judgement.sentence
