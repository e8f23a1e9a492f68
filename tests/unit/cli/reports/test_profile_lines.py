from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from times_doctor_cli.reports.profile_lines import profile_lines, time_title
from times_doctor_tasks.contract.messages import Recommendation, Report, RunResult
from times_doctor_tasks.contract.states import Verdict

MakeResult = Callable[..., RunResult]
MakeReport = Callable[..., Report]


def test_repeats_are_one_line_and_what_failed_has_its_own(make_result: MakeResult, make_report: MakeReport) -> None:
    runs = [
        make_result(profile, run=f"cplex.{profile}.{n}", runtime_s=time_s + n)
        for profile, time_s in (("dual", 40.0), ("bar", 10.0))
        for n in (1, 2)
    ]
    failed = make_result("sift", verdict=Verdict.LIMIT, runtime_s=60.0)

    lines = profile_lines(make_report([*runs, failed]))

    assert [(line.name, len(line.runs), line.is_best) for line in lines] == [
        ("cplex.bar", 2, True),
        ("cplex.dual", 2, False),
        ("cplex.sift", 1, False),
    ]
    assert [line.range for line in lines] == ["11.0-12.0 s", "41.0-42.0 s", ""]
    assert lines[0].time_s == pytest.approx((11 * 12) ** 0.5)


def test_a_profile_of_the_same_work_has_no_time_of_its_own(make_result: MakeResult, make_report: MakeReport) -> None:
    sizes = {"presolved_rows": 90, "presolved_columns": 80, "presolved_nonzeros": 500}

    lines = profile_lines(make_report([make_result("dual", **sizes), make_result("devex", runtime_s=12.0, **sizes)]))

    assert [(line.name, line.pace, line.time_s) for line in lines[1:]] == [("cplex.devex", "= cplex.dual", None)]


def test_a_report_of_an_older_version_is_shown_run_by_run(make_result: MakeResult, make_report: MakeReport) -> None:
    report = make_report([make_result("dual", runtime_s=20.0), make_result("bar", runtime_s=10.0)])
    older = replace(report, recommendation=Recommendation(run="cplex.bar", reasons=(), speedup=2.0))

    assert [(line.name, line.time_s, line.is_best) for line in profile_lines(older)] == [
        ("cplex.bar", 10.0, True),
        ("cplex.dual", 20.0, False),
    ]
    assert (time_title(report), time_title(older)) == ("quiet time", "runtime")
