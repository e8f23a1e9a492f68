from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import pytest

from tests.unit.cli.scans import T0_MS, barrier, dual_simplex, make_board, make_result, move, progress, start
from times_doctor_tasks.contract.messages import Extended, Noted, ProgressMade, Reported
from times_doctor_tasks.contract.progress import Phase, Progress
from times_doctor_tasks.contract.states import RunState, ScanMode, Verdict
from times_doctor_tasks.testing.documents import make_run_spec


def test_runs_of_a_chord_begin_queued() -> None:
    assert [row.state for row in make_board().rows] == [RunState.QUEUED] * 3


def test_all_but_the_first_run_of_a_chain_begin_pending() -> None:
    states = [row.state for row in make_board(mode=ScanMode.CHAIN).rows]

    assert states == [RunState.QUEUED, RunState.PENDING, RunState.PENDING]


def test_running_time_goes_on_between_events() -> None:
    board = make_board()
    start(board, "cplex.dual", at_s=10)
    progress(board, "cplex.dual", dual_simplex(), at_s=15, runtime_s=4.5)

    assert board.row("cplex.dual").elapsed_s(T0_MS + 17_000) == 6.5


def test_running_time_stops_with_the_engine() -> None:
    board = make_board()
    start(board, "cplex.dual", at_s=10)
    progress(board, "cplex.dual", dual_simplex(), at_s=15, runtime_s=4.5)
    move(board, "cplex.dual", RunState.COLLECTING, at_s=16)
    move(board, "cplex.dual", RunState.DONE, at_s=20, verdict=Verdict.OPTIMAL)

    assert board.row("cplex.dual").elapsed_s(T0_MS + 99_000) == 5.5


def test_a_clock_behind_the_hosts_shows_no_negative_time() -> None:
    board = make_board()
    start(board, "cplex.dual", at_s=10)

    assert board.row("cplex.dual").elapsed_s(T0_MS) == 0.0
    assert board.headline(T0_MS - 5_000).elapsed_s == 0.0


def test_objective_outlives_a_phase_that_has_none() -> None:
    board = make_board()
    start(board, "cplex.dual")
    progress(board, "cplex.dual", dual_simplex(), at_s=1)
    progress(board, "cplex.dual", Progress(phase=Phase.READ_BACK), at_s=2)

    row = board.row("cplex.dual")
    assert (row.phase, row.objective, row.iteration) == (Phase.READ_BACK, 6407967.456, 4_340)


def test_events_of_an_older_attempt_are_ignored() -> None:
    board = make_board()
    start(board, "cplex.dual", at_s=1, attempt=1, host="h1")
    start(board, "cplex.dual", at_s=40, attempt=2, host="h2")
    before = board.row("cplex.dual")

    assert not progress(board, "cplex.dual", dual_simplex(), at_s=41, attempt=1)
    assert not move(board, "cplex.dual", RunState.COLLECTING, at_s=42, attempt=1)
    assert not board.apply(Noted(run="cplex.dual", attempt=1, text="late", level="error"), at_ms=T0_MS + 43_000)
    assert board.row("cplex.dual") == before


def test_a_new_attempt_starts_without_the_figures_of_the_old() -> None:
    board = make_board()
    start(board, "cplex.dual", at_s=1, host="h1")
    progress(board, "cplex.dual", dual_simplex(), at_s=9, memory_mb=70)
    start(board, "cplex.dual", at_s=40, attempt=2, host="h2")

    row = board.row("cplex.dual")
    assert (row.host, row.objective, row.progress, row.memory_mb) == ("h2", None, None, None)
    assert row.elapsed_s(T0_MS + 43_000) == 3.0
    assert [notice.text for notice in board.take_notices()] == ["h1 gave it up; try 2 on h2"]


def test_a_handed_back_run_waits_without_host_and_says_so() -> None:
    board = make_board()
    start(board, "cplex.dual", at_s=1, host="h1")
    progress(board, "cplex.dual", dual_simplex(), at_s=5)
    move(board, "cplex.dual", RunState.QUEUED, at_s=6, host="", reason="h1 drains")

    row = board.row("cplex.dual")
    assert (row.state, row.host, row.progress) == (RunState.QUEUED, "", None)
    assert [notice.text for notice in board.take_notices()] == ["h1 drains; back in the queue"]


