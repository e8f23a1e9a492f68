from __future__ import annotations

import pytest

from tests.unit.cli.scans import drawn, make_board, move
from times_doctor_cli.scan_state.menu import NO_DETACH, Choice, Menu, Wish, select
from times_doctor_cli.views.live.menu import MENU_LINES, menu_view
from times_doctor_tasks.contract.errors import UsageError
from times_doctor_tasks.contract.states import RunState

NAMES = ("cplex.dual", "cplex.sift", "cplex.tight", "gurobi.tight", "highs.bar", "cplex.my profile")


@pytest.mark.parametrize(
    ("typed", "chosen"),
    [
        ("1", ["cplex.dual"]),
        ("1,3-5", ["cplex.dual", "cplex.tight", "gurobi.tight", "highs.bar"]),
        ("1,3-5 sift", ["cplex.dual", "cplex.sift", "cplex.tight", "gurobi.tight", "highs.bar"]),
        ("3-1", ["cplex.dual", "cplex.sift", "cplex.tight"]),
        ("  2 , 2 2 ", ["cplex.sift"]),
        ("cplex.dual", ["cplex.dual"]),
        ("DUAL", ["cplex.dual"]),
        ("tight", ["cplex.tight", "gurobi.tight"]),
        ("gurobi:tight", ["gurobi.tight"]),
        ("bar", ["highs.bar"]),
        ("my profile, 1", ["cplex.dual", "cplex.my profile"]),
    ],
)
def test_runs_are_named_by_number_range_or_name(typed: str, chosen: list[str]) -> None:
    assert list(select(typed, make_board(*NAMES).rows)) == chosen


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ("7", "There is no run '7': they are numbered 1 to 6."),
        ("0-2", "There is no run '0-2': they are numbered 1 to 6."),
        ("1 dualx", "There is no run 'dualx'."),
        ("-1", "There is no run '-1'."),
        ("1-", "There is no run '1-'."),
        (",", "Nothing was named."),
    ],
)
def test_what_is_no_run_is_named_in_the_complaint(typed: str, complaint: str) -> None:
    with pytest.raises(UsageError) as caught:
        select(typed, make_board(*NAMES).rows)

    assert str(caught.value).startswith(complaint)


def test_runs_that_have_ended_are_left_out_of_a_choice() -> None:
    board = make_board()
    move(board, "cplex.dual", RunState.DONE)

    assert select("1-2", board.rows) == ("cplex.sift",)
    with pytest.raises(UsageError, match=r"cplex\.dual: ended already"):
        select("dual", board.rows)


@pytest.mark.parametrize("keys", ["\n", "\r", "r\n", "resume\n", "\x1b", "\x04"])
def test_menu_closes_without_effect(keys: str) -> None:
    assert Menu(make_board(), can_detach=False).type(keys) == Choice(Wish.RESUME)


@pytest.mark.parametrize("keys", ["a\n", "all\r", "A\n", "\x03"])
def test_all_runs_are_cancelled(keys: str) -> None:
    assert Menu(make_board(), can_detach=False).type(keys) == Choice(Wish.CANCEL_ALL)


def test_keys_come_one_by_one_and_can_be_taken_back() -> None:
    menu = Menu(make_board(), can_detach=False)

    assert [menu.type(key) for key in ("2", "9", "\x7f", ",", "bar", "_nox", "\n")][-1] == Choice(
        Wish.CANCEL_SOME, ("cplex.sift", "cplex.bar_nox")
    )


def test_arrow_keys_are_no_text() -> None:
    menu = Menu(make_board(), can_detach=False)

    assert menu.type("\x1b[A\x1b[1;5C\x1bOP1") is None
    assert menu.line == "1"


def test_line_is_cleared_by_its_control_key() -> None:
    menu = Menu(make_board(), can_detach=False)
    menu.type("1,2\x15" + "3")

    assert menu.line == "3"


def test_mistake_keeps_the_menu_open_and_says_why() -> None:
    menu = Menu(make_board(), can_detach=False)

    assert menu.type("9\n") is None
    assert menu.complaint == "There is no run '9': they are numbered 1 to 3."
    assert menu.type("3\n") == Choice(Wish.CANCEL_SOME, ("cplex.bar_nox",))


def test_detach_is_refused_in_one_line_without_queue() -> None:
    menu = Menu(make_board(), can_detach=False)

    assert menu.type("d\n") is None
    assert menu.complaint == NO_DETACH
    assert Menu(make_board(), can_detach=True).type("d\n") == Choice(Wish.DETACH)


def test_menu_reads_well_at_80_columns() -> None:
    menu = Menu(make_board(), can_detach=False, line="1,3")

    assert drawn(menu_view(menu, width=80, unicode=True)) == (
        "The scan goes on. Cancel: numbers or names (1,3-5 dual), a: all   Enter: resume\n"
        "Ctrl-C again cancels all runs.\n"
        "> 1,3_\n"
    )


@pytest.mark.parametrize("width", [20, 40, 60, 80])
def test_menu_never_takes_more_lines_or_columns_than_it_has(width: int) -> None:
    menu = Menu(make_board(), can_detach=True, line="cplex.dual, " * 30, complaint="There is no run. " * 20)
    lines = drawn(menu_view(menu, width=width, unicode=True), width=width).splitlines()

    assert len(lines) == MENU_LINES
    assert max(map(len, lines)) <= width
    assert lines[-1].endswith("dual, _")
