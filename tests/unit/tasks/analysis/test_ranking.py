from __future__ import annotations

import math

import pytest

from times_doctor_tasks.analysis.ranking import BUSY_SD, QUIET_SD, WIDE_SD, Pace, Ranking, Sample


def samples(*times_s: float, host: str = "alpha", first: int = 1) -> list[Sample]:
    return [Sample(n, host, math.log(time_s)) for n, time_s in enumerate(times_s, start=first)]


@pytest.mark.parametrize(
    ("lead", "other", "sd", "pace"),
    [
        ((100.0,), (164.0,), BUSY_SD, Pace.OPEN),
        ((100.0,), (166.0,), BUSY_SD, Pace.SLOWER),  # one run each on a busy machine
        ((100.0,), (129.0,), QUIET_SD, Pace.OPEN),
        ((100.0,), (131.0,), QUIET_SD, Pace.SLOWER),
        ((100.0,), (360.0,), WIDE_SD, Pace.OPEN),
        ((100.0,) * 4, (101.0,) * 4, QUIET_SD, Pace.AS_FAST),
        ((100.0,) * 3, (101.0,) * 3, BUSY_SD, Pace.OPEN),  # too busy to prove a tie
        ((0.05,), (0.15,), BUSY_SD, Pace.AS_FAST),  # a fraction of a second decides nothing
        ((100.0, 100.0, 100.0), (90.0, 300.0, 120.0), QUIET_SD, Pace.OPEN),  # it scatters more than was believed
    ],
)
def test_a_profile_is_slower_only_where_that_is_beyond_noise(
    lead: tuple[float, ...], other: tuple[float, ...], sd: float, pace: Pace
) -> None:
    ranking = Ranking({"lead": samples(*lead), "other": samples(*other)}, sd=sd)

    assert ranking.fastest == "lead"
    assert ranking.pace("other", "lead") is pace
    assert ranking.pace("lead", "lead") is Pace.FASTEST


def test_times_and_ratio_of_profiles_are_one_figure() -> None:
    ranking = Ranking({"a": samples(4.0, 9.0), "b": samples(8.0, 18.0)}, sd=QUIET_SD)

    assert ranking.time_s("a") == pytest.approx(6.0)
    assert ranking.time_s("b") == pytest.approx(12.0)
    assert ranking.gap("b", "a").ratio[0] == pytest.approx(2.0)
    assert ranking.range_s("b") == pytest.approx((8.0, 18.0))


def test_a_round_that_was_slow_for_all_counts_against_none() -> None:
    times = {"a": samples(10.0, 30.0), "b": samples(12.0, 36.0), "c": samples(33.0, first=2)}

    ranking = Ranking(times, sd=QUIET_SD)

    assert ranking.gap("c", "a").ratio[0] == pytest.approx(1.1)
    assert ranking.time_s("c") == pytest.approx(1.1 * ranking.time_s("a"))


@pytest.mark.parametrize(
    ("times", "across"),
    [
        ({"a": samples(10.0, host="x"), "b": samples(20.0, host="y")}, True),
        ({"a": samples(10.0, host="x"), "b": samples(20.0, host="x")}, False),
        # Each host ran both, though in different rounds.
        (
            {
                "a": [*samples(10.0, host="x"), *samples(16.0, host="y", first=2)],
                "b": [*samples(32.0, host="y"), *samples(20.0, host="x", first=2)],
            },
            False,
        ),
        # b is comparable with a only over c.
        (
            {
                "a": samples(10.0, host="x"),
                "b": samples(32.0, host="y"),
                "c": [*samples(20.0, host="x"), *samples(32.0, host="y")],
            },
            False,
        ),
    ],
)
def test_hosts_are_overlooked_only_where_nothing_links_the_profiles(
    times: dict[str, list[Sample]], across: bool
) -> None:
    ranking = Ranking(times, sd=QUIET_SD)

    assert ranking.across_hosts is across
    assert ranking.gap("b", "a").ratio[0] == pytest.approx(2.0)


def test_a_run_that_recovery_took_to_another_host_moves_nothing() -> None:
    moved = samples(30.0, host="y", first=3)
    times = {"a": [*samples(10.0, 10.0, host="x"), *moved], "b": samples(20.0, 20.0, 20.0, host="x")}

    ranking = Ranking(times, sd=QUIET_SD)

    assert (ranking.fastest, ranking.across_hosts) == ("a", False)
    assert ranking.alone == {("a", 3), ("b", 3)}
    assert ranking.time_s("a") == pytest.approx(10.0)
    assert ranking.time_s("b") == pytest.approx(20.0)
    assert ranking.range_s("b") == pytest.approx((20.0, 20.0))
    assert ranking.gap("b", "a").rounds == 2


def test_a_profile_that_never_met_another_on_its_host_makes_all_overlook_hosts() -> None:
    times = {"a": samples(10.0, 10.0, host="x"), "b": samples(20.0, 20.0, host="x"), "c": samples(30.0, host="y")}

    ranking = Ranking(times, sd=QUIET_SD)

    assert (ranking.across_hosts, ranking.pace("b", "a")) == (True, Pace.OPEN)


def test_more_rounds_narrow_what_is_expected() -> None:
    ranking = Ranking({"a": samples(100.0), "b": samples(120.0)}, sd=BUSY_SD)

    halves = [ranking.gap("b", "a", rounds=n).half for n in range(1, 8)]

    assert halves == sorted(halves, reverse=True)
    assert ranking.gap("b", "a").half == halves[0]
