from __future__ import annotations

import pytest
from msgspec.structs import replace
from rich.cells import cell_len

from tests.unit.cli.scans import (
    drawn,
    make_result,
    make_spec,
)
from times_doctor_cli.terminal.signs import UNICODE
from times_doctor_cli.views.report import MOST_ROWS, ReportFiles, headline, report_view
from times_doctor_tasks.analysis.comparison import compare
from times_doctor_tasks.analysis.recommendation import recommend
from times_doctor_tasks.contract.messages import AttemptRecord, Recommendation, Report, RunResult
from times_doctor_tasks.contract.states import RunState, StopReason, Verdict


def make_report(*runs: RunResult) -> Report:
    spec = make_spec([run.run for run in runs])
    comparison = compare(runs, spec)
    return Report(
        scan="s1",
        spec=spec,
        runs=runs,
        comparison=comparison,
        recommendation=recommend(runs, comparison, spec),
        created_ms=0,
    )


def make_four_runs() -> list[RunResult]:
    return [
        make_result("cplex.current", runtime_s=28.4),
        make_result("cplex.dual", runtime_s=12.34),
        make_result("cplex.sift", runtime_s=9.2, objective=6407967.4563, iterations=11, attempt=2),
        make_result(
            "cplex.bar",
            verdict=Verdict.LIMIT,
            stop_reason=StopReason.TIMEOUT,
            objective=6410000.5,
            runtime_s=60.02,
            basis=None,
            sentence="It reached its time limit of 60 s in crossover.",
            next_step="Give it more time with --timeout-seconds.",
        ),
    ]


def test_report_at_80_columns_recommends_first() -> None:
    files = ReportFiles("times_doctor_out/k3f", ("scan_report.csv",), "recommended/cplex.opt", "parscen/cplex.opt")

    assert drawn(report_view(make_report(*make_four_runs()), width=80, unicode=True, files=files)) == (
        "Use cplex.sift: 3.1 \u00d7 as fast as cplex.current; all 3 optimal runs agree within\n"
        "2e-11.\n"
        "  cplex.sift: 9.20 s. 3.1 times as fast as cplex.current (2.6 to 3.6), your\n"
        "  current options.\n"
        "\n"
        "  run           verdict           objective quiet time vs current pace\n"
        "▸ cplex.sift    optimal    6407967.4563         9.20 s        3.1 fastest\n"
        "✓ cplex.dual    optimal    6407967.45621011     12.3 s        2.3 slower\n"
        "✓ cplex.current optimal    6407967.45621011     28.4 s        1.0 slower\n"
        "! cplex.bar     time limit 6410000.5              1:00\n"
        "\n"
        "cplex.bar: It reached its time limit of 60 s in crossover.\n"
        "  Next: Give it more time with --timeout-seconds.\n"
        "\n"
        "Copy recommended/cplex.opt to parscen/cplex.opt\n"
        "Files: times_doctor_out/k3f\n"
        "       scan_report.csv\n"
    )


def test_report_at_140_columns_has_host_memory_and_tries() -> None:
    text = drawn(report_view(make_report(*make_four_runs()), width=140, unicode=True), width=140)

    header = next(line for line in text.splitlines() if line.startswith("  run"))
    assert header.split() == [
        "run",
        "verdict",
        "objective",
        "quiet",
        "time",
        "vs",
        "current",
        "pace",
        "iterations",
        "basis",
        "wall",
        "host",
        "memory",
        "tries",
    ]


def test_disagreement_comes_before_everything_else() -> None:
    runs = make_four_runs()
    runs[1] = make_result("cplex.dual", objective=6507967.2)
    lines = drawn(report_view(make_report(*runs), width=140, unicode=True), width=140).splitlines()

    assert lines[0] == "The runs do not agree."
    assert "cplex.dual is optimal at 6507967.2" in lines[1]
    assert "No run can be recommended." in lines[2:5]
    assert sum("6507967.2:" in line for line in lines) == 1


def test_runs_are_measured_against_the_slowest_without_a_baseline() -> None:
    text = drawn(report_view(make_report(*make_four_runs()[1:]), width=80, unicode=False))

    assert "Use cplex.sift: 1.3 x as fast as cplex.dual; both optimal runs agree" in text
    assert "vs slowest" in text


def test_a_conflict_is_listed_once_below_the_failures() -> None:
    lines = tuple(f"row need({n}) >= 9" for n in range(25))
    runs = [make_result(f"highs.{name}", verdict=Verdict.INFEASIBLE, conflict=lines) for name in ("dual", "bar")]
    shown = drawn(report_view(make_report(*runs), width=80, unicode=False))
    assert shown.count("What takes part in the conflict") == 1
    assert "  row need(19) >= 9\n  and 5 more lines in scan_report.json" in shown


@pytest.mark.parametrize(
    ("next_step", "is_told"), [("Look at solve 1 too.", True), ("Nothing to do.", False), ("", False)]
)
def test_an_optimal_run_with_something_to_look_at_says_so(next_step: str, is_told: bool) -> None:
    words = "Optimal (objective 42). 1 of 2 solves was infeasible."
    run = make_result("cplex.dual", sentence=words, next_step=next_step)
    text = drawn(report_view(make_report(run), width=140, unicode=True), width=140)
    assert (words in text) is is_told


