from __future__ import annotations

import io

import pytest
from msgspec.structs import replace
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from tests.unit.cli.scans import (
    T0_MS,
    barrier,
    drawn,
    dual_simplex,
    make_board,
    make_result,
    make_spec,
    move,
    progress,
    start,
)
from times_doctor_cli.scan_state.board import Board
from times_doctor_cli.scan_state.rows import Notice
from times_doctor_cli.terminal.console import fail, show
from times_doctor_cli.terminal.lines import wrapped
from times_doctor_cli.terminal.signs import ASCII, UNICODE, printable
from times_doctor_cli.terminal.units import verdict_words
from times_doctor_cli.views.live.layout import columns_for
from times_doctor_cli.views.live.progress import progress_cell
from times_doctor_cli.views.live.table import Frame, live_table, window
from times_doctor_cli.views.notices import notices_view
from times_doctor_cli.views.plan import PlanFact, PlannedRun, PlanView, plan_view
from times_doctor_cli.views.profiles import profiles_view
from times_doctor_cli.views.report import MOST_ROWS, ReportFiles, headline, report_view
from times_doctor_tasks.analysis.comparison import compare
from times_doctor_tasks.analysis.recommendation import recommend
from times_doctor_tasks.contract.errors import UsageError
from times_doctor_tasks.contract.messages import AttemptRecord, Recommendation, Report, RunResult
from times_doctor_tasks.contract.progress import Phase, Progress
from times_doctor_tasks.contract.states import RunState, StopReason, Verdict
from times_doctor_tasks.profiles.registry import built_in_profiles

NAMES = ("cplex.current", "cplex.dual", "cplex.bar_nox", "cplex.sift", "cplex.primal", "cplex.[tight]")


def make_busy_board() -> Board:
    board = make_board(*NAMES)
    start(board, "cplex.current", at_s=1)
    board.settle(make_result("cplex.current"), at_ms=T0_MS + 20_000)
    start(board, "cplex.dual", at_s=1, host="solver-03")
    progress(board, "cplex.dual", dual_simplex(), at_s=60, memory_mb=57.4)
    start(board, "cplex.bar_nox", at_s=2, host="h2", attempt=2)
    progress(board, "cplex.bar_nox", barrier(), at_s=61, attempt=2, memory_mb=1620)
    move(board, "cplex.sift", RunState.PARKED, host="h2", reason="2.1 GB short on h2")
    words = "demo_[x].dd(31): domain violation for set"
    move(board, "cplex.[tight]", RunState.FAILED, at_s=3, verdict=Verdict.COMPILE_ERROR, reason=words)
    return board


def make_frame(width: int = 80, height: int = 23, **fields: object) -> Frame:
    return replace(Frame(width=width, height=height, now_ms=T0_MS + 65_000), **fields)


def test_live_table_at_80_columns() -> None:
    assert drawn(live_table(make_busy_board(), make_frame(hint="Ctrl-C: menu"))) == (
        "DemoS_007  2/6 done  1:05  1 failed  2 running on 4 cores  1 parked: 2.1 GB sho…\n"
        "  run           host      state      phase       progress                   time\n"
        "✓ cplex.current h1        done       optimal     obj 6407967.456          12.3 s\n"
        "▸ cplex.dual    solver-03 running    simplex     obj 6.408e6 1,240 it/s     1:05\n"
        "▸ cplex.bar_nox h2        running #2 barrier     ━━━━━━━━━━━───────  62%    1:05\n"
        "‖ cplex.sift    h2        parked                 2.1 GB short on h2\n"
        "· cplex.primal            queued\n"
        "✗ cplex.[tight] h1        failed     compile err demo_[x].dd(31): domain violat…\n"
        "GAMS 54.6.1, demo licence until 26 Nov 2026   Ctrl-C: menu\n"
    )


