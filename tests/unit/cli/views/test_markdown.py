from __future__ import annotations

import pytest

from tests.unit.cli.scans import make_result
from tests.unit.cli.views.test_report import make_four_runs, make_report
from times_doctor_cli.views.markdown import report_markdown


def test_a_report_can_go_into_a_mail() -> None:
    assert report_markdown(make_report(*make_four_runs())) == (
        "## DemoS\\_007: scan s1\n"
        "\n"
        "**Use cplex.sift: 3.1 \u00d7 as fast as cplex.current; all 3 optimal runs agree within 2e-11.**\n"
        "\n"
        "- cplex.sift: 9.20 s. 3.1 times as fast as cplex.current (2.6 to 3.6), your current options.\n"
        "\n"
        "| run | verdict | objective | quiet time | vs current | pace | iterations | basis | wall | host | memory "
        "| tries |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
        "| cplex.sift (recommended) | optimal | 6407967.4563 | 9.20 s | 3.1 | fastest | 11 | vertex | 9.20 s | h1 "
        "| 57 MB | 2 |\n"
        "| cplex.dual | optimal | 6407967.45621011 | 12.3 s | 2.3 | slower | 1,026 | vertex | 12.3 s | h1 | 57 MB "
        "|  |\n"
        "| cplex.current | optimal | 6407967.45621011 | 28.4 s | 1.0 | slower | 1,026 | vertex | 28.4 s | h1 | 57 MB "
        "|  |\n"
        "| cplex.bar | time limit | 6410000.5 | 1:00 |  |  | 1,026 |  | 1:00 | h1 | 57 MB "
        "|  |\n"
    )


@pytest.mark.parametrize("name", ["cplex.a|b", "cplex.[x](y)", "cplex.`c`", "cplex.<b>"])
def test_a_name_cannot_break_the_table(name: str) -> None:
    text = report_markdown(make_report(make_result(name), make_result("cplex.dual", runtime_s=100.0)))
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len({row.replace("\\|", "").count("|") for row in rows}) == 1
    assert name not in text
    assert "".join(f"\\{char}" if char in "|[]`<>" else char for char in name) in text


@pytest.mark.parametrize(
    ("before_s", "after_s", "words"),
    [
        (10620.0, 3000.0, "saves about 2 h 07 min a run (50 min 00 s instead of 2 h 57 min)"),
        (3600.0, 780.0, "saves about 47 min a run (13 min 00 s instead of 1 h 00 min)"),
    ],
)
def test_the_headline_says_what_a_run_saves(before_s: float, after_s: float, words: str) -> None:
    runs = [make_result("cplex.current", runtime_s=before_s), make_result("cplex.bar", runtime_s=after_s)]
    assert words in report_markdown(make_report(*runs))


@pytest.mark.parametrize(("before_s", "after_s"), [(60.0, 10.0), (3600.0, 3590.0)])
def test_what_nobody_notices_or_is_not_decided_is_not_said_to_be_saved(before_s: float, after_s: float) -> None:
    runs = [make_result("cplex.current", runtime_s=before_s), make_result("cplex.bar", runtime_s=after_s)]
    assert "saves" not in report_markdown(make_report(*runs))
