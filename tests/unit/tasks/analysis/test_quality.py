from __future__ import annotations

import pytest

from times_doctor_tasks.analysis.comparison import compare
from times_doctor_tasks.analysis.quality import is_within_tolerance, quality_sentence, scaling_effect
from times_doctor_tasks.analysis.recommendation import recommend
from times_doctor_tasks.contract.messages import RunResult
from times_doctor_tasks.contract.states import Verdict
from times_doctor_tasks.testing.documents import make_result, make_scan_spec

ASKED = {"primal_tolerance": 1e-6, "dual_tolerance": 1e-6, "gap_tolerance": 1e-8}


def make_run(profile: str = "dual", *, runtime_s: float = 10.0, **quality: float) -> RunResult:
    return make_result(profile, runtime_s=runtime_s, quality=ASKED | quality)


@pytest.mark.parametrize(
    ("profile", "quality", "within"),
    [
        ("dual", {}, True),
        ("dual", {"primal_residual": 9e-6}, True),
        ("dual", {"primal_residual": 2e-5, "primal_residual_rel": 1e-12}, False),
        ("bar_nox", {"primal_residual": 2e-5, "primal_residual_rel": 1e-12}, True),
        ("bar_nox", {"dual_residual": 1e-9, "dual_residual_rel": 2e-5}, False),
        ("bar_nox", {"dual_residual": 2e-5}, False),
        ("bar_nox", {"gap": 3.0, "gap_rel": 2e-8}, True),
        ("bar_nox", {"gap": 1e-9, "gap_rel": 2e-7}, False),
        ("dual", {"complementarity": 5.0, "complementarity_rel": 5.0}, True),
    ],
)
def test_a_vertex_is_held_to_absolute_and_an_interior_point_to_relative_figures(
    profile: str, quality: dict[str, float], within: bool
) -> None:
    assert is_within_tolerance(make_run(profile, **quality)) is within


def test_what_was_not_measured_or_not_asked_for_is_not_held_against_a_run() -> None:
    assert is_within_tolerance(make_result())
    assert is_within_tolerance(make_result(quality={"primal_residual": 1.0}))
    assert is_within_tolerance(make_result(quality={"primal_residual": 1.0, "primal_tolerance": 0.0}))


def test_a_faster_solution_far_beyond_its_tolerance_does_not_win() -> None:
    runs = [
        make_run("dual", runtime_s=90.0, primal_residual=1e-9),
        make_run("bar", runtime_s=9.0, primal_residual=1e-3),
    ]
    spec = make_scan_spec(runs=tuple(run.run for run in runs))
    advice = recommend(runs, compare(runs, spec), spec)
    assert advice.run == "cplex.dual"
    assert "Left out, for a solution off by more than 10 times the tolerance asked for: cplex.bar." in advice.reasons


def test_where_all_are_beyond_their_tolerances_the_fastest_wins_and_it_is_said() -> None:
    runs = [
        make_run("dual", runtime_s=90.0, primal_residual=1e-3),
        make_run("bar", runtime_s=9.0, primal_residual=1e-3),
    ]
    spec = make_scan_spec(runs=tuple(run.run for run in runs))
    advice = recommend(runs, compare(runs, spec), spec)
    assert advice.run == "cplex.bar"
    assert any("the primal residual is 1,000 times what was asked for" in reason for reason in advice.reasons)


def test_what_scaling_changed_is_measured_in_the_same_scan() -> None:
    runs = [
        make_result("dual", solver="highs", engine="highs", runtime_s=4.0, quality={"primal_residual": 3e-5}),
        make_result("bar", solver="highs", engine="highs", runtime_s=9.0),
        make_result("scaled", solver="highs", engine="highs", runtime_s=2.0, quality={"primal_residual": 1e-9}),
    ]
    assert scaling_effect(runs) == [
        "What scaling changed, highs.scaled beside highs.dual: primal residual 1.0e-09 instead of 3.0e-05, 2.00 s "
        "instead of 4.00 s."
    ]
    broken = make_result("dual", solver="highs", engine="highs", verdict=Verdict.SOLVER_FAILURE, runtime_s=None)
    assert "optimal instead of solver failure" in scaling_effect([broken, runs[2]])[0]
    assert scaling_effect(runs[:2]) == scaling_effect(runs[1:]) == []


@pytest.mark.parametrize(
    ("quality", "sentence"),
    [
        ({}, ""),
        (
            {"primal_residual": 2e-10, "primal_residual_rel": 3e-12, "dual_residual": 0.0, "dual_residual_rel": 0.0},
            "The solution is off by: primal residual 2.0e-10 (relative 3.0e-12), dual residual 0, within its "
            "tolerances (from 1e-08).",
        ),
        (
            {"primal_residual": 1e-9, "complementarity": 0.0, "gap": 8e3, "gap_rel": 2.5e-2, "gap_tolerance": 0.0},
            "The solution is off by: primal residual 1.0e-09, complementarity 0, gap 8.0e+03 (relative 2.5e-02), the "
            "primal residual and complementarity within its tolerances (from 1e-06).",
        ),
        (
            {"primal_residual": 1e-3, "gap": 1e-9, "gap_rel": 1e-12},
            "The solution is off by: primal residual 1.0e-03, gap 1.0e-09 (relative 1.0e-12): the primal residual is "
            "1,000 times what was asked for.",
        ),
    ],
)
def test_one_sentence_tells_how_far_a_solution_is_off(quality: dict[str, float], sentence: str) -> None:
    assert quality_sentence(ASKED | quality, interior=False) == sentence