def test_equal_failures_are_told_once_with_all_names() -> None:
    words = {
        "state": RunState.FAILED,
        "verdict": Verdict.LICENCE,
        "sentence": "The licence has ended.",
        "objective": None,
    }
    runs = [make_result(f"cplex.p{n}", **words) for n in range(7)]
    text = drawn(report_view(make_report(*runs), width=80, unicode=True))

    assert "cplex.p0, cplex.p1, cplex.p2, cplex.p3 and 3 more: The licence has ended.\n" in text
    assert text.count("The licence has ended.") == 1


def test_a_run_that_was_begun_more_than_once_says_where_for_how_long_and_why_it_went_on() -> None:
    tries = (
        AttemptRecord(attempt=1, host="h1", start_ms=1000, end_ms=13_000, ended_as="host lost"),
        AttemptRecord(attempt=2, host="h2", start_ms=14_000, end_ms=14_500, ended_as="handed back by h2"),
        AttemptRecord(attempt=3, host="h3", start_ms=15_000, end_ms=20_000, ended_as="done"),
    )
    runs = [make_result("cplex.dual", attempts=tries[:1]), make_result("cplex.bar", attempts=tries)]

    text = drawn(report_view(make_report(*runs), width=80, unicode=True))

    told = "cplex.bar was started 3 times: h1 12.0 s (host lost), h2 0.50 s (handed back by h2), h3 5.00 s (done)"
    assert told in " ".join(text.split())
    assert "cplex.dual was started" not in text


def test_long_reports_point_to_the_files_for_the_rest() -> None:
    runs = [make_result(f"cplex.p{n}", runtime_s=10.0 + n) for n in range(MOST_ROWS + 40)]

    assert "… 40 more in the files below\n" in drawn(report_view(make_report(*runs), width=80, unicode=True))


def test_report_of_nothing_solved_stands() -> None:
    report = make_report(make_result("cplex.dual", state=RunState.LOST, verdict=None, objective=None, runtime_s=None))

    assert "No run can be recommended." in drawn(report_view(report, width=80, unicode=True))


def test_what_all_runs_say_of_the_model_is_the_headline() -> None:
    runs = [make_result(f"cplex.{p}", verdict=Verdict.INFEASIBLE, objective=None) for p in ("dual", "bar", "bar_nox")]
    assert headline(make_report(*runs), UNICODE) == "The model is infeasible: all 3 runs agree."
    assert headline(make_report(*runs[:2]), UNICODE) == "The model is infeasible: both runs agree."
    assert headline(make_report(runs[0]), UNICODE) == "The model is infeasible."
    unsure = make_result("cplex.dual", verdict=Verdict.UNBOUNDED, objective=None)
    assert headline(make_report(*runs[1:], unsure), UNICODE) == "No run can be recommended."


def test_a_lead_too_small_to_name_is_too_close_to_call() -> None:
    report = make_report(make_result("cplex.dual", runtime_s=20.0), make_result("cplex.bar", runtime_s=20.5))
    files = ReportFiles("out", (), "recommended/cplex.opt", ".")

    text = drawn(report_view(report, width=80, unicode=True, files=files))

    assert "Use cplex.dual: too close to call with cplex.bar; both optimal runs agree" in text
    assert "Copy recommended/cplex.opt to this folder" in text


def test_repeats_of_a_profile_are_one_line_with_mean_and_range() -> None:
    runs = [
        make_result(f"highs.{name}.{n}", profile=name, runtime_s=time_s * noise, cpu_s=time_s * noise * 0.6)
        for name, time_s in (("dual", 30.0), ("bar", 10.2))
        for n, noise in enumerate((1.0, 1.04, 0.97), start=1)
    ]
    shared = [replace(run, run_delay_s=(run.runtime_s or 0.0) * 0.39) for run in runs]

    text = drawn(report_view(make_report(*shared), width=80, unicode=True))

    assert "Use highs.bar: 2.9 \u00d7 as fast as highs.dual; all 6 optimal runs agree.\n" in text
    assert text.endswith(
        "  profile    verdict        objective quiet time runs       range vs slowest\n"
        "▸ highs.bar  optimal 6407967.45621011     6.20 s    3 6.00-6.43 s        2.9\n"
        "✓ highs.dual optimal 6407967.45621011     18.2 s    3 17.6-18.9 s        1.0\n"
    )


def test_no_option_file_is_copied_without_a_recommendation() -> None:
    report = make_report(*make_four_runs())
    none = Report(
        scan="s1",
        spec=report.spec,
        runs=report.runs,
        comparison=report.comparison,
        recommendation=Recommendation(run=None, reasons=()),
        created_ms=0,
    )
    files = ReportFiles("out", (), "recommended/cplex.opt", ".")

    assert "Copy" not in drawn(report_view(none, width=80, unicode=True, files=files))


@pytest.mark.parametrize("width", [40, 60, 80, 100, 140])
def test_report_tables_fit_the_terminal(width: int) -> None:
    text = drawn(report_view(make_report(*make_four_runs()), width=width, unicode=True), width=width)

    assert max(cell_len(line) for line in text.splitlines()) <= max(width, 50)
