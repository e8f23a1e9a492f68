from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from tests.unit.tasks.analysis.conftest import Advise, MakeResult
from times_doctor_tasks.analysis.candidates import numeric_trouble
from times_doctor_tasks.contract.messages import RunResult
from times_doctor_tasks.contract.states import RunState, StopReason, Verdict


def test_fastest_optimal_run_is_recommended_with_its_figures(make_result: MakeResult, advise: Advise) -> None:
    advice = advise(
        make_result("dual", runtime_s=40.0), make_result("sift", runtime_s=120.0), make_result("bar", runtime_s=20.0)
    )

    assert advice.run == "cplex.bar"
    assert advice.runner_up == "cplex.dual"
    assert advice.speedup == pytest.approx(6.0)
    assert advice.reasons[0] == (
        "cplex.bar: 20.0 s. 6.0 times as fast as cplex.sift (5.1 to 7.0), the slowest that ended optimal."
    )


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
    assert any("3.0 times as fast as cplex.current (2.6 to 3.5), your current options." in r for r in advice.reasons)


def test_baseline_that_is_best_stays(make_result: MakeResult, advise: Advise) -> None:
    advice = advise(make_result("current", runtime_s=10.0), make_result("sift", runtime_s=90.0))

    assert (advice.run, advice.speedup) == ("cplex.current", 1.0)
    assert any("no change is needed" in r for r in advice.reasons)


def test_baseline_that_reached_its_limit_is_named(make_result: MakeResult, advise: Advise) -> None:
    advice = advise(make_result("current", verdict=Verdict.LIMIT, objective=None), make_result("bar"))

    assert advice.run == "cplex.bar"
    assert any("cplex.current, your current options, did not reach the optimum: limit" in r for r in advice.reasons)


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


def test_race_says_what_is_not_known(make_result: MakeResult, advise: Advise) -> None:
    beaten = make_result("sift", state=RunState.CANCELLED, verdict=Verdict.INTERRUPTED, stop_reason=StopReason.BEATEN)

    advice = advise(make_result("dual"), beaten)

    assert advice.reasons[0] == "cplex.dual: 10.0 s: the only candidate of 2 profiles."
    assert "The race ended with it: cplex.sift had not finished." in advice.reasons
    assert advice.speedup is None


def test_times_from_different_hosts_decide_only_by_a_wide_margin(make_result: MakeResult, advise: Advise) -> None:
    near = advise(make_result("dual", host="alpha", runtime_s=20.0), make_result("bar", host="beta"))
    far = advise(make_result("dual", host="alpha", runtime_s=60.0), make_result("bar", host="beta"))

    assert (near.outcome, far.outcome) == ("too close to call", "decided")
    assert any("cplex.bar and cplex.dual ran on different hosts (alpha and beta)" in r for r in near.reasons)
    assert not any("hosts" in r for r in advise(make_result("dual"), make_result("bar")).reasons)


def test_a_run_that_another_host_took_over_is_left_out_and_named(make_result: MakeResult, advise: Advise) -> None:
    runs = [
        make_result(profile, run=f"cplex.{profile}.{n}", host="alpha", runtime_s=time_s)
        for n in (1, 2)
        for profile, time_s in (("bar", 10.0), ("dual", 20.0))
    ]
    runs[2] = replace(runs[2], host="beta", runtime_s=90.0)

    advice = advise(*runs)

    assert (advice.outcome, advice.profile) == ("decided", "cplex.bar")
    assert advice.reasons[0].startswith("cplex.bar: 10.0 s")
    assert (
        "Compared within each host: alpha and beta. Left out, because no other profile has a time to set beside it "
        "there: cplex.bar.2 and cplex.dual.2."
    ) in advice.reasons


def test_of_many_that_are_too_close_the_first_are_named(make_result: MakeResult, advise: Advise) -> None:
    advice = advise(*(make_result(f"p{n}", runtime_s=10.0 + n / 10) for n in range(9)))

    said = next(r for r in advice.reasons if r.startswith("Too close to call"))
    assert ("cplex.p4" in said, "cplex.p5" in said, "and 4 more. Chosen:" in said) == (True, False, True)


def test_unlike_threads_weaken_the_times(make_result: MakeResult, advise: Advise) -> None:
    advice = advise(make_result("dual", threads=4), make_result("bar", threads=8))

    assert advice.compared_by == "wall"
    assert any("different numbers of threads: 4 and 8" in r for r in advice.reasons)


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

    assert "It shows numerical warnings: max scaled infeasibility." in advice.reasons


