from __future__ import annotations

import contextlib
import re
import signal

import pytest
from rich.console import ConsoleDimensions

from tests.unit.cli.live.stage import Script, Stage, cancelled, looks, press, running
from tests.unit.cli.scans import make_board, make_result
from tests.unit.cli.terminal.test_console import make_console
from times_doctor_cli.live.loop import ShowEnd, Shown, show
from times_doctor_cli.live.table_screen import FRAME_S, IDLE_FRAME_S
from times_doctor_tasks.contract.errors import BrokerUnavailable
from times_doctor_tasks.contract.messages import AnyEvent, Noted, StateChanged
from times_doctor_tasks.contract.states import RunState, Verdict


def test_table_is_drawn_in_place_and_stays_when_over() -> None:
    stage = Stage()
    shown = stage.show(Script(running(), looks(), step_s=1.0))

    assert shown == Shown(ShowEnd.OVER, interrupted=False)
    assert "\x1b[?1049h" not in stage.file.getvalue()
    assert stage.file.getvalue().startswith("\x1b[?25l")
    assert stage.file.getvalue().endswith("\x1b[?25h")
    last_frame = stage.text.split("DemoS_007")[-1].splitlines()
    assert last_frame == [
        "  0/3 done  3 s  1 running on 2 cores",
        "  run           host      state      phase       progress                   time",
        "▸ cplex.dual    h1        running    simplex     obj 6.408e6 1,240 it/s      2 s",
        "· cplex.sift              queued",
        "· cplex.bar_nox           queued",
        "GAMS 54.6.1, demo licence until 26 Nov 2026",
    ]


def test_at_most_four_frames_a_second_are_drawn() -> None:
    stage = Stage()
    stage.show(Script(running(), *(looks(20) for _ in range(40)), step_s=0.05))

    # 2.1 s, and the first and the last frame
    assert 6 <= stage.frames <= 2.1 / FRAME_S + 2


def test_a_frame_a_second_is_drawn_when_nothing_happens() -> None:
    stage = Stage()
    stage.show(Script(running(), *([] for _ in range(50)), step_s=0.1))

    # 5 s; the last frame is drawn twice
    assert 7 <= stage.frames <= 5 / IDLE_FRAME_S + 4


def test_an_error_is_a_named_line_above_the_table_at_once() -> None:
    stage = Stage()
    error = Noted(run="cplex.dual", attempt=1, text="demo_[x].dd(31): unknown symbol", level="error")
    stage.show(Script(running(), [error], [], []))

    lines = stage.text.splitlines()
    assert sum("demo_[x].dd(31)" in line for line in lines) == 1
    place = next(n for n, line in enumerate(lines) if "demo_[x].dd(31)" in line)
    assert lines[place].endswith("✗ cplex.dual: demo_[x].dd(31): unknown symbol")
    assert lines[place + 1].startswith("DemoS_007")


def test_results_replace_what_was_seen_on_the_way() -> None:
    stage = Stage()
    script = Script(running(), looks(), [StateChanged(run="cplex.dual", attempt=1, state=RunState.DONE)])
    show(
        script,
        stage.board,
        stage.console,
        on_interrupt=stage.choices.append,
        result_of=lambda run: make_result(run, objective=123456.75),
        now_ms=script.now_ms,
        tick_s=lambda: script.now_s,
        keys=contextlib.nullcontext,
    )

    assert "optimal     obj 123456.75" in stage.text


def test_a_source_that_breaks_leaves_the_terminal_as_it_was() -> None:
    def breaks() -> None:
        raise BrokerUnavailable("redis://h", "connection refused")

    stage = Stage()
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(BrokerUnavailable):
        stage.show(Script(running(), breaks))

    assert stage.file.getvalue().endswith("\x1b[?25h")
    assert signal.getsignal(signal.SIGINT) is before


def test_lines_instead_of_frames_without_a_terminal() -> None:
    stage = Stage(terminal=False)
    done: list[AnyEvent] = [StateChanged(run="cplex.dual", attempt=1, state=RunState.DONE, verdict=Verdict.OPTIMAL)]
    stage.show(Script(running(), done))

    assert "\x1b" not in stage.file.getvalue()
    assert [line.split(" ", 1)[1] for line in stage.text.splitlines()] == [
        "cplex.dual running on h1",
        "cplex.dual done optimal, 0.30 s",
        "DemoS_007: 1/3 done, 0 s",
    ]


def test_wrapped_frame_is_taken_away_row_by_row() -> None:
    stage = Stage(width=100)

    def narrow() -> None:
        stage.console.size = ConsoleDimensions(40, 24)

    stage.show(Script(running(), looks(), narrow, [], step_s=0.01))

    # 6 lines became 9 rows at 40 columns: up 8, then down to where Rich believes to be.
    assert re.search(r"\r\x1b\[2K(\x1b\[1A\x1b\[2K){8}\x1b\[5B", stage.file.getvalue())


def test_keys_are_looked_for_often_only_while_the_menu_is_open() -> None:
    stage = Stage()
    script = Script(running(), press, [], stage.keys.type("\n"), [])
    stage.show(script)

    assert [timeout_s < 0.1 for timeout_s in script.asked] == [False, False, True, True, False, False]


def test_a_cp1252_console_shows_a_whole_scan() -> None:
    stage = Stage()
    console, raw = make_console("cp1252")
    stage.console = console
    stage.board = make_board("cplex.双対")
    stage.show(Script(running("cplex.双対"), press, stage.keys.type("双\n"), stage.keys.type("\n"), []))

    assert "cplex.??" in raw.getvalue().decode("cp1252")


@pytest.mark.parametrize(
    ("notify", "step_s", "bells", "titles"),
    [(True, 20.0, 1, True), (True, 0.3, 0, True), (False, 20.0, 0, False)],
)
def test_the_terminal_keeps_the_title_and_rings_once_after_a_scan_that_took_long(
    notify: bool, step_s: float, bells: int, titles: bool
) -> None:
    stage = Stage()
    stage.show(Script(running(), looks(), cancelled(), step_s=step_s), notify=notify)
    written = stage.file.getvalue()
    found = re.findall(r"\x1b]0;(.*?)\x07", written)
    assert [found[0], found[-1]] == ["0/3", "3/3 done"] if titles else found == []
    assert re.sub(r"\x1b].*?\x07", "", written).count("\x07") == bells
