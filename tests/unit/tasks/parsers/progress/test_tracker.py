from __future__ import annotations

import statistics
from itertools import pairwise

import pytest

from tests.unit.tasks.parsers.cases import Case, cases, events_of
from times_doctor_tasks.contract.messages import CurvePoint
from times_doctor_tasks.contract.progress import Phase, Progress
from times_doctor_tasks.parsers.events import (
    BarrierEnded,
    BarrierIteration,
    CrossoverEnded,
    CrossoverMoves,
    CrossoverStarted,
    LogEvent,
    PhaseStarted,
    SiftingIteration,
    SimplexIteration,
    SolverStarted,
    SolveStarted,
    SourcePosition,
)
from times_doctor_tasks.parsers.progress.curve import MAX_POINTS, Curve
from times_doctor_tasks.parsers.progress.gauges import CAP, BarrierGauge, CrossoverGauge
from times_doctor_tasks.parsers.progress.spans import MAX_SPANS, Timeline
from times_doctor_tasks.parsers.progress.tracker import ProgressTracker


def _row(iteration: int, size: float) -> BarrierIteration:
    return BarrierIteration(iteration, 1e6 * (1 + size), 1e6, 1e6 * size, 0.0, 1e3 * size)


def _look(tracker: ProgressTracker) -> Progress:
    progress = tracker.progress
    assert progress is not None
    return progress


def _walk(events: list[LogEvent], *, step_s: float = 1.0) -> list[Progress]:
    tracker = ProgressTracker()
    looks = []
    for moment, event in enumerate(events):
        tracker.update([event], now_s=moment * step_s)
        if tracker.progress is not None:
            looks.append(tracker.progress)
    return looks


def test_barrier_fraction_is_near_the_share_of_iterations_done() -> None:
    distances = []
    for name in cases(own=False):
        meta = Case(name).meta
        optimal = (meta["summary"]["model_status"] or [0])[0] == 1
        if meta["summary"]["solver"] != "CPLEX" or not optimal or "sift" in name:
            continue
        for table in meta["barrier_tables"]:
            if len(table) < 12:
                continue
            gauge = BarrierGauge()
            for row in table:
                gauge.take(BarrierIteration(*row))
                distances.append(abs(gauge.fraction - row[0] / table[-1][0]))
    assert len(distances) > 100
    assert statistics.mean(distances) < 0.08
    assert max(distances) < 0.25


@pytest.mark.parametrize(
    "name", ["cplex_d005_bar", "cplex_d006_sift", "cplex_d007_bar_t2", "long_mip_mkp", "long_loop"]
)
def test_fraction_never_goes_back_inside_a_phase(name: str) -> None:
    tracker = ProgressTracker()
    before: Progress | None = None
    for moment, event in enumerate(events_of(name)):
        tracker.update([event], now_s=moment * 0.01)
        now = tracker.progress
        if before is not None and now is not None and (now.phase, now.solve) == (before.phase, before.solve):
            assert (now.fraction or 0.0) >= (before.fraction or 0.0)
        before = now


def test_barrier_is_capped_until_the_solver_says_it_is_over() -> None:
    looks = _walk([PhaseStarted(Phase.BARRIER), _row(0, 1.0), _row(1, 1e-4), _row(2, 1e-12), BarrierEnded(1.0)])
    fractions = [look.fraction for look in looks]
    assert fractions[:2] == [None, 0.0]
    assert 0.3 < (fractions[2] or 0.0) < 0.7
    assert fractions[3:] == [CAP, 1.0]
    assert looks[3].detail == "almost converged"


def test_barrier_figures_that_are_not_finite_move_nothing() -> None:
    gauge = BarrierGauge()
    gauge.take(_row(0, 1.0))
    gauge.take(BarrierIteration(1, float("nan"), 1.0, float("inf"), None, float("nan")))
    assert gauge.fraction == 0.0


def test_simplex_shows_value_and_speed_and_no_fraction() -> None:
    rows: list[LogEvent] = [SimplexIteration(n * 100, "Dual objective", 1000.0 + n) for n in range(1, 6)]
    last = _walk([PhaseStarted(Phase.SIMPLEX), *rows])[-1]
    assert (last.phase, last.iteration, last.objective, last.fraction, last.eta_s) == (
        Phase.SIMPLEX,
        500,
        1005.0,
        None,
        None,
    )
    assert last.speed_per_s == pytest.approx(100.0)
    assert last.detail == "dual objective"


def test_infeasible_simplex_rows_show_an_infeasibility_not_an_objective() -> None:
    looks = _walk(
        [
            PhaseStarted(Phase.SIMPLEX),
            SimplexIteration(1, "", 885.0, "I"),
            SimplexIteration(2, "Scaled infeas", 12.5),
            SimplexIteration(3, "", 28.1),
        ]
    )
    assert [(look.objective, look.infeasibility) for look in looks[1:]] == [(None, 885.0), (None, 12.5), (28.1, None)]


def test_sifting_hides_the_solves_inside_it() -> None:
    looks = _walk(list(events_of("cplex_d006_sift")))
    shown = [look.phase for look in looks]
    first = shown.index(Phase.SIFTING)
    assert {Phase.BARRIER, Phase.CROSSOVER, Phase.SIMPLEX}.isdisjoint(shown)
    assert all(look.fraction is None for look in looks[first:])
    last = [look for look in looks if look.phase is Phase.SIFTING][-1]
    assert (last.iteration, last.objective) == (11, 3366965.627864)


