from __future__ import annotations

from pathlib import Path

import pytest

from times_doctor_tasks.contract.states import Verdict
from times_doctor_tasks.parsers.native import log_reader
from times_doctor_tasks.results.run_files import find_run_files, native_solver
from times_doctor_tasks.results.run_reader import read_run

LOGS = Path(__file__).parent / "native_logs"
#: Version, rows and columns, verdict, objective, iterations or nodes.
SAID = {
    "cplex_bar": ("22.2.0.0", (None, None), Verdict.OPTIMAL, 3221616.9529707734, 24),
    # Written after the public manual, not by a CPLEX.
    "cplex_interactive": ("22.1.1.0", (27, 32), Verdict.OPTIMAL, -464.75314286, 7),
    "cplex_interactive_inf": ("22.1.1.0", (None, None), Verdict.INFEASIBLE, None, 7),
    "cplex_interactive_mip": ("20.1.0.0", (None, None), Verdict.LIMIT, 3095.0, 29),
    "gurobi_dual": ("13.0.3", (360, 688), Verdict.OPTIMAL, 3221616.953, 223),
    "gurobi_limit": ("13.0.3", (5, 50), Verdict.LIMIT, 26.0, 3199),
    "gurobi_inf": ("13.0.3", (2, 2), Verdict.INFEASIBLE, None, 0),
    "xpress_dual": ("9.9.1", (360, 688), Verdict.OPTIMAL, 3221616.953036894, None),
    "xpress_limit": ("9.9.1", (5, 50), Verdict.LIMIT, 22.0, None),
    "copt_bar": ("8.0.7", (360, 688), Verdict.OPTIMAL, 3221616.953, 15),
    "copt_mip": ("8.0.7", (1, 2), Verdict.OPTIMAL, 11.0, None),
    "cbc_split": ("2.10.8", (None, None), Verdict.LIMIT, 29.0, 504262),
    "cbc_unb": ("2.10.8", (None, None), Verdict.UNBOUNDED, None, 0),
    "scip_DemoS_004a": (None, (360, 688), Verdict.OPTIMAL, 3221616.95295077, None),
    "scip_split": (None, (5, 50), Verdict.LIMIT, 46.0, None),
}


@pytest.mark.parametrize("name", SAID)
def test_a_solvers_own_log_is_read(name: str) -> None:
    version, size, verdict, objective, iterations = SAID[name]
    path = LOGS / f"{name}.log"
    assert native_solver(path) == name.split("_")[0]

    reading = read_run(find_run_files(path))
    last = reading.solves[-1]

    assert (reading.solver_version, reading.verdict) == (version, verdict), reading.judgement
    assert (last.rows, last.columns) == size
    assert last.objective == (None if objective is None else pytest.approx(objective, rel=1e-9))
    assert last.iterations == iterations
    assert reading.phases


def test_a_log_is_read_the_same_in_any_pieces() -> None:
    for path in LOGS.glob("*.log"):
        solver, text = path.name.split("_")[0], path.read_text()
        whole, pieces = log_reader(solver), log_reader(solver)
        assert whole.feed(text) == [
            event for at in range(0, len(text), 97) for event in pieces.feed(text[at : at + 97])
        ]


def test_the_words_of_a_licence_in_copts_log_mean_nothing() -> None:
    reading = read_run(find_run_files(LOGS / "copt_bar.log"))
    assert "No license found" in (LOGS / "copt_bar.log").read_text()
    assert reading.verdict is Verdict.OPTIMAL


def test_a_log_of_gams_with_a_solver_in_it_stays_one_of_gams(tmp_path: Path) -> None:
    text = "--- Job m.gms Start 11/28/26 09:00:00 54.6.1\n" + (LOGS / "gurobi_dual.log").read_text()
    (tmp_path / "run.log").write_text(text)
    assert native_solver(tmp_path / "run.log") == ""
