"""The loop that shows a scan while it runs."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import Protocol

import msgspec
from rich.console import Console

from times_doctor_cli.live.interrupts import Controls, Signals
from times_doctor_cli.live.plain_screen import PlainScreen
from times_doctor_cli.live.table_screen import FRAME_S, Screen, TableScreen
from times_doctor_cli.scan_state.board import Board
from times_doctor_cli.scan_state.menu import Choice
from times_doctor_cli.terminal.console import Keyboard, keyboard, shows_frames
from times_doctor_tasks.contract.clock import monotonic_s
from times_doctor_tasks.contract.clock import now_ms as wall_ms
from times_doctor_tasks.contract.messages import AnyEvent, Reported, RunResult, StateChanged
from times_doctor_tasks.contract.states import TERMINAL

#: Seconds between polls for keys while a menu is open.
KEY_S = 0.04
#: Least time between reads of events: many small answers cost more than one large one. Each hundred runs adds as much
#: again, up to four times.
POLL_S = 0.05


class EventSource(Protocol):
    """Where a scan's events come from."""

    def next_events(self, timeout_s: float) -> Sequence[tuple[int, AnyEvent]] | None:
        """New events since the last call, oldest first, as (at_ms, event); None once the scan is over.

        Waits up to `timeout_s` for the first event, then returns an empty sequence.
        """


class ShowEnd(StrEnum):
    """Why `show` returned."""

    OVER = "over"
    """The source reported the end of the scan."""
    DETACHED = "detached"
    """The user leaves; the scan goes on."""
    LEFT = "left"
    """The user asked to cancel all, to cancel now, and then pressed Ctrl-C once more."""


class Shown(msgspec.Struct, frozen=True):
    """How `show` ended."""

    ending: ShowEnd
    interrupted: bool
    """All runs, or the command that owns the scan, were asked to stop: exit code 130."""


def show(
    source: EventSource,
    board: Board,
    console: Console,
    *,
    on_interrupt: Callable[[Choice], None],
    result_of: Callable[[str], RunResult | None] | None = None,
    can_detach: bool = False,
    is_mine: bool = True,
    owner: str = "",
    signals: Signals | None = None,
    notify: bool = False,
    now_ms: Callable[[], int] = wall_ms,
    tick_s: Callable[[], float] = monotonic_s,
    keys: Callable[[], AbstractContextManager[Keyboard | None]] = keyboard,
) -> Shown:
    """Show a scan until it is over, as a table on a terminal, else as a line per change.

    Args:
        source: its events. Its exceptions end the show and reach the caller, after the terminal is restored.
        on_interrupt: called in this thread with CANCEL_SOME, CANCEL_ALL, CANCEL_NOW or DETACH; it must not block.
        result_of: the result of an ended run; None: not available now, and its objective is not shown.
        can_detach: it can go on without this terminal, whose end or SIGTERM then only ends the show, else cancels all.
        is_mine: this terminal started it: Ctrl-C without a menu cancels all, else it ends the show.
        owner: The other user who owns the scan: the menu asks before it cancels.
        signals: noted since before the scan was submitted. notify: keep the terminal's title, ring its bell at the end.
    """
    frames = shows_frames(console)
    noting = contextlib.nullcontext(signals) if signals else Signals()
    with noting as noted, keys() if frames else contextlib.nullcontext() as held:
        controls = Controls(board, held, on_interrupt, can_detach=can_detach, is_mine=is_mine, owner=owner)
        table = TableScreen(board, console, tick_s=tick_s, notify=notify) if frames else None
        screen: Screen = table or PlainScreen(board, console)
        try:
            ending = _Loop(source, board, screen, noted, controls, result_of).run(now_ms, tick_s)
        finally:
            with _forgiving(noted):
                screen.close(now_ms())
    told = controls.cancelled is not None or (ending is ShowEnd.DETACHED and noted.must_end and is_mine)
    return Shown(ending, interrupted=told)


class _Loop(msgspec.Struct, frozen=True):
    source: EventSource
    board: Board
    screen: Screen
    signals: Signals
    controls: Controls
    result_of: Callable[[str], RunResult | None] | None

    def run(self, now_ms: Callable[[], int], tick_s: Callable[[], float]) -> ShowEnd:
        urgent = True
        while True:
            with _forgiving(self.signals):
                self.screen.refresh(now_ms(), self.controls.menu, hint=self.controls.hint, urgent=urgent)
            asked_s = tick_s()
            events = self.source.next_events(KEY_S if self.controls.menu else FRAME_S)
            if events is None:
                self.board.apply(Reported(), at_ms=now_ms())
                return ShowEnd.OVER
            with _forgiving(self.signals):
                self._fold(events)
            urgent = self.controls.handle(self.signals, now_ms())
            if self.controls.detached:
                return ShowEnd.DETACHED
            if self.controls.left:
                return ShowEnd.LEFT
            if events and not self.board.reported:
                pause_s = POLL_S * min(4.0, max(1.0, len(self.board.rows) / 100))
                time.sleep(max(0.0, min(pause_s, pause_s - (tick_s() - asked_s))))

    def _fold(self, events: Sequence[tuple[int, AnyEvent]]) -> None:
        for at_ms, event in events:
            if self._settle(event, at_ms) or self.board.apply(event, at_ms=at_ms):
                self.screen.took(at_ms, event)

    def _settle(self, event: AnyEvent, at_ms: int) -> bool:
        if self.result_of is None or not isinstance(event, StateChanged) or event.state not in TERMINAL:
            return False
        result = self.result_of(event.run)
        return result is not None and self.board.settle(result, at_ms=at_ms)


def _forgiving(signals: Signals) -> AbstractContextManager[None]:
    """Ignores write errors: after a hang-up the terminal is gone."""
    return contextlib.suppress(*([OSError] if signals.hung_up else []))
