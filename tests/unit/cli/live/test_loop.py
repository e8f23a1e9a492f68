from __future__ import annotations

import contextlib
import io
import json
import os
import re
import select
import signal
import sys
from collections.abc import Callable, Iterator, Sequence

import pytest
from rich.console import Console, ConsoleDimensions

from tests.conftest import wait_until
from tests.unit.cli.scans import T0_MS, dual_simplex, make_board, make_result
from times_doctor_cli.live.loop import ShowEnd, Shown, show
from times_doctor_cli.live.table_screen import FRAME_S, IDLE_FRAME_S
from times_doctor_cli.scan_state.board import Board
from times_doctor_cli.scan_state.menu import Choice, Wish
from times_doctor_cli.terminal.console import _PosixKeyboard, emit_json, fail, keyboard, shows_frames, shows_unicode
from times_doctor_tasks.contract.errors import BrokerUnavailable, UsageError
from times_doctor_tasks.contract.messages import AnyEvent, Noted, ProgressMade, StateChanged
from times_doctor_tasks.contract.states import RunState, Verdict

Step = Sequence[AnyEvent] | Callable[[], object]


class Script:
    """A source that plays steps: events, or something to do. Time goes on by `step_s` with each."""

    def __init__(self, *steps: Step, step_s: float = 0.3) -> None:
        self._steps = list(steps)
        self._step_s = step_s
        self.now_s = 0.0
        self.asked: list[float] = []

    def next_events(self, timeout_s: float) -> list[tuple[int, AnyEvent]] | None:
        self.asked.append(timeout_s)
        self.now_s += self._step_s
        if not self._steps:
            return None
        step = self._steps.pop(0)
        if callable(step):
            step()
            return []
        return [(self.now_ms(), event) for event in step]

    def now_ms(self) -> int:
        return T0_MS + round(self.now_s * 1000)


class Keys:
    def __init__(self) -> None:
        self.typed = ""

    def read(self) -> str:
        typed, self.typed = self.typed, ""
        return typed

    def discard(self) -> None:
        self.typed = ""

    def type(self, text: str) -> Callable[[], None]:
        def act() -> None:
            self.typed += text

        return act


