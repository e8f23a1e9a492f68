from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from tests.unit.tasks.analysis.conftest import Advise, MakeResult, repeats
from times_doctor_tasks.contract.states import RunState, StopReason, Verdict


def test_repeats_are_one_profile_with_one_time(make_result: MakeResult, advise: Advise) -> None:
    advice = advise(
        *repeats(make_result, "dual", 40.0, 50.0, 52.0),
        *repeats(make_result, "bar", 9.5, 10.0, 10.5),
    )

    assert (advice.profile, advice.run, advice.runner_up) == ("cplex.bar", "cplex.bar.1", "cplex.dual.1")
    assert advice.reasons[0].startswith("cplex.bar: 9.99 s (3 runs). 4.7 times as fast as cplex.dual (")
    fastest, slower = advice.contenders
    assert (fastest.profile, fastest.runs) == ("cplex.bar", ("cplex.bar.1", "cplex.bar.2", "cplex.bar.3"))
    assert (fastest.low_s, fastest.high_s) == pytest.approx((9.5, 10.5))
    assert slower.time_s / fastest.time_s == pytest.approx(advice.speedup)


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


def test_rounds_that_each_had_a_host_are_compared_within_it(make_result: MakeResult, advise: Advise) -> None:
    rounds = [("alpha", 10.0, 20.0), ("beta", 30.0, 61.0)]
    runs = [
        make_result(profile, run=f"cplex.{profile}.{n}", host=host, runtime_s=time_s)
        for n, (host, *times) in enumerate(rounds, start=1)
        for profile, time_s in zip(("bar", "dual"), times, strict=True)
    ]

    advice = advise(*runs)

    assert advice.outcome == "decided"
    assert "Compared within each host: alpha and beta." in advice.reasons


def test_repeats_prove_a_tie_and_no_speed_is_told_within_it(make_result: MakeResult, advise: Advise) -> None:
    advice = advise(
        *repeats(make_result, "bar_nox", *[10.0] * 4),
        *repeats(make_result, "dual", *[10.2] * 4),
        *repeats(make_result, "sift", *[30.0] * 4),
    )

    assert (advice.outcome, advice.profile) == ("tie", "cplex.dual")
    assert advice.reasons[0] == (
        "As fast as each other, within 10 % or 0.25 s: cplex.bar_nox and cplex.dual. "
        "Chosen: cplex.dual (a vertex solution, so its marginals are those of a basis)."
    )
    assert advice.reasons[1].startswith("cplex.dual: 10.2 s (4 runs). 2.9 times as fast as cplex.sift (")
    assert [c.pace for c in advice.contenders] == ["fastest", "as fast", "slower"]


def test_no_profile_looks_faster_than_the_winner_because_it_ran_less_often(
    make_result: MakeResult, advise: Advise
) -> None:
    advice = advise(
        *repeats(make_result, "bar", 4.0, 12.0, 16.0),
        *repeats(make_result, "dual", 9.0),
        make_result("sift", verdict=Verdict.LIMIT),
    )

    bar, dual = advice.contenders
    assert (bar.profile, dual.profile) == ("cplex.bar", "cplex.dual")
    assert dual.time_s / bar.time_s == pytest.approx(dual.ratio)
    assert dual.low_s <= dual.time_s * 1.000001
    assert dual.ratio > 1


def test_profiles_that_did_the_same_work_are_one(make_result: MakeResult, advise: Advise) -> None:
    sizes = {"presolved_rows": 90, "presolved_columns": 80, "presolved_nonzeros": 500}
    dual = make_result("dual", **sizes)
    same = make_result("devex", runtime_s=17.0, **sizes)

    advice = advise(dual, same, make_result("bar", runtime_s=30.0, **(sizes | {"iterations": 12})))

    assert [(c.profile, c.same_path) for c in advice.contenders] == [
        ("cplex.dual", ("cplex.devex",)),
        ("cplex.bar", ()),
    ]
    assert "Same path as cplex.dual, to the last iteration: cplex.devex. They count as one." in advice.reasons


@pytest.mark.parametrize(
    "change",
    [
        {"presolved_rows": None},
        {"presolved_rows": 91},
        {"iterations": 1027},
        {"iterations": None},
        {"iterations": 0},
        {"objective": 6407967.45621012},
        {"threads": 2},
        {"basis": None},
    ],
)
def test_profiles_are_one_only_where_all_their_work_is_known_to_be_equal(
    change: dict[str, Any], make_result: MakeResult, advise: Advise
) -> None:
    sizes = {"presolved_rows": 90, "presolved_columns": 80, "presolved_nonzeros": 500}
    both = sizes | ({"iterations": 0} if change.get("iterations") == 0 else {})

    advice = advise(make_result("dual", **both), make_result("devex", **(both | change)))

    assert len(advice.contenders) == 2


def test_repeats_that_differ_in_their_work_are_said(make_result: MakeResult, advise: Advise) -> None:
    first, second = repeats(make_result, "bar", 10.0, 20.0)

    advice = advise(first, replace(second, iterations=7), make_result("dual", runtime_s=90.0))

    assert any(
        r.startswith("Repeats of cplex.bar differ in their work: they are not deterministic") for r in advice.reasons
    )
