from __future__ import annotations

from pathlib import Path

import pytest

from times_doctor_tasks.contract.states import Verdict
from times_doctor_tasks.results.run_files import find_run_files, native_solver
from times_doctor_tasks.results.run_reader import read_run

_GUROBI = "Gurobi Optimizer version 13.0.3 build v13.0.3rc0 (linux64)\n"
_MIP_OF_GUROBI = _GUROBI + "Found heuristic solution: objective 1080.0\n\nExplored 0 nodes (0 simplex iterations)\n"
_XPRESS = "FICO Xpress v9.9.1, Hyper, solve started 16:18:04, Nov 28, 2026\n"
_COPT = "Cardinal Optimizer v8.0.7. Build date Apr  1 2026\nMinimizing an LP problem\n"
_CBC = "Welcome to the CBC MILP Solver \nVersion: 2.10.3 \n"
_SCIP = "SCIP version 10.0.0 [precision: 8 byte]\n"
_CPLEX = "Version identifier: 22.1.1.0 | 2022-11-28 | 9160aff4d\nCPXPARAM_Threads                                 1\n"
_HIGHS = "Running HiGHS 1.12.0 (git hash: 1): Copyright\nLP m has 3 rows; 3 cols; 6 nonzeros\n"
#: Whose log, its lines as those solvers wrote them, verdict, objective, a part of the sentence.
ENDINGS = {
    "work limit": (
        _MIP_OF_GUROBI + "\nWork limit reached\nBest objective 1.403e+03, best bound 1.441e+03, gap 2.7085%\n",
        (Verdict.LIMIT, 1403.0, "work limit ended the solve: the best solution so far was kept (objective 1403)"),
    ),
    "a limit at the root, with a solution": (
        _MIP_OF_GUROBI + "\nSolution limit reached\nBest objective 1.08e+03, best bound -, gap -\n",
        (Verdict.LIMIT, 1080.0, "the best solution so far was kept (objective 1080)"),
    ),
    "a goal of the user's": (
        _MIP_OF_GUROBI
        + "\nOptimization achieved user objective limit\nBest objective 1.08e+03, best bound 3.9e+03, gap 265.6%\n",
        (Verdict.LIMIT, 1080.0, "objective limit ended the solve"),
    ),
    "a cutoff": (
        _GUROBI + "Stopped in 3 iterations and 0.00 seconds (0.00 work units)\nModel objective exceeds cutoff\n",
        (Verdict.LIMIT, None, "cutoff ended the solve"),
    ),
    "within the gap": (
        _MIP_OF_GUROBI
        + "\nOptimal solution found (tolerance 5.00e-02)\nBest objective 1387, best bound 1444, gap 4.1096%\n",
        (Verdict.OPTIMAL, 1387.0, "within the gap tolerance (objective 1387), at most 4.11 % from the best"),
    ),
    "too large for Gurobi's licence": (
        _GUROBI + "\nModel too large for size-limited license; visit https://gurobi.com/unrestricted\n",
        (Verdict.LICENCE, None, "licence"),
    ),
    "no licence of Gurobi": (
        "Gurobi 12.0.0 (linux64) logging started\nLicense expired 2025-11-24\n",
        (Verdict.LICENCE, None, "expired"),
    ),
    "too large for CPLEX's licence": (
        _CPLEX + "CPLEX Error  1016: Community Edition. Problem size limits exceeded. Purchase at http://ibm.biz/e.\n",
        (Verdict.LICENCE, None, "1016"),
    ),
    "no licence of CPLEX": (
        "Using size restricted mode (Could not find directory for cpxchecklic).\n"
        "CPLEX Error  1016: Community Edition. Problem size limits exceeded. Purchase at http://ibm.biz/e.\n",
        (Verdict.LICENCE, None, "1016"),
    ),
    "too large for COPT's licence": (
        _COPT + "\nThe problem has 12000 variables, exceeding the size limit of 10000\n",
        (Verdict.LICENCE, None, "size limit"),
    ),
    "too large for Xpress's licence": (
        _XPRESS + "?120 Error: Problem has too many rows and columns. The maximum is 5000\n",
        (Verdict.LICENCE, None, "?120"),
    ),
    "Xpress, iterations": (
        _XPRESS + "----- interrupted ------\nConcurrent statistics:\nMaximum number of iterations reached\n",
        (Verdict.LIMIT, None, "iteration limit"),
    ),
    "Xpress, unbounded": (
        _XPRESS + "------ unbounded -------\nConcurrent statistics:\nProblem is dual infeasible\n",
        (Verdict.UNBOUNDED, None, "unbounded"),
    ),
    "Xpress, solutions": (
        _XPRESS
        + "STOPPING - MAXMIPSOL limit reached (MAXMIPSOL=1  mipsols=1).\n"
        + " *** Search unfinished ***    Time:     0.01 Nodes:          0\n"
        + "Final MIP objective                   : 1.200000000000000e+01\n"
        + "Final MIP bound                       : 3.949000000000000e+03\n",
        (Verdict.LIMIT, 12.0, "solution limit ended the solve: the best solution so far was kept (objective 12)"),
    ),
    "COPT, time": (
        _COPT + "Solving unfinished\nStatus: Timeout  Objective: -  Iterations: 0  Time: 0.00s\n",
        (Verdict.LIMIT, None, "time limit"),
    ),
    "COPT, iterations": (
        _COPT + "Solving unfinished\nStatus: IterLimit  Objective: -  Iterations: 2(0)  Time: 0.01s\n",
        (Verdict.LIMIT, None, "iteration limit"),
    ),
    "CBC, preprocessing": (
        _CBC + "Pre-processing says infeasible or unbounded\nTotal time (CPU seconds):       0.00\n",
        (Verdict.INFEASIBLE, None, "infeasible or unbounded"),
    ),
    "CBC, no time": (
        _CBC + "seconds was changed from 1e+100 to 0\nProblem is stopped - 0.00 seconds\n",
        (Verdict.LIMIT, None, "limit on time or iterations ended the solve"),
    ),
    "SCIP, gap": (
        _SCIP
        + "SCIP Status        : solving was interrupted [gap limit reached]\nSolving Nodes      : 1\n"
        + "Primal Bound       : +1.384e+03 (4 solutions)\nDual Bound         : +1.442e+03\n",
        (Verdict.LIMIT, 1384.0, "gap limit ended the solve: the best solution so far was kept"),
    ),
    "SCIP, improvements": (
        _SCIP
        + "SCIP Status        : solving was interrupted [solution improvement limit reached]\nSolving Nodes      : 0\n"
        + "Primal Bound       : +0.0e+00 (1 solutions)\nDual Bound         : +1e+20\n",
        (Verdict.LIMIT, 0.0, "improvement limit ended the solve: the best solution so far was kept (objective 0)"),
    ),
    "SCIP, nothing found": (
        _SCIP
        + "SCIP Status        : solving was interrupted [time limit reached]\nSolving Nodes      : 0\n"
        + "Primal Bound       : -1.00000000000000e+20 (0 solutions)\nDual Bound         : +1.0e+20\n",
        (Verdict.LIMIT, None, "time limit ended the solve: no solution was found yet"),
    ),
    "CPLEX, presolve": (
        _CPLEX + "Implied bounds make row 'd1' infeasible.\nPresolve time = 0.00 sec. (0.00 ticks)\n",
        (Verdict.INFEASIBLE, None, "no room for equation d1"),
    ),
    "CPLEX, presolve of a MIP": (
        _CPLEX + "Infeasibility row 'd1':  0  = -1.\nTotal (root+branch&cut) =    0.00 sec. (0.00 ticks)\n",
        (Verdict.INFEASIBLE, None, "infeasible"),
    ),
    "CPLEX, called from a program": (
        _CPLEX + "Iteration log . . .\nIteration:     3   Dual objective     =            42.000000\n",
        (Verdict.INTERRUPTED, None, "CPLEX called from a program"),
    ),
    "HiGHS, bound": (
        _HIGHS + "Model status        : Bound on objective reached\nHiGHS run time      :          0.00\n",
        (Verdict.LIMIT, None, "objective limit"),
    ),
    "HiGHS, target": (
        _HIGHS + "Model status        : Target for objective reached\nHiGHS run time      :          0.00\n",
        (Verdict.LIMIT, None, "objective limit"),
    ),
}