def test_a_small_lead_is_too_close_to_call_and_says_what_would_tell(make_result: MakeResult, advise: Advise) -> None:
    advice = advise(make_result("dual", runtime_s=10.0), make_result("bar", runtime_s=10.2))

    assert (advice.outcome, advice.run, advice.speedup) == ("too close to call", "cplex.dual", None)
    assert advice.reasons[:3] == (
        "Too close to call after 1 run each: cplex.dual and cplex.bar (0.9 to 1.2 times as long). "
        "Chosen: cplex.dual (the fastest).",
        "--repeat auto would decide this, if times stay as they are: about 1 min 01 s for these.",
        "cplex.dual: 10.0 s.",
    )


@pytest.mark.parametrize(
    ("changes", "compared_by", "words"),
    [
        (
            {"cpu_s": 6.2, "run_delay_s": 3.8},
            "quiet_s",
            "The machine was busy: the runs waited 38 % of their time for a core. Compared by time without that wait.",
        ),
        (
            {"cpu_s": 4.0, "run_delay_s": 6.0},
            "quiet_s",
            "The machine was busy: the runs waited 60 % of their time for a core. Compared by time without that wait. "
            "Use a quieter machine for a decision that matters.",
        ),
        (
            {"cpu_s": 9.9, "run_delay_s": 3.8, "threads": 4},
            "wall",
            "Compared by wall time (4 threads): on a busy machine this decides only large differences.",
        ),
        ({"threads": 4}, "wall", "Compared by wall time (4 threads)."),
        (
            {"cpu_s": None, "run_delay_s": None},
            "wall",
            "Compared by wall time: no CPU time is known of any run, as where a worker is older or a log is all.",
        ),
        (
            {"cpu_s": 6.0, "run_delay_s": 0.5},
            "wall",
            "Compared by wall time: cplex.dual waited 3.50 s for something else than a core: a licence, a disk, "
            "another machine.",
        ),
        ({"cpu_s": 30.0}, "wall", "Compared by wall time: the CPU time of cplex.dual and cplex.bar cannot be right."),
    ],
)
def test_what_was_compared_and_why_is_said(
    changes: dict[str, Any], compared_by: str, words: str, make_result: MakeResult, advise: Advise
) -> None:
    advice = advise(make_result("dual", **changes), make_result("bar", **changes))

    assert advice.compared_by == compared_by
    assert words in advice.reasons


def test_one_run_of_an_older_worker_puts_the_scan_on_wall_time(make_result: MakeResult, advise: Advise) -> None:
    advice = advise(make_result("dual", cpu_s=4.0, run_delay_s=6.0), make_result("bar", cpu_s=None, run_delay_s=None))

    assert advice.compared_by == "wall"
    assert any("no CPU time is known of cplex.bar," in r for r in advice.reasons)


def test_a_scan_whose_runs_were_all_cancelled_says_so(make_result: MakeResult, advise: Advise) -> None:
    def cancelled(profile: str) -> RunResult:
        return make_result(profile, state=RunState.CANCELLED, verdict=Verdict.INTERRUPTED, stop_reason=StopReason.USER)

    assert advise(cancelled("dual"), cancelled("bar")).reasons == (
        "All 2 runs were cancelled, so nothing is known of the profiles.",
    )
    assert advise(cancelled("dual")).reasons[0].startswith("The only run was cancelled")
    some = advise(cancelled("dual"), make_result("bar", verdict=Verdict.LIMIT, objective=None))
    assert some.reasons[1] == "Cancelled before the end: cplex.dual."


def test_a_time_of_zero_is_what_the_clock_cannot_tell(make_result: MakeResult, advise: Advise) -> None:
    advice = advise(make_result("dual", runtime_s=0.0), make_result("bar", runtime_s=5.0))
    assert advice.run == "cplex.dual"
    assert advice.speedup == pytest.approx(500.0)


@pytest.mark.parametrize("objective", [float("nan"), float("inf")])
def test_an_objective_that_is_no_number_is_not_recommended(
    make_result: MakeResult, advise: Advise, objective: float
) -> None:
    runs = [make_result(profile, objective=objective) for profile in ("dual", "bar")]
    assert advise(*runs).run is None
