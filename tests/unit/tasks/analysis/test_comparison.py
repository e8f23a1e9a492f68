from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from times_doctor_tasks.analysis.comparison import Contrast, compare, disagreements
from times_doctor_tasks.contract.messages import RunResult, ScanSpec, SolveRecord
from times_doctor_tasks.contract.states import RunState, Verdict

MakeResult = Callable[..., RunResult]
MakeSpec = Callable[..., ScanSpec]


def solve(objective: float | None, verdict: Verdict = Verdict.OPTIMAL, model_type: str = "LP") -> SolveRecord:
    return SolveRecord(objective=objective, verdict=verdict, model_type=model_type)


def test_measured_objectives_of_one_model_agree(make_result: MakeResult, make_scan_spec: MakeSpec) -> None:
    results = [make_result("bar_nox"), make_result("dual"), make_result("dual", solver="highs", objective=6407967.485)]

    comparison = compare(results, make_scan_spec())

    assert comparison.agree
    assert comparison.findings == ()
    assert comparison.reference_objective == 6407967.45621011
    assert comparison.largest_difference_rel == pytest.approx(1.2459e-8, rel=1e-3)


def test_vertex_solutions_must_agree_more_closely_than_interior_ones(
    make_result: MakeResult, make_scan_spec: MakeSpec
) -> None:
    dual = make_result("dual", objective=1000.0)

    vertex = compare([dual, make_result("bar", objective=1000.005)], make_scan_spec())
    interior = compare([dual, make_result("bar_nox", objective=1000.005)], make_scan_spec())

    assert not vertex.agree
    assert interior.agree


def test_finding_names_both_runs_and_both_figures(make_result: MakeResult, make_scan_spec: MakeSpec) -> None:
    results = [make_result("dual", objective=1000.0), make_result("bar_nox", objective=1001.5)]

    (finding,) = compare(results, make_scan_spec()).findings

    for part in ("cplex.dual", "1000", "cplex.bar_nox (interior)", "1001.5", "1.5e-03", "1.0e-05"):
        assert part in finding


def test_tolerances_are_those_of_the_scan(make_result: MakeResult, make_scan_spec: MakeSpec) -> None:
    results = [make_result("dual", objective=1000.0), make_result("bar", objective=1000.005)]

    assert compare(results, make_scan_spec(objective_tol_rel=1e-5)).agree


@pytest.mark.parametrize(
    ("a", "b", "agree"),
    [
        (0.0, 0.0, True),
        (0.0, 1e-9, True),
        (0.0, 1e-3, False),
        (-5.0, 5.0, False),
        (1e-3, 2e-3, False),
        (-1e9, -1e9 - 1, True),
    ],
)
def test_objectives_around_zero_and_below_compare(
    a: float, b: float, agree: bool, make_result: MakeResult, make_scan_spec: MakeSpec
) -> None:
    assert compare([make_result("dual", objective=a), make_result("bar", objective=b)], make_scan_spec()).agree is agree


def test_optimal_against_infeasible_is_a_disagreement(make_result: MakeResult, make_scan_spec: MakeSpec) -> None:
    infeasible = make_result("bar", verdict=Verdict.INFEASIBLE, objective=None)
    comparison = compare([infeasible, make_result("dual")], make_scan_spec())

    assert not comparison.agree
    assert "cplex.dual ended optimal at 6407967.45621, cplex.bar ended infeasible" in comparison.findings[0]


@pytest.mark.parametrize("text", ["unbounded or infeasible", "Primal infeasible or unbounded"])
def test_unbounded_or_infeasible_contradicts_neither(
    text: str, make_result: MakeResult, make_scan_spec: MakeSpec
) -> None:
    undecided = make_result("dual", verdict=Verdict.INFEASIBLE, objective=None, lp_status=text)
    unbounded = make_result("bar", verdict=Verdict.UNBOUNDED, objective=None, lp_status="unbounded")
    infeasible = make_result("primal", verdict=Verdict.INFEASIBLE, objective=None, lp_status="infeasible")

    assert compare([undecided, unbounded], make_scan_spec()).agree
    assert compare([undecided, infeasible], make_scan_spec()).agree
    assert not compare([infeasible, unbounded], make_scan_spec()).agree