@pytest.mark.parametrize("case", ENDINGS)
def test_a_solvers_own_words_tell_how_it_ended(tmp_path: Path, case: str) -> None:
    text, (verdict, objective, words) = ENDINGS[case]
    path = tmp_path / "solver.log"
    path.write_text(text)
    assert native_solver(path)

    reading = read_run(find_run_files(path))

    assert (reading.verdict, words in reading.judgement.sentence) == (verdict, True), reading.judgement
    assert (reading.last_solve.objective if reading.last_solve else None) == objective


def test_iterations_that_a_log_does_not_tell_are_unknown(tmp_path: Path) -> None:
    path = tmp_path / "solver.log"
    path.write_text(_SCIP + "SCIP Status        : problem is solved [optimal solution found]\nSolving Nodes      : 7\n")
    last = read_run(find_run_files(path)).last_solve
    assert last is not None
    assert (last.nodes, last.iterations) == (7, None)


def test_highs_before_1_8_counts_all_iterations_of_a_mip(tmp_path: Path) -> None:
    path = tmp_path / "solver.log"
    path.write_text(
        "Running HiGHS 1.7.2 (git hash: 1): Copyright\nPresolving model\n\nSolving report\n"
        "  Status            Optimal\n  Primal bound      328\n  Dual bound        328\n  Nodes             56\n"
        "  LP iterations     615 (total)\n                    98 (strong br.)\n"
    )
    last = read_run(find_run_files(path)).last_solve
    assert last is not None
    assert (last.nodes, last.iterations, last.objective) == (56, 615, 328.0)
