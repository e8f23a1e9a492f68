from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from times_doctor_tasks.analysis.comparison import compare
from times_doctor_tasks.analysis.recommendation import numeric_trouble, recommend
from times_doctor_tasks.contract.messages import Recommendation, RunResult, ScanSpec
from times_doctor_tasks.contract.states import RunState, StopReason, Verdict

MakeResult = Callable[..., RunResult]
Advise = Callable[..., Recommendation]


@pytest.fixture
def advise(make_scan_spec: Callable[..., ScanSpec]) -> Advise:
    def advise(*results: RunResult, **changes: Any) -> Recommendation:
        spec = make_scan_spec(**changes)
        return recommend(results, compare(results, spec), spec)

    return advise


def test_fastest_optimal_run_is_recommended_with_its_figures(make_result: MakeResult, advise: Advise) -> None:
    advice = advise(
        make_result("dual", runtime_s=40.0), make_result("sift", runtime_s=120.0), make_result("bar", runtime_s=20.0)
    )

    assert advice.run == "cplex.bar"
    assert advice.runner_up == "cplex.dual"
    assert advice.speedup == pytest.approx(6.0)
    assert advice.reasons[0] == "cplex.bar ended optimal in 20.0 s; next is cplex.dual with 40.0 s."
    assert advice.reasons[1] == "6 times as fast as cplex.sift, the slowest that ended optimal (2 min 00 s)."


def test_interior_winner_names_the_vertex_solution_for_marginals(make_result: MakeResult, advise: Advise) -> None:
    advice = advise(
        make_result("sift", runtime_s=90.0), make_result("dual", runtime_s=60.0), make_result("bar_nox", runtime_s=10.0)
    )

    assert advice.run == "cplex.bar_nox"
    assert "an interior solution" in advice.reasons[0]
    assert any("marginals" in r and "take cplex.dual: 1 min 00 s" in r for r in advice.reasons)


def test_small_lead_of_an_interior_solution_is_not_worth_other_marginals(
    make_result: MakeResult, advise: Advise
) -> None:
    advice = advise(make_result("bar_nox", runtime_s=100.0), make_result("dual", runtime_s=109.0))

    assert advice.run == "cplex.dual"
    assert advice.runner_up == "cplex.bar_nox"
    assert any("vertex solution" in r for r in advice.reasons)


def test_lead_of_more_than_a_tenth_decides(make_result: MakeResult, advise: Advise) -> None:
    advice = advise(make_result("bar_nox", runtime_s=100.0), make_result("dual", runtime_s=112.0))

    assert advice.run == "cplex.bar_nox"


def test_fraction_of_a_second_does_not_decide(make_result: MakeResult, advise: Advise) -> None:
    advice = advise(make_result("bar_nox", runtime_s=0.30), make_result("dual", runtime_s=0.50))

    assert advice.run == "cplex.dual"


def test_equally_fast_runs_are_told_apart_by_trouble_then_memory_then_baseline(
    make_result: MakeResult, advise: Advise
) -> None:
    shaky = make_result("dual", runtime_s=100.0, numerics={"refactorings": 12.0})
    large = make_result("bar", runtime_s=101.0, peak_memory_mb=4000.0)
    small = make_result("primal", runtime_s=104.0, peak_memory_mb=1000.0)
    similar = make_result("current", runtime_s=105.0, peak_memory_mb=1050.0)

    assert advise(shaky, large).run == "cplex.bar"
    assert advise(shaky, large, small).run == "cplex.primal"
    assert advise(shaky, large, small, similar).run == "cplex.current"


def test_memory_decides_nothing_where_one_is_unknown(make_result: MakeResult, advise: Advise) -> None:
    advice = advise(
        make_result("dual", runtime_s=100.0, peak_memory_mb=None),
        make_result("bar", runtime_s=101.0, peak_memory_mb=1.0),
    )

    assert advice.run == "cplex.dual"


def test_speedup_is_measured_against_the_baseline(make_result: MakeResult, advise: Advise) -> None:
    advice = advise(
        make_result("current", runtime_s=30.0), make_result("sift", runtime_s=90.0), make_result("bar", runtime_s=10.0)
    )

    assert advice.speedup == pytest.approx(3.0)
    assert any("3 times as fast as cplex.current, what you use today (30.0 s)" in r for r in advice.reasons)


def test_baseline_that_is_best_stays(make_result: MakeResult, advise: Advise) -> None:
    advice = advise(make_result("current", runtime_s=10.0), make_result("sift", runtime_s=90.0))

    assert (advice.run, advice.speedup) == ("cplex.current", 1.0)
    assert any("nothing need be changed" in r for r in advice.reasons)


def test_baseline_that_reached_its_limit_is_named(make_result: MakeResult, advise: Advise) -> None:
    advice = advise(make_result("current", verdict=Verdict.LIMIT, objective=None), make_result("bar"))

    assert advice.run == "cplex.bar"
    assert any("cplex.current, what you use today, did not reach the optimum: limit" in r for r in advice.reasons)


@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": Verdict.LIMIT},
        {"verdict": Verdict.FEASIBLE},
        {"verdict": Verdict.NOT_APPLIED, "applied": False},
        {"applied": False},
        {"verdict": None, "state": RunState.FAILED, "runtime_s": None},
        {"runtime_s": None},
    ],
)
def test_only_optimal_timed_and_applied_runs_are_recommended(
    changes: dict[str, object], make_result: MakeResult, advise: Advise
) -> None:
    faster = make_result("bar", **({"runtime_s": 1.0} | changes))

    assert advise(faster, make_result("dual")).run == "cplex.dual"
    alone = advise(faster)
    assert alone.run is None
    assert alone.reasons[0].startswith("No run ended optimal")