def test_live_table_at_140_columns() -> None:
    lines = drawn(live_table(make_busy_board(), make_frame(140)), width=140).splitlines()

    assert lines[1:5] == [
        "  run           host           state      phase       progress                     iteration    objective"
        " gap/infeas     ETA  memory    time",
        "✓ cplex.current h1             done       optimal                                      1,026  6407967.456"
        "                      57 MB  12.3 s",
        "▸ cplex.dual    solver-03      running    simplex     dual obj 6.408e6 1,240 it/s      4,340  6407967.456"
        "                      57 MB    1:05",
        "▸ cplex.bar_nox h2             running #2 barrier     ━━━━━━━━━━━━────────  62%           18   6500123.25"
        " gap 3.2e-4    2:05  1.6 GB    1:05",
    ]


def test_live_table_at_60_columns_names_the_phase_as_state() -> None:
    lines = drawn(live_table(make_busy_board(), make_frame(60)), width=60).splitlines()

    assert lines[1:4] == [
        "  run           state       progress                    time",
        "✓ cplex.current optimal     obj 6407967.456           12.3 s",
        "▸ cplex.dual    simplex     obj 6.408e6 1,240 it/s      1:05",
    ]


def test_live_table_shows_numbers_and_ascii_signs() -> None:
    lines = drawn(live_table(make_busy_board(), make_frame(unicode=False, numbered=True)), encoding="ascii")

    assert lines.splitlines()[2:5] == [
        "1 cplex.current h1        done       optimal     obj 6407967.456          12.3 s",
        "2 cplex.dual    solver-03 running    simplex     obj 6.408e6 1,240 it/s     1:05",
        "3 cplex.bar_nox h2        running #2 barrier     ###########-------  62%    1:05",
    ]


@pytest.mark.parametrize(
    ("width", "titles"),
    [
        (60, "run state progress time"),
        (80, "run host state phase progress time"),
        (100, "run host state phase progress iteration objective time"),
        (120, "run host state phase progress iteration objective gap/infeas ETA time"),
        (140, "run host state phase progress iteration objective gap/infeas ETA memory time"),
    ],
)
@pytest.mark.parametrize("runs", [1, 3, 30, 500])
def test_columns_come_in_order_of_need(width: int, titles: str, runs: int) -> None:
    board = make_board(*(f"cplex.p{n}" for n in range(runs)))

    assert " ".join(column.title for column in columns_for(board.rows, width)).strip() == titles


@pytest.mark.parametrize("runs", [1, 30, 500])
def test_six_columns_fit_80_however_long_the_names(runs: int) -> None:
    board = make_board(*(f"cplex.a_very_long_profile_name_{n}" for n in range(runs)))
    columns = columns_for(board.rows, 80)

    assert [column.title for column in columns] == ["", "run", "host", "state", "phase", "progress", "time"]
    assert sum(column.width + 1 for column in columns) - 1 <= 80


@pytest.mark.parametrize("width", [20, 40, 60, 79, 80, 99, 120, 200])
def test_columns_stay_where_they_are_while_runs_change(width: int) -> None:
    busy, new = make_busy_board(), make_board(*NAMES)

    assert columns_for(busy.rows, width) == columns_for(new.rows, width)


@pytest.mark.parametrize("unicode", [True, False])
@pytest.mark.parametrize("width", [10, 20, 40, 60, 79, 80, 100, 120, 140, 200])
def test_no_line_is_wider_than_the_terminal(width: int, unicode: bool) -> None:
    lines = live_table(make_busy_board(), make_frame(width, unicode=unicode, hint="Ctrl-C: menu")).lines

    assert max(line.cell_len for line in lines) <= width


@pytest.mark.parametrize("height", range(1, 30))
def test_table_is_never_higher_than_the_terminal(height: int) -> None:
    board = make_board(*(f"cplex.p{n}" for n in range(25)))

    assert len(live_table(board, make_frame(height=height)).lines) <= max(2, height)


