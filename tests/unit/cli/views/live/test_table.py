from __future__ import annotations

import pytest
from msgspec.structs import replace
from rich.cells import cell_len

from tests.unit.cli.scans import (
    T0_MS,
    barrier,
    drawn,
    dual_simplex,
    make_board,
    make_result,
    move,
    progress,
    start,
)
from times_doctor_cli.scan_state.board import Board
from times_doctor_cli.views.live.layout import columns_for
from times_doctor_cli.views.live.table import Frame, live_table, window
from times_doctor_tasks.contract.states import RunState, Verdict

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


def test_objective_of_an_ended_run_is_shown_only_from_its_result() -> None:
    board = make_board("cplex.dual")
    start(board, "cplex.dual")
    progress(board, "cplex.dual", dual_simplex(), at_s=2)
    move(board, "cplex.dual", RunState.DONE, at_s=3, verdict=Verdict.OPTIMAL)

    assert "6407967" not in drawn(live_table(board, make_frame(140)), width=140)
    board.settle(make_result("cplex.dual"), at_ms=T0_MS + 3_000)
    assert "6407967.456" in drawn(live_table(board, make_frame(140)), width=140)


def test_live_table_says_where_a_run_stands_in_line_and_whose_host_is_silent() -> None:
    board = make_busy_board()
    board.show_places({"cplex.primal": "behind 7 runs of anna, about 40 min", "cplex.dual": "host silent for 12 s"})

    lines = drawn(live_table(board, make_frame())).splitlines()

    assert lines[3] == "▸ cplex.dual    solver-03 running    host silent for 12 s                   1:05"
    assert lines[6] == "· cplex.primal            queued     behind 7 runs of anna, about 40 min"