def test_runs_that_disagree_are_not_recommended(make_result: MakeResult, advise: Advise) -> None:
    advice = advise(make_result("dual"), make_result("bar", objective=1.0, runtime_s=1.0))

    assert advice.run is None
    assert advice.reasons[0].startswith("The runs do not agree, so none is recommended")
    assert any("cplex.bar is optimal at 1:" in r for r in advice.reasons)


def test_infeasible_beside_optimal_is_not_recommended_around(make_result: MakeResult, advise: Advise) -> None:
    infeasible = make_result("sift", verdict=Verdict.INFEASIBLE, objective=None)

    assert advise(make_result("dual"), make_result("bar"), infeasible).run is None


def test_stray_interior_solution_is_left_out_where_vertices_agree(make_result: MakeResult, advise: Advise) -> None:
    stray = make_result("bar_nox", objective=6500000.0, runtime_s=1.0)
    vertices = make_result("dual", runtime_s=30.0), make_result("bar", runtime_s=20.0)

    advice = advise(stray, *vertices)

    assert advice.run == "cplex.bar"
    assert "Left out for it: cplex.bar_nox" in advice.reasons[1]
    assert advise(stray, vertices[0]).run is None


def test_repeats_count_by_their_median(make_result: MakeResult, advise: Advise) -> None:
    def repeats(profile: str, *times: float) -> list[RunResult]:
        return [make_result(profile, run=f"cplex.{profile}.{n}", runtime_s=t) for n, t in enumerate(times, start=1)]

    advice = advise(*repeats("dual", 5.0, 50.0, 52.0), *repeats("bar", 30.0, 31.0, 200.0))

    assert advice.run == "cplex.bar.2"
    assert advice.runner_up == "cplex.dual.2"
    assert "31.0 s (median of 3)" in advice.reasons[0]


def test_profile_that_failed_once_in_its_repeats_is_no_candidate(make_result: MakeResult, advise: Advise) -> None:
    unsteady = [
        make_result("bar", run="cplex.bar.1", runtime_s=1.0),
        make_result("bar", run="cplex.bar.2", verdict=Verdict.LIMIT, objective=None),
    ]

    assert advise(*unsteady, make_result("dual")).run == "cplex.dual"
    assert advise(unsteady[0], make_result("dual")).run == "cplex.bar.1"


def test_repeat_that_was_cancelled_says_nothing_about_its_profile(make_result: MakeResult, advise: Advise) -> None:
    advice = advise(
        make_result("bar", run="cplex.bar.1", runtime_s=1.0),
        make_result(
            "bar", run="cplex.bar.2", state=RunState.CANCELLED, verdict=Verdict.INTERRUPTED, stop_reason=StopReason.USER
        ),
        make_result("dual"),
    )

    assert advice.run == "cplex.bar.1"


def test_race_says_what_is_not_known(make_result: MakeResult, advise: Advise) -> None:
    beaten = make_result("sift", state=RunState.CANCELLED, verdict=Verdict.INTERRUPTED, stop_reason=StopReason.BEATEN)

    advice = advise(make_result("dual"), beaten)

    assert advice.reasons[0] == "cplex.dual ended optimal in 10.0 s: the only candidate of 2 profiles."
    assert "The race ended with it: cplex.sift had not ended by then." in advice.reasons
    assert advice.speedup is None


def test_unlike_hosts_and_threads_weaken_the_times(make_result: MakeResult, advise: Advise) -> None:
    advice = advise(make_result("dual", host="alpha", threads=4), make_result("bar", host="beta", threads=8))

    assert any("2 hosts (alpha and beta)" in r for r in advice.reasons)
    assert any("different numbers of threads: 4 and 8" in r for r in advice.reasons)
    assert not any("hosts" in r for r in advise(make_result("dual"), make_result("bar")).reasons)


def test_only_figures_beyond_their_limit_are_trouble(make_result: MakeResult) -> None:
    calm = make_result(
        numerics={"max_unscaled_infeasibility": 1e-9, "condition": 1e6, "perturbations": 3.0, "other": 9.0}
    )
    shaky = make_result(numerics={"max_unscaled_infeasibility": 1e-3, "condition": 1e14, "barrier_restarts": 1.0})

    assert numeric_trouble(calm) == ()
    assert numeric_trouble(shaky) == ("max_unscaled_infeasibility", "condition", "barrier_restarts")


def test_trouble_of_the_winner_is_said(make_result: MakeResult, advise: Advise) -> None:
    advice = advise(
        make_result("dual", numerics={"max_scaled_infeasibility": 1e-2}), make_result("bar", runtime_s=90.0)
    )

    assert "It shows signs of numerical trouble: max scaled infeasibility." in advice.reasons


def test_a_lead_too_small_to_name_is_none(make_result: MakeResult, advise: Advise) -> None:
    advice = advise(make_result("dual", runtime_s=10.0), make_result("bar", runtime_s=10.2))

    assert "As fast as cplex.bar, the slowest that ended optimal (10.2 s)." in advice.reasons


def test_a_scan_whose_runs_were_all_cancelled_says_so(make_result: MakeResult, advise: Advise) -> None:
    def cancelled(profile: str) -> RunResult:
        return make_result(profile, state=RunState.CANCELLED, verdict=Verdict.INTERRUPTED, stop_reason=StopReason.USER)

    assert advise(cancelled("dual"), cancelled("bar")).reasons == (
        "All 2 runs were cancelled, so nothing is known of the profiles.",
    )
    assert advise(cancelled("dual")).reasons[0].startswith("The only run was cancelled")
    some = advise(cancelled("dual"), make_result("bar", verdict=Verdict.LIMIT, objective=None))
    assert some.reasons[1] == "Cancelled before the end: cplex.dual."