def test_lines_have_no_blanks_at_their_end() -> None:
    for line in live_table(make_busy_board(), make_frame(140)).lines:
        assert line.plain == line.plain.rstrip()


def test_frame_that_wraps_is_counted_in_rows() -> None:
    lines = live_table(make_busy_board(), make_frame(80))

    assert lines.rows_at(80) == len(lines.lines)
    assert lines.rows_at(40) > len(lines.lines)


def test_running_then_failed_then_waiting_runs_are_shown_first() -> None:
    board = make_board(*(f"cplex.p{n}" for n in range(500)))
    for n in range(180):
        move(board, f"cplex.p{n}", RunState.DONE, verdict=Verdict.OPTIMAL)
    for n in (210, 200):
        start(board, f"cplex.p{n}")
    move(board, "cplex.p220", RunState.FAILED)

    shown, hidden = window(board.rows, 8)

    assert [row.run.removeprefix("cplex.p") for row in shown] == ["200", "210", "220", "180", "181", "182", "183"]
    assert hidden == {"queued": 313, "done": 180}
    last = drawn(live_table(board, make_frame(height=12))).splitlines()[-2]
    assert last == "… 492 more: 312 queued, 180 done"


def test_order_of_the_scan_is_kept_when_all_runs_fit() -> None:
    board = make_busy_board()

    assert [row.run for row in window(board.rows, 6)[0]] == list(NAMES)


def test_names_cannot_steer_the_terminal() -> None:
    board = make_board("cplex.a\x1b[2Jb\nc", "cplex.[red]x")
    text = drawn(live_table(board, make_frame()))

    assert "\x1b" not in text
    assert "cplex.a?[2Jb c" in text
    assert "cplex.[red]x" in text


def test_wide_letters_keep_the_columns() -> None:
    board = make_board("cplex.双対単体法の設定その一", "cplex.dual")
    lines = drawn(live_table(board, make_frame())).splitlines()[2:4]

    assert len({cell_len(line[: line.index("queued")]) for line in lines}) == 1


def test_names_beyond_the_code_page_do_not_crash() -> None:
    board = make_board("cplex.双対")

    assert "cplex.??" in drawn(live_table(board, make_frame(unicode=False)), encoding="cp1252")


@pytest.mark.parametrize(
    ("look", "width", "text"),
    [
        (dual_simplex(), 30, "dual obj 6.408e6 1,240 it/s"),
        (dual_simplex(), 23, "obj 6.408e6 1,240 it/s"),
        (dual_simplex(), 18, "6.408e6 1,240 it/s"),
        (dual_simplex(), 16, "dual obj 6.408e6"),
        (dual_simplex(), 7, "6.408e6"),
        (Progress(phase=Phase.SIMPLEX, infeasibility=3.21e-3, objective=1.0), 18, "infeas 3.2e-3"),
        (Progress(phase=Phase.SIFTING, iteration=7, objective=1074551350.79), 18, "obj 1.075e9"),
        (Progress(phase=Phase.CONCURRENT), 18, ""),
        (Progress(phase=Phase.SIMPLEX, iteration=4340), 18, "4,340 it"),
        (Progress(phase=Phase.COMPILE, detail="initmty.vda"), 18, "initmty.vda"),
        (
            Progress(phase=Phase.SIMPLEX, solve=12, objective=6.4e6, iteration=5, speed_per_s=99),
            18,
            "#12 6.4e6 99 it/s",
        ),
        (Progress(phase=Phase.MIP, objective=51234.5, gap_rel=0.0123, iteration=7), 30, "gap 1.2%, best 5.123e4"),
        (Progress(phase=Phase.MIP, objective=51234.5, gap_rel=0.0123, iteration=7), 18, "gap 1.2% 5.123e4"),
        (Progress(phase=Phase.MIP, objective=51234.5, gap_rel=0.0123, iteration=7), 12, "gap 1.2%"),
        (Progress(phase=Phase.MIP, objective=1.0, gap_rel=17.9), 18, "gap 1790%, best 1"),
        (
            Progress(phase=Phase.MIP, objective=4261, gap_rel=5e-3, iteration=7, speed_per_s=6),
            22,
            "gap 0.5%, best 4261",
        ),
        (Progress(phase=Phase.MIP, gap_rel=None, iteration=1234), 30, "no solution yet, 1,234 nodes"),
        (barrier(0.999), 15, "━━━━━━━━━─  99%"),
        (barrier(1.0), 15, "━━━━━━━━━━ 100%"),
        (barrier(0.0), 15, "──────────   0%"),
        (barrier(7.0), 15, "━━━━━━━━━━ 100%"),
    ],
)
def test_progress_has_a_bar_only_where_a_fraction_exists(look: Progress, width: int, text: str) -> None:
    assert progress_cell(look, width, UNICODE).plain == text