def test_branch_and_cut_hides_its_restarts() -> None:
    looks = _walk(list(events_of("long_mip_mkp_t2")))
    shown = [look.phase for look in looks]
    first, last = shown.index(Phase.MIP), len(shown) - 1 - shown[::-1].index(Phase.MIP)
    assert set(shown[first : last + 1]) == {Phase.MIP}
    assert (looks[last].objective, looks[last].gap_rel) == (87948.0, 0.0017)


def test_crossover_counts_both_stages() -> None:
    looks = _walk(
        [
            PhaseStarted(Phase.CROSSOVER),
            CrossoverStarted("primal", 100),
            CrossoverMoves("primal", 50),
            CrossoverMoves("primal", 0),
            CrossoverStarted("dual", 10),
            CrossoverMoves("dual", 5, 0.0, 7.5),
            CrossoverEnded(1.0),
        ]
    )
    assert [look.fraction for look in looks[1:]] == [0.0, 0.25, 0.5, 0.5, 0.75, 1.0]
    assert looks[5].detail == "dual push, 5 left"
    assert looks[5].objective == 7.5


def test_a_crossover_without_announced_total_takes_the_first_count() -> None:
    gauge = CrossoverGauge()
    gauge.begin(CrossoverStarted("", None))
    gauge.take(CrossoverMoves("dual", 80))
    gauge.take(CrossoverMoves("dual", 20))
    assert gauge.fraction == pytest.approx(0.375)


def test_eta_follows_the_pace_of_the_phase() -> None:
    tracker = ProgressTracker()
    tracker.update([PhaseStarted(Phase.BARRIER)], now_s=100.0)
    for iteration in range(6):
        tracker.update([_row(iteration, 10.0**-iteration)], now_s=110.0 + 10 * iteration)
    eta = _look(tracker).eta_s
    fraction = _look(tracker).fraction
    assert fraction is not None
    assert eta is not None
    assert eta == pytest.approx(50.0 * (1 - fraction) / fraction)
    tracker.update([], now_s=165.0)
    assert _look(tracker).eta_s == pytest.approx(eta - 5.0)


def test_gams_own_phases_show_the_place_in_the_source() -> None:
    tracker = ProgressTracker()
    tracker.update([PhaseStarted(Phase.COMPILE), SourcePosition("ppmain.mod", 275, 5)], now_s=1.0)
    assert _look(tracker).detail == "ppmain.mod(275)"
    tracker.update([PhaseStarted(Phase.GENERATE, "TIMES"), SolveStarted(1, "TIMES", "LP")], now_s=2.0)
    assert (_look(tracker).phase, _look(tracker).solve, _look(tracker).detail) == (Phase.GENERATE, 1, "TIMES")


def test_timeline_of_a_run_has_no_holes() -> None:
    tracker = ProgressTracker()
    for moment, event in enumerate(events_of("cplex_d005_bar")):
        tracker.update([event], now_s=float(moment))
    spans = tracker.phases
    assert [span.phase for span in spans] == [
        Phase.COMPILE,
        Phase.EXECUTE,
        Phase.GENERATE,
        Phase.PRESOLVE,
        Phase.BARRIER,
        Phase.CROSSOVER,
        Phase.READ_BACK,
        Phase.REPORT,
    ]
    for span, following in pairwise(spans):
        assert span.end_s == following.start_s
    assert spans[-1].end_s is not None


def test_many_short_phases_are_joined() -> None:
    timeline = Timeline()
    now_s = 0.0
    for _ in range(1_000):
        timeline.enter(Phase.GENERATE, now_s)
        timeline.enter(Phase.SIMPLEX, now_s + 1.0)
        now_s += 4.0
    timeline.end(now_s)
    assert len(timeline.spans) <= MAX_SPANS
    assert (timeline.spans[0].start_s, timeline.spans[-1].end_s) == (0.0, 4_000.0)


def test_a_curve_keeps_its_ends_and_few_points() -> None:
    curve = Curve()
    for number in range(100_000):
        curve.add(CurvePoint(t_s=float(number), objective=float(number)))
    points = curve.points
    assert MAX_POINTS / 3 < len(points) <= MAX_POINTS
    assert (points[0].t_s, points[-1].t_s) == (0.0, 99_999.0)
    assert [point.t_s for point in points] == sorted({point.t_s for point in points})


def test_a_curve_belongs_to_the_last_solve() -> None:
    tracker = ProgressTracker()
    start: list[LogEvent] = [SolverStarted("CPLEX"), PhaseStarted(Phase.SIFTING)]
    tracker.update([*start, SiftingIteration(1, 10, "Objective", 5.0)], now_s=1.0)
    tracker.update([*start, SiftingIteration(1, 10, "Objective", 7.0)], now_s=2.0)
    assert tracker.curve == (CurvePoint(t_s=2.0, objective=7.0),)


def test_nothing_is_shown_before_the_log_says_anything() -> None:
    tracker = ProgressTracker()
    tracker.update([], now_s=1.0)
    assert tracker.progress is None
    assert tracker.phases == ()