@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": Verdict.LIMIT},
        {"verdict": Verdict.FEASIBLE},
        {"verdict": Verdict.INTERRUPTED, "state": RunState.CANCELLED},
        {"verdict": Verdict.NOT_APPLIED, "applied": False},
        {"verdict": Verdict.OPTIMAL, "applied": False},
        {"verdict": None, "state": RunState.LOST},
    ],
)
def test_inconclusive_and_unapplied_runs_are_never_compared(
    changes: dict[str, object], make_result: MakeResult, make_scan_spec: MakeSpec
) -> None:
    other = make_result("bar", objective=1.0, **changes)

    assert compare([other, make_result("dual")], make_scan_spec()).agree
    assert compare([make_result("dual"), other], make_scan_spec()).reference_objective == 6407967.45621011


def test_other_model_size_is_said_and_its_objective_not_compared(
    make_result: MakeResult, make_scan_spec: MakeSpec
) -> None:
    results = [make_result("dual"), make_result("bar", rows=982, objective=1.0)]

    found = disagreements(results, make_scan_spec())

    assert [d.contrast for d in found] == [Contrast.MODEL]
    assert "981 rows, 1,423 columns, 5,421 nonzeros" in found[0].sentence
    assert "982 rows" in found[0].sentence


def test_sizes_of_different_engines_are_not_compared(make_result: MakeResult, make_scan_spec: MakeSpec) -> None:
    bare = make_result("bar", solver="highs", engine="highs", rows=980)
    off = make_result("bar", solver="highs", engine="highs", rows=980, objective=1.0)

    assert compare([make_result("dual"), bare], make_scan_spec()).agree
    assert [d.contrast for d in disagreements([make_result("dual"), off], make_scan_spec())] == [Contrast.OBJECTIVE]


def test_other_number_of_solves_is_a_disagreement(make_result: MakeResult, make_scan_spec: MakeSpec) -> None:
    results = [make_result("dual", solve_count=12), make_result("bar", solve_count=11)]

    comparison = compare(results, make_scan_spec())

    assert not comparison.agree
    assert "cplex.dual made 12 solves, cplex.bar made 11 solves" in comparison.findings[0]


def test_difference_in_an_earlier_solve_is_found_by_its_number(
    make_result: MakeResult, make_scan_spec: MakeSpec
) -> None:
    results = [
        make_result("dual", solves=(solve(5.0), solve(7.0), solve(1.0)), solve_count=30, objective=1.0),
        make_result("bar", solves=(solve(5.0), solve(8.0), solve(1.0)), solve_count=30, objective=1.0),
    ]

    (finding,) = compare(results, make_scan_spec()).findings

    assert finding.startswith("In solve 29 of 30 cplex.dual is optimal at 7, cplex.bar is optimal at 8")


def test_mip_objectives_may_differ_by_their_gap(make_result: MakeResult, make_scan_spec: MakeSpec) -> None:
    def mip(profile: str, objective: float, model_type: str) -> RunResult:
        return make_result(
            profile, objective=objective, bound=1000.0, solves=(solve(objective, model_type=model_type),)
        )

    assert compare([mip("dual", 1000.0, "MIP"), mip("bar", 1005.0, "MIP")], make_scan_spec()).agree
    assert not compare([mip("dual", 1000.0, "LP"), mip("bar", 1005.0, "LP")], make_scan_spec()).agree


@pytest.mark.parametrize("objective", [None, math.nan, math.inf])
def test_optimal_without_objective_is_said_and_is_no_disagreement(
    objective: float | None, make_result: MakeResult, make_scan_spec: MakeSpec
) -> None:
    comparison = compare([make_result("bar", objective=objective), make_result("dual")], make_scan_spec())

    assert comparison.agree
    assert comparison.reference_objective == 6407967.45621011
    assert comparison.findings == (
        "cplex.bar is reported optimal, without an objective value. It could not be compared with cplex.dual.",
    )


def test_gravest_disagreement_stands_first(make_result: MakeResult, make_scan_spec: MakeSpec) -> None:
    results = [
        make_result("dual"),
        make_result("sift", objective=1.0),
        make_result("bar", rows=7),
        make_result("primal", verdict=Verdict.UNBOUNDED, objective=None),
    ]

    contrasts = [d.contrast for d in disagreements(results, make_scan_spec())]

    assert contrasts == [Contrast.STATUS, Contrast.MODEL, Contrast.OBJECTIVE]


def test_nothing_to_compare_is_no_disagreement(make_result: MakeResult, make_scan_spec: MakeSpec) -> None:
    alone = compare([make_result("dual")], make_scan_spec())

    assert compare([], make_scan_spec()).agree
    assert alone.agree
    assert alone.largest_difference_rel is None