class Stage:
    """Everything a scan is shown with."""

    def __init__(self, *, terminal: bool = True, keyboard: bool = True, width: int = 80, height: int = 24) -> None:
        self.file = io.StringIO()
        self.console = Console(
            file=self.file,
            width=width,
            height=height,
            force_terminal=terminal,
            color_system=None,
            legacy_windows=False,
            _environ={"TERM": "xterm"},
        )
        self.board: Board = make_board()
        self.keys = Keys()
        self.keyboard = keyboard
        self.choices: list[Choice] = []

    def show(
        self, script: Script, *, can_detach: bool = False, is_mine: bool = True, owner: str = "", notify: bool = False
    ) -> Shown:
        @contextlib.contextmanager
        def held() -> Iterator[Keys | None]:
            yield self.keys if self.keyboard else None

        return show(
            script,
            self.board,
            self.console,
            on_interrupt=self.choices.append,
            can_detach=can_detach,
            is_mine=is_mine,
            owner=owner,
            notify=notify,
            now_ms=script.now_ms,
            tick_s=lambda: script.now_s,
            keys=held,
        )

    @property
    def text(self) -> str:
        """What was written, without control codes."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", self.file.getvalue())

    @property
    def frames(self) -> int:
        return self.text.count("DemoS_007")


def press() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def running(run: str = "cplex.dual") -> list[AnyEvent]:
    return [StateChanged(run=run, attempt=1, state=RunState.RUNNING, host="h1")]


def looks(count: int = 1) -> list[AnyEvent]:
    return [ProgressMade(run="cplex.dual", attempt=1, progress=dual_simplex(), runtime_s=1.0)] * count


def cancelled(*runs: str) -> list[AnyEvent]:
    names = runs or ("cplex.dual", "cplex.sift", "cplex.bar_nox")
    return [StateChanged(run=run, state=RunState.CANCELLED, reason="cancelled by you") for run in names]


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


def test_one_interrupt_opens_the_menu_while_the_scan_goes_on() -> None:
    stage = Stage()
    stage.show(Script(running(), press, running("cplex.sift"), stage.keys.type("\n"), []))

    assert stage.choices == []
    assert "1 cplex.dual    h1        running" in stage.text
    assert "2 cplex.sift    h1        running" in stage.text
    assert "Ctrl-C again cancels all runs." in stage.text
    assert "Ctrl-C again" not in stage.text.split("DemoS_007")[-1]


def test_some_runs_are_cancelled_from_the_menu() -> None:
    stage = Stage()
    shown = stage.show(Script(running(), press, stage.keys.type("2-3"), stage.keys.type("\n"), []))

    assert stage.choices == [Choice(Wish.CANCEL_SOME, ("cplex.sift", "cplex.bar_nox"))]
    assert "Cancelling cplex.sift, cplex.bar_nox." in stage.text
    assert not shown.interrupted


def test_what_was_typed_before_the_menu_is_forgotten() -> None:
    stage = Stage()
    stage.show(Script(running(), stage.keys.type("a\n"), press, [], []))

    assert stage.choices == []


def test_a_second_interrupt_cancels_all() -> None:
    stage = Stage()
    shown = stage.show(Script(running(), press, press, cancelled()))

    assert stage.choices == [Choice(Wish.CANCEL_ALL)]
    assert shown == Shown(ShowEnd.OVER, interrupted=True)


def test_a_second_interrupt_within_a_second_cancels_all_though_the_menu_closed() -> None:
    stage = Stage()
    stage.show(Script(running(), press, stage.keys.type("\n"), press, cancelled(), step_s=0.3))

    assert stage.choices == [Choice(Wish.CANCEL_ALL)]


@pytest.mark.parametrize(
    ("typed", "choice"), [("a\n", Choice(Wish.CANCEL_ALL)), ("2\n", Choice(Wish.CANCEL_SOME, ("cplex.sift",)))]
)
def test_somebody_elses_scan_is_cancelled_only_when_it_is_said_twice(typed: str, choice: Choice) -> None:
    stage = Stage()
    script = Script(running(), press, stage.keys.type(typed), [], stage.keys.type(typed), [], cancelled())
    stage.show(script, can_detach=True, is_mine=False, owner="anna@pc")

    assert "This scan is anna@pc's. Say it once more to cancel it." in stage.text
    assert stage.choices == [choice]


def test_two_interrupts_do_not_cancel_somebody_elses_scan() -> None:
    stage = Stage()
    stage.show(Script(running(), press, press, stage.keys.type("\n"), []), is_mine=False, owner="anna@pc")

    assert stage.choices == []


def test_an_interrupt_later_opens_the_menu_again() -> None:
    stage = Stage()
    stage.show(Script(running(), press, stage.keys.type("\n"), [], [], [], press, [], step_s=0.3))

    assert stage.choices == []


def test_further_interrupts_insist_and_then_leave() -> None:
    stage = Stage()
    script = Script(*[press] * 9, step_s=0.7)
    shown = stage.show(script)

    # The third and the fifth come within a second of the choice before: people press it many times.
    assert stage.choices == [Choice(Wish.CANCEL_ALL), Choice(Wish.CANCEL_NOW)]
    assert shown == Shown(ShowEnd.LEFT, interrupted=True)
    assert len(script.asked) == 6


def test_detach_ends_the_show_and_not_the_scan() -> None:
    stage = Stage()
    shown = stage.show(Script(running(), press, stage.keys.type("d\n"), looks(), looks()), can_detach=True)

    assert stage.choices == [Choice(Wish.DETACH)]
    assert shown == Shown(ShowEnd.DETACHED, interrupted=False)


def test_without_a_keyboard_an_interrupt_cancels_all() -> None:
    stage = Stage(keyboard=False)
    shown = stage.show(Script(running(), press, cancelled()))

    assert stage.choices == [Choice(Wish.CANCEL_ALL)]
    assert shown.interrupted


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGHUP")
@pytest.mark.parametrize("number", ["SIGHUP", "SIGTERM"])
@pytest.mark.parametrize("terminal", [True, False])
def test_hang_up_and_termination_cancel_all(number: str, terminal: bool) -> None:
    stage = Stage(terminal=terminal)
    shown = stage.show(Script(running(), lambda: os.kill(os.getpid(), getattr(signal, number)), cancelled(), []))

    assert stage.choices == [Choice(Wish.CANCEL_ALL)]
    assert shown == Shown(ShowEnd.OVER, interrupted=True)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGHUP")
@pytest.mark.parametrize("number", ["SIGHUP", "SIGTERM"])
@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("is_mine", [True, False])
def test_hang_up_and_termination_leave_a_scan_of_the_team_to_go_on(number: str, terminal: bool, is_mine: bool) -> None:
    stage = Stage(terminal=terminal)
    script = Script(running(), lambda: os.kill(os.getpid(), getattr(signal, number)), looks(), [])
    shown = stage.show(script, can_detach=True, is_mine=is_mine)

    assert stage.choices == []
    assert shown == Shown(ShowEnd.DETACHED, interrupted=is_mine)


def test_a_terminal_that_is_gone_does_not_end_the_scan() -> None:
    class Gone(io.StringIO):
        gone = False

        def write(self, text: str) -> int:
            if self.gone:
                raise OSError(5, "Input/output error")
            return super().write(text)

    stage = Stage()
    file = Gone()
    stage.console.file = file

    def hang_up() -> None:
        file.gone = True
        os.kill(os.getpid(), signal.SIGHUP)

    shown = stage.show(Script(running(), hang_up, cancelled("cplex.dual"), [], cancelled(), step_s=1.1))

    assert stage.choices == [Choice(Wish.CANCEL_ALL)]
    assert shown == Shown(ShowEnd.OVER, interrupted=True)


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


def make_console(encoding: str, *, terminal: bool = True, term: str = "xterm") -> tuple[Console, io.BytesIO]:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, errors="replace", write_through=True)
    return Console(file=file, force_terminal=terminal, width=80, _environ={"TERM": term}, legacy_windows=False), raw


@pytest.mark.parametrize(
    ("encoding", "expected"), [("utf-8", True), ("UTF8", True), ("cp1252", False), ("ascii", False)]
)
def test_unicode_is_shown_where_the_encoding_has_it(
    encoding: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LC_ALL", raising=False)
    assert shows_unicode(make_console(encoding)[0]) is expected
    monkeypatch.setenv("LC_ALL", "C")
    assert not shows_unicode(make_console(encoding)[0])


def test_dumb_terminals_and_pipes_get_no_frames() -> None:
    assert shows_frames(make_console("utf-8")[0])
    assert not shows_frames(make_console("utf-8", term="dumb")[0])
    assert not shows_frames(make_console("utf-8", terminal=False)[0])


def test_a_cp1252_console_shows_a_whole_scan() -> None:
    stage = Stage()
    console, raw = make_console("cp1252")
    stage.console = console
    stage.board = make_board("cplex.双対")
    stage.show(Script(running("cplex.双対"), press, stage.keys.type("双\n"), stage.keys.type("\n"), []))

    assert "cplex.??" in raw.getvalue().decode("cp1252")


def test_an_error_names_the_thing_and_the_next_step() -> None:
    class NoSuchFolder(UsageError):
        hint = "times-doctor scan FOLDER"

    console, raw = make_console("cp1252")
    fail(NoSuchFolder("There is no folder '[demo]/双\x1b[2J': " + "x" * 100), console)

    text = re.sub(r"\x1b\[[0-9;]*m", "", raw.getvalue().decode("cp1252"))
    assert text == f"Error: There is no folder '[demo]/??[2J':\n{'x' * 100}\ntimes-doctor scan FOLDER\n"


def test_json_is_one_ascii_document_without_nan(capsys: pytest.CaptureFixture[str]) -> None:
    emit_json({"name": "双😀", "objective": float("nan"), "result": make_result("cplex.dual")})

    text = capsys.readouterr().out
    assert text.isascii()
    assert json.loads(text)["name"] == "双😀"
    assert '"objective": null' in text
    assert '"verdict": "optimal"' in text


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo terminals")
def test_keyboard_is_held_without_echo_and_given_back() -> None:
    import pty
    import termios

    person, terminal = pty.openpty()
    before = termios.tcgetattr(terminal)
    typed = io.StringIO()

    def comes(text: str) -> bool:
        typed.write(keys.read())
        return typed.getvalue() == text

    with _PosixKeyboard(terminal) as keys:
        assert not termios.tcgetattr(terminal)[3] & (termios.ECHO | termios.ICANON)
        assert termios.tcgetattr(terminal)[3] & termios.ISIG
        first, second = "1,ü".encode()[:3], "1,ü".encode()[3:]
        os.write(person, first)
        wait_until(lambda: comes("1,"))
        os.write(person, second)
        wait_until(lambda: comes("1,ü"))
        os.write(person, b"gone")
        wait_until(lambda: select.select([terminal], [], [], 0)[0])
        keys.discard()
        assert keys.read() == ""
    assert termios.tcgetattr(terminal) == before
    os.close(person)
    assert keys.read() == ""
    os.close(terminal)


def test_nobody_types_where_stdin_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("a\n"))
    with keyboard() as keys:
        assert keys is None


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
