from __future__ import annotations

import io
import os
import signal
import sys

import pytest

from tests.unit.cli.live.stage import Script, Stage, cancelled, looks, press, running
from times_doctor_cli.live.loop import ShowEnd, Shown
from times_doctor_cli.scan_state.menu import Choice, Wish


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
