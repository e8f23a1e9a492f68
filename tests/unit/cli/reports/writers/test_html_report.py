from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from importlib.resources import files

import msgspec
import pytest

from times_doctor_cli.reports.writers.charts import RUNS_MAX, chart_data, convergence, phases, timeline
from times_doctor_cli.reports.writers.html_report import report_html
from times_doctor_tasks.contract.messages import AttemptRecord, CurvePoint, PhaseSpan, Report, RunResult, RunSpec
from times_doctor_tasks.contract.states import RunState, StopReason, Verdict

MakeResult = Callable[..., RunResult]
MakeReport = Callable[..., Report]
MakeRunSpec = Callable[..., RunSpec]

EVIL = "</script></pre><script>alert(1)</script><img src=x onerror=alert(1)>&\"'"
ECHARTS_SHA256 = "61f13280aba3161f77fc801bf5f9c786f55f10432153a0683fc5cc0700b013d5"


class Page(HTMLParser):
    """The elements of a page and the text outside of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.scripts: list[str] = []
        self.text = ""
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in {"src", "href", "srcset", "action"}]
        self._inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside != "style":
            self.text += data


def test_page_shows_recommendation_comparison_and_options(make_report: MakeReport, make_run_spec: MakeRunSpec) -> None:
    specs = {f"cplex.{p}": make_run_spec(p) for p in ("dual", "bar_nox")}

    text = Page(report_html(make_report(), specs=specs, log_tails={})).text

    for part in ("Use cplex.bar_nox", "marginals", "6407967.45621011", "interior", "baralg 1", "Copy cplex.opt into"):
        assert part in text


def test_page_fetches_nothing_and_runs_only_its_own_scripts(make_report: MakeReport) -> None:
    page_text = report_html(make_report(), specs={}, log_tails={})
    page = Page(page_text)

    assert page.links == []
    assert page.tags.count("script") == 3
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page_text)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'")
    for script in page.scripts[1:]:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy[1]


def test_names_and_texts_from_elsewhere_never_become_markup(
    make_report: MakeReport, make_result: MakeResult, make_run_spec: MakeRunSpec
) -> None:
    evil = make_result(
        EVIL,
        host=EVIL,
        state=RunState.FAILED,
        verdict=Verdict.SOLVER_FAILURE,
        sentence=EVIL,
        next_step=EVIL,
        messages=(EVIL,),
        conflict=(EVIL,),
        options_ignored=(EVIL,),
        curve=(CurvePoint(t_s=1.0, residual=1.0), CurvePoint(t_s=2.0, residual=0.1)),
        phases=(PhaseSpan(phase=EVIL, start_s=0.0, end_s=1.0),),
    )
    spec = make_run_spec(EVIL, options=EVIL, origin=EVIL, run=evil.run)
    plain = Page(report_html(make_report(), specs={}, log_tails={}))

    page = Page(report_html(make_report([evil], client=EVIL), specs={evil.run: spec}, log_tails={evil.run: EVIL}))

    assert "img" not in page.tags
    assert page.tags.count("script") == plain.tags.count("script")
    assert page.text.count(EVIL) >= 8
    assert json.loads(page.scripts[0])["convergence"][0]["name"] == evil.run


def test_a_solver_without_gams_has_one_version(make_report: MakeReport, make_result: MakeResult) -> None:
    run = make_result("dual", engine="cplex", engine_version="22.2.0.1", solver_version="22.2.0.0")

    text = Page(report_html(make_report([run]), specs={}, log_tails={})).text

    assert "CPLEX 22.2.0.1" in text
    assert "22.2.0.0" not in text


def test_disagreement_stands_before_everything_else(make_report: MakeReport, make_result: MakeResult) -> None:
    text = Page(
        report_html(make_report([make_result("dual"), make_result("bar", objective=1.0)]), specs={}, log_tails={})
    ).text

    assert text.index("The profiles disagree") < text.index("No run can be recommended.") < text.index("Comparison")


def test_failed_run_shows_its_sentence_next_step_and_end_of_log(
    make_report: MakeReport, make_result: MakeResult
) -> None:
    failed = make_result(
        "bar",
        state=RunState.FAILED,
        verdict=Verdict.COMPILE_ERROR,
        sentence="GAMS could not compile the model.",
        next_step="Look at line 7 of base.dd.",
        messages=("*** Error 170 in base.dd",),
    )
    log = "\n".join(f"line {n}" for n in range(20_000))

    text = Page(report_html(make_report([failed]), specs={}, log_tails={"cplex.bar": log})).text

    for part in ("could not compile", "What to do: Look at line 7", "*** Error 170", "line 19999"):
        assert part in text
    assert "line 1000\n" not in text


def test_page_tells_of_every_try_of_a_run_that_was_begun_more_than_once(
    make_report: MakeReport, make_result: MakeResult
) -> None:
    tries = (
        AttemptRecord(attempt=1, host="<alpha>", start_ms=1000, end_ms=13_000, ended_as="host lost"),
        AttemptRecord(attempt=2, host="beta", start_ms=14_000, end_ms=19_000, ended_as="done"),
    )
    once = "Runs that were begun more than once"
    again = Page(report_html(make_report([make_result("bar", attempts=tries)]), specs={}, log_tails={})).text

    assert once in again
    for part in ("<alpha>", "+0.00 s", "12.0 s", "host lost", "+13.0 s", "5.00 s"):
        assert part in again.partition(once)[2]
    alone = report_html(make_report([make_result("bar", attempts=tries[:1])]), specs={}, log_tails={})
    assert once not in Page(alone).text


def test_run_that_was_beaten_or_cancelled_is_no_failure(make_report: MakeReport, make_result: MakeResult) -> None:
    stopped = [
        make_result(name, state=RunState.CANCELLED, verdict=Verdict.INTERRUPTED, stop_reason=reason)
        for name, reason in (("sift", StopReason.BEATEN), ("bar", StopReason.USER))
    ]

    assert (
        "What went wrong" not in Page(report_html(make_report([*stopped, make_result()]), specs={}, log_tails={})).text
    )


def test_page_of_five_hundred_talkative_runs_stays_below_three_megabytes(
    make_report: MakeReport, make_result: MakeResult, make_run_spec: MakeRunSpec
) -> None:
    curve = tuple(CurvePoint(t_s=i * 1.23456789, residual=1.23456789 / (i + 1), objective=1e6 / 7) for i in range(500))
    results = [
        make_result(
            f"profile_{n}",
            state=RunState.FAILED,
            verdict=Verdict.SOLVER_FAILURE,
            sentence="x" * 5000,
            messages=("y" * 5000,) * 50,
            curve=curve,
        )
        for n in range(500)
    ]
    specs = {r.run: make_run_spec(r.profile, run=r.run, options="lpmethod 4\n" * 5000) for r in results}

    page = report_html(make_report(results), specs=specs, log_tails=dict.fromkeys(specs, "z" * 50_000))

    assert len(page.encode()) < 3_000_000
    assert f"the first {RUNS_MAX} are drawn" in page


@pytest.mark.parametrize("state", [RunState.CANCELLED, RunState.LOST])
def test_page_of_runs_that_never_started_has_no_empty_charts(
    state: RunState, make_report: MakeReport, make_result: MakeResult
) -> None:
    nothing = dict.fromkeys(("started_ms", "ended_ms", "finished_ms", "runtime_s", "verdict", "host", "objective"))
    page = Page(
        report_html(make_report([make_result("dual", state=state, phases=(), **nothing)]), specs={}, log_tails={})
    )

    assert "Convergence" not in page.text
    assert "Timeline" not in page.text
    assert state.value in page.text


def test_curve_is_thinned_between_its_ends_and_leaves_out_what_a_log_axis_cannot_show(make_result: MakeResult) -> None:
    curve = tuple(CurvePoint(t_s=float(i), residual=0.0 if i == 5 else 1.0 / (i + 1)) for i in range(2000))

    (series,) = convergence([make_result(curve=curve)])

    assert len(series["points"]) == 400
    assert series["points"][0] == [0.0, 1.0]
    assert series["points"][-1] == [1999.0, 0.0005]
    assert all(value > 0 for _, value in series["points"])


def test_run_without_residual_shows_the_distance_of_its_objective(make_result: MakeResult) -> None:
    curve = tuple(CurvePoint(t_s=float(i), objective=o) for i, o in enumerate([400.0, 150.0, 110.0, 100.0]))

    (series,) = convergence([make_result(curve=curve)])

    assert series["by_objective"]
    assert series["points"] == [[0.0, 3.0], [1.0, 0.5], [2.0, 0.1]]


def test_timeline_goes_by_host_and_start_and_shows_earlier_attempts(
    make_report: MakeReport, make_result: MakeResult
) -> None:
    zero = make_report().spec.created_ms
    retried = make_result(
        "bar",
        host="beta",
        queued_ms=zero + 1000,
        claimed_ms=zero + 9000,
        started_ms=zero + 9500,
        ended_ms=zero + 20_000,
        finished_ms=zero + 20_100,
        attempts=(
            AttemptRecord(attempt=1, host="alpha", start_ms=zero + 3000, end_ms=zero + 8000),
            AttemptRecord(attempt=2, host="beta", start_ms=zero + 9000),
        ),
    )
    results = [retried, make_result("dual"), make_result("sift", started_ms=None)]

    rows = timeline(make_report(results), results)

    assert [(r["host"], r["run"]) for r in rows] == [("alpha", "cplex.dual"), ("beta", "cplex.bar")]
    assert rows[1]["start_s"] == 1.0
    assert rows[1]["spans_s"] == [2.0, 6.0, 0.5, 10.5, 0.1]


def test_phases_of_one_name_are_added_up(make_result: MakeResult) -> None:
    spans = [("sifting", 0.0, 1.0), ("barrier", 1.0, 3.0), ("sifting", 3.0, 3.5)]
    result = make_result(phases=tuple(PhaseSpan(phase=p, start_s=a, end_s=b) for p, a, b in spans))

    assert phases([result, make_result("bar", phases=())]) == {
        "names": ["sifting", "barrier"],
        "rows": [{"run": "cplex.dual", "seconds": [1.5, 2.0]}],
    }


def test_chart_data_survives_numbers_that_json_has_not(make_report: MakeReport, make_result: MakeResult) -> None:
    curve = tuple(
        CurvePoint(t_s=float(i), residual=r, objective=float("inf")) for i, r in enumerate([1.0, float("nan"), 0.1])
    )

    data = chart_data(make_report([make_result(curve=curve, objective=float("nan"))]))

    assert data["convergence"][0]["points"] == [[0.0, 1.0], [2.0, 0.1]]
    json.dumps(data, allow_nan=False)


def test_charting_library_is_the_published_one_and_brings_its_licence() -> None:
    folder = files("times_doctor_cli.reports.writers").joinpath("templates", "echarts")
    library = folder.joinpath("echarts.common.min.js").read_bytes()

    assert hashlib.sha256(library).hexdigest() == ECHARTS_SHA256
    assert b"</script" not in library
    assert "Apache License" in folder.joinpath("LICENSE").read_text(encoding="utf-8")


def test_warnings_and_results_that_were_reused_stand_at_the_top(
    make_report: MakeReport, make_result: MakeResult
) -> None:
    report = make_report([make_result("dual", reused_from="261122-100000-abcd")])
    report = msgspec.structs.replace(report, warnings=("The model has other sizes than its last listing.",))
    page = report_html(report, specs={}, log_tails={})
    assert "other sizes than its last listing" in page
    assert "its result is that of scan 261122-100000-abcd" in page


def test_a_long_conflict_is_cut_and_its_rest_counted(make_result: MakeResult, make_report: MakeReport) -> None:
    lines = tuple(f"row need({n}) >= 9" for n in range(45))
    report = make_report([make_result("dual", verdict=Verdict.INFEASIBLE, sentence="No.", conflict=lines)])
    page = report_html(report, specs={}, log_tails={})
    assert "row need(39) &gt;= 9" in page
    assert "row need(40)" not in page
    assert "5 more are in scan_report.json" in page


def test_what_reverses_or_steers_text_is_shown_as_a_question_mark(
    make_report: MakeReport, make_result: MakeResult
) -> None:
    evil = make_result("a", host="h\u202eevil\x1b[2J", state=RunState.FAILED, sentence="one\ntwo\x07")
    html = report_html(make_report([evil], client="eve\x9b\u2066@desk"), specs={}, log_tails={evil.run: "x\x1b[1m\ny"})
    page = html.replace(
        files("times_doctor_cli.reports.writers").joinpath("templates/echarts/echarts.common.min.js").read_text(), ""
    )
    assert [char for char in page if not char.isprintable() and not char.isspace()] == []
    assert "x?[1m\ny" in html