def test_late_progress_of_a_handed_back_run_is_ignored() -> None:
    board = make_board()
    start(board, "cplex.dual", at_s=1)
    move(board, "cplex.dual", RunState.QUEUED, at_s=6)

    assert not progress(board, "cplex.dual", dual_simplex(), at_s=7)


def test_progress_of_an_unseen_attempt_means_running() -> None:
    board = make_board()

    assert progress(board, "cplex.dual", dual_simplex(), at_s=7, attempt=3)
    assert (board.row("cplex.dual").state, board.row("cplex.dual").attempt) == (RunState.RUNNING, 3)


@pytest.mark.parametrize("end", [RunState.DONE, RunState.FAILED, RunState.CANCELLED, RunState.LOST])
def test_nothing_moves_a_run_that_has_ended(end: RunState) -> None:
    board = make_board()
    move(board, "cplex.dual", end, at_s=5)

    assert not move(board, "cplex.dual", RunState.RUNNING, at_s=6, attempt=2)
    assert not progress(board, "cplex.dual", dual_simplex(), at_s=7, attempt=2)
    assert board.row("cplex.dual").state is end


def test_late_watcher_is_not_set_back_by_history() -> None:
    # Given what the documents say: attempt 2 runs since second 50
    board = make_board()
    move(board, "cplex.dual", RunState.RUNNING, at_s=50, attempt=2, host="h2")
    progress(board, "cplex.dual", dual_simplex(), at_s=60, attempt=2, runtime_s=9)
    current = board.row("cplex.dual")

    # When the events are told from the beginning
    start(board, "cplex.dual", at_s=1, attempt=1, host="h1")
    move(board, "cplex.dual", RunState.QUEUED, at_s=40, attempt=1)
    for at_s, state in ((45, RunState.CLAIMED), (46, RunState.STAGING)):
        move(board, "cplex.dual", state, at_s=at_s, attempt=2, host="h2")
    progress(board, "cplex.dual", barrier(0.1), at_s=55, attempt=2)

    # Then nothing is older than it was, and no notice speaks of what is long over
    assert board.row("cplex.dual") == current
    assert board.take_notices() == []


def test_failure_is_told_once_with_the_name_of_the_run() -> None:
    board = make_board()
    start(board, "cplex.dual")
    board.apply(Noted(run="cplex.dual", attempt=1, text="x.dd(31): unknown symbol", level="error"), at_ms=T0_MS)
    move(board, "cplex.dual", RunState.FAILED, at_s=2, verdict=Verdict.COMPILE_ERROR, reason="GAMS could not compile")

    notices = board.take_notices()
    assert [(n.level, n.run, n.text) for n in notices] == [("error", "cplex.dual", "x.dd(31): unknown symbol")]


def test_failure_without_words_is_told_by_its_verdict() -> None:
    board = make_board()
    move(board, "cplex.dual", RunState.FAILED, verdict=Verdict.COMPILE_ERROR)

    assert [notice.text for notice in board.take_notices()] == ["compile error"]


def test_a_note_without_run_is_about_the_scan() -> None:
    board = make_board()

    assert board.apply(Noted(text="no live control worker"), at_ms=T0_MS)
    assert [(n.run, n.text) for n in board.take_notices()] == [("", "no live control worker")]


def test_events_of_unknown_runs_change_nothing() -> None:
    board = make_board()

    assert not move(board, "cplex.other", RunState.RUNNING)
    assert not progress(board, "cplex.other", dual_simplex(), at_s=1)
    assert not board.apply(Noted(run="cplex.other", text="?"), at_ms=T0_MS)
    assert not board.settle(make_result("cplex.other"), at_ms=T0_MS)
    assert board.version == 0


def test_result_replaces_what_was_seen_on_the_way() -> None:
    board = make_board()
    start(board, "cplex.dual")
    progress(board, "cplex.dual", dual_simplex(), at_s=9)
    board.settle(make_result("cplex.dual", objective=6407967.5, iterations=1026), at_ms=T0_MS + 12_000)

    row = board.row("cplex.dual")
    assert (row.state, row.objective, row.iteration, row.runtime_s) == (RunState.DONE, 6407967.5, 1026, 12.34)
    assert row.is_exact
    assert not move(board, "cplex.dual", RunState.DONE, at_s=12)


def test_failed_result_is_told_with_its_sentence() -> None:
    board = make_board()
    start(board, "cplex.dual")
    board.settle(
        make_result("cplex.dual", state=RunState.FAILED, verdict=Verdict.LICENCE, sentence="The licence has ended."),
        at_ms=T0_MS,
    )

    assert [notice.text for notice in board.take_notices()] == ["The licence has ended."]


