from __future__ import annotations

from tests.unit.cli.scans import T0_MS, make_board, move, progress, start
from times_doctor_cli.views.live.title import title_of
from times_doctor_tasks.contract.progress import Phase, Progress
from times_doctor_tasks.contract.states import RunState, Verdict


def barrier(fraction: float | None) -> Progress:
    return Progress(phase=Phase.BARRIER, fraction=fraction)


def test_before_anything_runs_it_counts() -> None:
    assert title_of(make_board(), T0_MS) == "0/3"


def test_it_names_the_run_that_is_furthest() -> None:
    board = make_board()
    for run, fraction in (("cplex.dual", None), ("cplex.sift", 0.649), ("cplex.bar_nox", 0.12)):
        start(board, run)
        progress(board, run, barrier(fraction), at_s=1)
    assert title_of(board, T0_MS) == "0/3 sift 64 %"
    move(board, "cplex.sift", RunState.COLLECTING, at_s=2)
    move(board, "cplex.sift", RunState.DONE, at_s=2, verdict=Verdict.OPTIMAL)
    assert title_of(board, T0_MS) == "1/3 bar_nox 12 %"


def test_a_phase_without_a_fraction_has_no_percentage() -> None:
    board = make_board()
    start(board, "cplex.dual")
    progress(board, "cplex.dual", barrier(None), at_s=1)
    assert title_of(board, T0_MS) == "0/3 dual"


def test_at_the_end_it_says_what_failed() -> None:
    board = make_board("cplex.dual", "cplex.sift")
    for run, state in (("cplex.dual", RunState.DONE), ("cplex.sift", RunState.FAILED)):
        start(board, run)
        move(board, run, RunState.COLLECTING, at_s=2)
        move(board, run, state, at_s=2)
    assert title_of(board, T0_MS) == "2/2 done, 1 failed"
