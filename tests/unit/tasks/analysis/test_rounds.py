from __future__ import annotations

from collections.abc import Callable

import pytest

from times_doctor_tasks.analysis.rounds import next_repeats, next_round
from times_doctor_tasks.contract.messages import RoundPlan, RunResult, RunSpec, ScanSpec
from times_doctor_tasks.contract.states import RunState, StopReason, Verdict

MakeResult = Callable[..., RunResult]


@pytest.fixture
def rounds(make_result: MakeResult) -> Callable[..., list[RunResult]]:
    def rounds(**times: list[float]) -> list[RunResult]:
        return [
            make_result(profile, run=f"cplex.{profile}.{n}", runtime_s=time_s)
            for profile, each in times.items()
            for n, time_s in enumerate(each, start=1)
        ]

    return rounds


@pytest.mark.parametrize(
    ("times", "again"),
    [
        ({"dual": [10.0], "bar": [10.5], "sift": [30.0]}, {"cplex.dual", "cplex.bar"}),  # sift is slower
        ({"dual": [10.0], "bar": [30.0]}, set()),  # decided
        ({"dual": [10.0] * 4, "bar": [10.0] * 4}, set()),  # a tie
        ({"dual": [10.0]}, set()),
        ({}, set()),
        # Nobody comes back who sat out a round.
        ({"dual": [10.0, 10.0], "bar": [10.9, 11.4], "sift": [11.0]}, {"cplex.dual", "cplex.bar"}),
        # As far as four times the first round goes.
        ({"dual": [10.0, 10.0, 8.0], "bar": [12.0, 9.0, 7.0]}, {"cplex.dual", "cplex.bar"}),
        ({"dual": [10.0, 10.0, 8.0, 9.0], "bar": [12.0, 9.0, 7.0, 13.0]}, set()),
    ],
)
def test_those_who_are_too_close_run_again(
    times: dict[str, list[float]], again: set[str], rounds: Callable[..., list[RunResult]]
) -> None:
    assert set(next_round(rounds(**times), seed="s")) == again


def test_a_budget_in_seconds_ends_it_earlier(rounds: Callable[..., list[RunResult]]) -> None:
    first = rounds(dual=[10.0], bar=[10.5])

    assert next_round(first, seed="s", budget_s=41.0)
    assert not next_round(first, seed="s", budget_s=40.0)


def test_seven_rounds_are_the_most(rounds: Callable[..., list[RunResult]]) -> None:
    def of(count: int) -> tuple[str, ...]:
        noise = [1.0, 1.4, 0.7, 1.3, 0.8, 1.2, 0.9][:count]
        slow = rounds(sift=[1000.0])  # its share of the first round pays for the others
        return next_round([*rounds(dual=[10 * n for n in noise], bar=[10 / n for n in noise]), *slow], seed="s")

    assert (len(of(6)), len(of(7))) == (2, 0)


def test_what_did_not_end_well_is_not_repeated(make_result: MakeResult) -> None:
    runs = [
        make_result("dual", run="cplex.dual.1"),
        make_result("bar", run="cplex.bar.1", runtime_s=10.5),
        make_result("sift", run="cplex.sift.1", verdict=Verdict.LIMIT),
    ]

    assert set(next_round(runs, seed="s")) == {"cplex.dual", "cplex.bar"}


def test_the_order_is_drawn_from_seed_and_round(rounds: Callable[..., list[RunResult]]) -> None:
    first = rounds(**{f"p{n}": [10.0 + n / 100] for n in range(6)})

    assert next_round(first, seed="s") == next_round(list(reversed(first)), seed="s")
    assert len({next_round(first, seed=f"s{n}") for n in range(9)}) > 1


@pytest.fixture
def plan(
    make_scan_spec: Callable[..., ScanSpec], make_run_spec: Callable[..., RunSpec]
) -> Callable[..., list[RunSpec]]:
    def plan(results: list[RunResult], **fields: object) -> list[RunSpec]:
        spec = make_scan_spec(rounds=RoundPlan(planner="repeat", seed="s", **fields))  # type: ignore[arg-type]
        runs = [
            make_run_spec(r.profile, run=r.run, index=n, queue="host.h1", repeat=int(r.run[-1]))
            for n, r in enumerate(results)
        ]
        return list(next_repeats(spec, runs, {r.run: r for r in results}))

    return plan


def test_the_next_runs_are_as_the_first_ones_on_the_same_queue(
    rounds: Callable[..., list[RunResult]], plan: Callable[..., list[RunSpec]]
) -> None:
    again = plan(rounds(dual=[10.0, 10.1], bar=[10.5, 10.2], sift=[30.0]))

    assert {run.run for run in again} == {"cplex.dual.3", "cplex.bar.3"}
    assert [(run.index, run.repeat, run.queue) for run in again] == [(5, 3, "host.h1"), (6, 3, "host.h1")]
    assert all(run.options for run in again)


def test_a_budget_of_the_scan_ends_its_rounds(
    rounds: Callable[..., list[RunResult]], plan: Callable[..., list[RunSpec]]
) -> None:
    assert not plan(rounds(dual=[10.0], bar=[10.5]), budget_s=30.0)


def test_nothing_follows_runs_that_disagree_or_that_the_user_stopped(
    make_result: MakeResult, rounds: Callable[..., list[RunResult]], plan: Callable[..., list[RunSpec]]
) -> None:
    close = rounds(dual=[10.0], bar=[10.5])
    stopped = make_result(
        "sift", run="cplex.sift.1", state=RunState.CANCELLED, verdict=None, stop_reason=StopReason.USER
    )

    assert plan(close)
    assert not plan([*close, stopped])
    assert not plan([*close, make_result("sift", run="cplex.sift.1", objective=1.0)])