def test_headline_counts_runs_cores_and_why_they_wait() -> None:
    board = make_board("cplex.a", "cplex.b", "cplex.c", "cplex.d", "cplex.e")
    start(board, "cplex.a")
    move(board, "cplex.b", RunState.CLAIMED)
    move(board, "cplex.c", RunState.PARKED, reason="no licence seat")
    move(board, "cplex.d", RunState.FAILED)

    head = board.headline(T0_MS + 65_000)
    assert (head.done, head.total, head.unsuccessful) == (1, 5, 1)
    assert (head.running, head.cores, head.elapsed_s) == (2, 4, 65.0)
    assert (head.parked, head.parked_why) == (1, "no licence seat")
    assert head.note == "GAMS 54.6.1, demo licence until 26 Nov 2026"


def test_time_of_the_scan_stops_when_all_have_ended() -> None:
    board = make_board("cplex.a", "cplex.b")
    for at_s, run in ((5, "cplex.a"), (9, "cplex.b")):
        start(board, run, at_s=1)
        move(board, run, RunState.DONE, at_s=at_s, verdict=Verdict.OPTIMAL)

    assert board.is_over
    assert board.headline(T0_MS + 60_000).elapsed_s == 9.0
    assert not board.headline(T0_MS).reported
    board.apply(Reported(), at_ms=T0_MS)
    assert board.headline(T0_MS).reported


def test_counts_follow_every_change_of_state() -> None:
    board = make_board("cplex.a", "cplex.b")
    start(board, "cplex.a")
    move(board, "cplex.a", RunState.QUEUED, at_s=3)
    start(board, "cplex.a", at_s=4, attempt=2)
    move(board, "cplex.a", RunState.DONE, at_s=9, attempt=2)

    assert {state: board.count([state]) for state in RunState if board.count([state])} == {
        RunState.DONE: 1,
        RunState.QUEUED: 1,
    }
    assert board.headline(T0_MS).cores == 0


def test_folding_an_event_costs_no_more_among_many_runs() -> None:
    def steps_for(runs: int) -> int:
        board = make_board(*(f"cplex.p{n}" for n in range(runs)))
        move(board, "cplex.p0", RunState.RUNNING)
        look = ProgressMade(run="cplex.p0", attempt=1, progress=barrier(), runtime_s=1.0)
        steps = 0

        def count(frame: FrameType, event: str, _: object) -> Any:
            nonlocal steps
            frame.f_trace_opcodes = True
            steps += event == "opcode"
            return count

        sys.settrace(count)
        try:
            board.apply(look, at_ms=T0_MS + 1)
        finally:
            sys.settrace(None)
        return steps

    assert steps_for(2_000) == steps_for(2) > 0


def test_a_round_that_is_added_has_its_rows_below_the_others() -> None:
    board = make_board()
    added = Extended(runs=tuple(make_run_spec(name, run=f"cplex.{name}.2") for name in ("bar", "dual")))

    assert board.apply(added, at_ms=T0_MS + 9_000)
    assert not board.apply(added, at_ms=T0_MS + 9_500)
    start(board, "cplex.bar.2", at_s=10)

    assert [(row.number, row.run, row.state) for row in board.rows[3:]] == [
        (4, "cplex.bar.2", RunState.RUNNING),
        (5, "cplex.dual.2", RunState.QUEUED),
    ]
    assert (board.headline(T0_MS).total, board.is_over) == (5, False)


def test_a_place_in_line_is_shown_until_the_run_moves_or_another_look_says_otherwise() -> None:
    board = make_board()
    board.show_places({"cplex.dual": "behind 2 runs of anna", "cplex.bar": "next"})
    version = board.version
    board.show_places({"cplex.dual": "behind 2 runs of anna", "cplex.bar": "next"})
    assert board.version == version
    start(board, "cplex.dual", at_s=10)
    assert board.row("cplex.dual").place == ""
    board.show_places({})
    assert {row.place for row in board.rows} == {""}


def test_a_run_that_has_ended_has_no_place() -> None:
    board = make_board()
    move(board, "cplex.dual", RunState.CANCELLED, at_s=5)
    board.show_places({"cplex.dual": "next"})
    assert board.row("cplex.dual").place == ""
