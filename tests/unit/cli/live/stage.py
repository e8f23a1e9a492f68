from __future__ import annotations

import contextlib
import io
import os
import re
import signal
from collections.abc import Callable, Iterator, Sequence

from rich.console import Console

from tests.unit.cli.scans import T0_MS, dual_simplex, make_board
from times_doctor_cli.live.loop import Shown, show
from times_doctor_cli.scan_state.board import Board
from times_doctor_cli.scan_state.menu import Choice
from times_doctor_tasks.contract.messages import AnyEvent, ProgressMade, StateChanged
from times_doctor_tasks.contract.states import RunState

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
