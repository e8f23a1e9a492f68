from __future__ import annotations

import pytest

from tests.unit.tasks.parsers.cases import reading_of
from times_doctor_tasks.contract.states import Verdict
from times_doctor_tasks.parsers.solves.endings import Judgement
from times_doctor_tasks.parsers.solves.solve import Solve
from times_doctor_tasks.results.quality import quality_of
from times_doctor_tasks.results.run_reader import RunReading


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("own_quality", {"primal_residual": 4.943e-08, "dual_residual": 5.364e-15, "primal_tolerance": 1e-6}),
        ("own_quality_bar", {"primal_residual": 8.229e-09, "complementarity": 7.371e-08}),
        ("own_mip_quality", {"primal_residual": 0.0, "integrality": 0.0, "gap": 0.0, "gap_rel": 0.0}),
        ("own_o_xpress_dual", {"primal_residual": 0.0, "primal_residual_rel": 0.0, "complementarity_rel": 0.0}),
        ("own_o_xpress_mip", {"integrality": 0.0, "primal_residual": 0.0}),
    ],
)
def test_what_a_log_says_of_the_quality_is_kept(case: str, expected: dict[str, float]) -> None:
    assert expected.items() <= quality_of(reading_of(case)).items()


def test_a_log_that_says_nothing_of_it_gives_nothing() -> None:
    assert quality_of(reading_of("cplex_d005_bar")) == {}


def make_reading(solver: str = "HIGHS", objective: float | None = 9.0, **quality: float) -> RunReading:
    solve = Solve(number=1, objective=objective, quality=tuple(quality.items()))
    options = (("EpRHS", "1e-9"), ("epopt", "tight"))
    return RunReading((solve,), Judgement(Verdict.OPTIMAL, "", ""), solver=solver, options_set=options)


def test_the_larger_of_a_broken_row_and_a_residual_counts() -> None:
    found = quality_of(make_reading(primal_infeasibility=1e-9, primal_residual=1e-7, dual_infeasibility_rel=2e-9))
    assert found == {"primal_residual": 1e-7, "dual_residual_rel": 2e-9}


def test_gap_and_complementarity_have_a_relative_and_an_absolute_figure() -> None:
    found = quality_of(make_reading(gap_rel=1e-8, complementarity=1e-6))
    assert found == pytest.approx({"gap_rel": 1e-8, "gap": 1e-7, "complementarity": 1e-6, "complementarity_rel": 1e-7})


def test_the_option_file_says_what_was_asked_for() -> None:
    found = quality_of(make_reading("CPLEX", primal_residual=0.0))
    assert found == {"primal_residual": 0.0, "primal_tolerance": 1e-9}


def test_where_there_is_no_solution_there_is_no_quality() -> None:
    assert quality_of(make_reading(objective=None, primal_residual=1.0)) == {}