@pytest.mark.parametrize("width", range(1, 40))
def test_progress_never_leaves_its_column(width: int) -> None:
    looks = [dual_simplex(), barrier(), Progress(phase=Phase.COMPILE, detail="x" * 60)]
    looks.append(of_solve(dual_simplex(), solve=120))

    assert max(cell_len(progress_cell(look, width, ASCII).plain) for look in looks) <= max(width, 5)


def of_solve(look: Progress, *, solve: int) -> Progress:
    return Progress(phase=look.phase, solve=solve, iteration=look.iteration, objective=look.objective, speed_per_s=1.0)


def test_objective_of_an_ended_run_is_shown_only_from_its_result() -> None:
    board = make_board("cplex.dual")
    start(board, "cplex.dual")
    progress(board, "cplex.dual", dual_simplex(), at_s=2)
    move(board, "cplex.dual", RunState.DONE, at_s=3, verdict=Verdict.OPTIMAL)

    assert "6407967" not in drawn(live_table(board, make_frame(140)), width=140)
    board.settle(make_result("cplex.dual"), at_ms=T0_MS + 3_000)
    assert "6407967.456" in drawn(live_table(board, make_frame(140)), width=140)


def test_short_verdicts_fit_their_column() -> None:
    assert max(len(verdict_words(verdict, short=True)) for verdict in Verdict) <= 11


def test_bidirectional_and_zero_width_letters_are_made_visible() -> None:
    assert printable("a\u202eb\u200bc") == "a?b?c"


def test_notices_name_the_run_and_keep_brackets() -> None:
    notices = [Notice("error", "demo_[x].dd(31): unknown", "cplex.[tight]"), Notice("info", "Cancelling all runs.")]

    assert drawn(notices_view(notices, unicode=True)) == (
        "✗ cplex.[tight]: demo_[x].dd(31): unknown\n· Cancelling all runs.\n"
    )


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


def test_plan_shows_where_each_thing_was_read() -> None:
    plan = PlanView(
        (
            PlanFact("driver", "parscen.run", "has the folder's name"),
            PlanFact("inputs", "31 files, 3.4 MB"),
            PlanFact("GAMS", "54.6.1, demo licence until 26 Nov 2026", "/opt/with/a/long/path/to/gamspy_base/gams"),
        ),
        (PlannedRun("cplex.sift", "cplex", 2, "lpmethod 5\nsolutiontype 1\n", "built in"),),
        ("The licence ends in 3 days.",),
    )

    assert drawn(plan_view(plan, width=80, unicode=True)) == (
        "! The licence ends in 3 days.\n"
        "driver  parscen.run                             has the folder's name\n"
        "inputs  31 files, 3.4 MB\n"
        "GAMS    54.6.1, demo licence until 26 Nov 2026\n"
        "        /opt/with/a/long/path/to/gamspy_base/gams\n"
        "\n"
        "run        threads from     options\n"
        "cplex.sift       2 built in lpmethod 5, solutiontype 1\n"
        "\n"
        "Nothing was started. 1 run would start.\n"
    )


def test_a_long_reason_is_broken_between_words() -> None:
    why = "small.lp is of class LP: profiles dual, bar, bar_nox, because the method decides how long an LP takes."
    plan = PlanView((PlanFact("driver", "small.lp"), PlanFact("profiles", "", why)), ())

    assert drawn(plan_view(plan, width=80, unicode=True)).startswith(
        "driver    small.lp\n"
        "profiles  small.lp is of class LP: profiles dual, bar, bar_nox, because the\n"
        "          method decides how long an LP takes.\n"
    )


def test_a_plan_counts_what_would_run_and_what_is_reused() -> None:
    runs = tuple(PlannedRun(f"cplex.p{n}", "cplex", 2, "lpmethod 1\n", "built in") for n in range(3))

    assert drawn(plan_view(PlanView((), runs, (), reused=2), width=80, unicode=True)).endswith(
        "\nNothing was started. 1 run would start, 2 reused.\n"
    )


@pytest.mark.parametrize("width", [60, 80, 140])
def test_every_built_in_profile_is_listed(width: int) -> None:
    profiles = built_in_profiles("cplex")
    text = drawn(profiles_view(profiles, width=width), width=width)

    assert all(f"  {profile.name} " in text for profile in profiles)
    assert max(map(len, text.splitlines())) <= width


def test_profiles_stand_in_the_order_in_which_people_use_them() -> None:
    lines = drawn(profiles_view(built_in_profiles(engine=None), width=80)).splitlines()

    assert [line for line in lines if line and not line.startswith(" ")] == [
        "cplex, under GAMS, and without it for .mps and .lp files",
        "highs",
        "highs, without GAMS: .mps and .lp files",
        "gurobi, under GAMS, and without it for .mps and .lp files",
        "xpress, under GAMS, and without it for .mps and .lp files",
        "copt, under GAMS, and without it for .mps and .lp files",
        "mosek",
    ]


@pytest.mark.parametrize("width", [10, 30, 80])
def test_sentences_break_between_words_and_what_is_copied_stays_whole(width: int) -> None:
    path, command = "'/models of mine/a folder with a long name/case.run'", "`pip install --upgrade gamspy-base`"
    words = f"The user's file {path} isn't there: try {command}, or another."

    lines = [line.plain for line in wrapped(Text(words), width)]

    assert " ".join(lines) == words
    assert all(len(line) <= width or path in line or command in line for line in lines)
    assert sum(path in line for line in lines) == sum(command in line for line in lines) == 1


def test_blanks_before_a_sentence_stay() -> None:
    assert [line.plain for line in wrapped(Text("    pip install times-doctor"), 20)] == [
        "    pip install",
        "times-doctor",
    ]
    assert [line.plain for line in wrapped(Text(""), 20)] == [""]


def test_a_path_longer_than_the_terminal_is_not_cut_off() -> None:
    folder = "/".join(["times_doctor_out"] * 8)
    console = Console(file=(screen := io.StringIO()), width=80, force_terminal=True, color_system=None)
    report = make_report(*make_four_runs())

    show(report_view(report, width=80, unicode=True, files=ReportFiles(folder)), console)
    show(plan_view(PlanView((PlanFact("driver", folder),), (), ()), width=80, unicode=True), console)
    fail(UsageError(f"There is no folder {folder!r}."), console)

    assert screen.getvalue().count(folder) == 3


def test_live_table_says_where_a_run_stands_in_line_and_whose_host_is_silent() -> None:
    board = make_busy_board()
    board.show_places({"cplex.primal": "behind 7 runs of anna, about 40 min", "cplex.dual": "host silent for 12 s"})

    lines = drawn(live_table(board, make_frame())).splitlines()

    assert lines[3] == "▸ cplex.dual    solver-03 running    host silent for 12 s                   1:05"
    assert lines[6] == "· cplex.primal            queued     behind 7 runs of anna, about 40 min"
