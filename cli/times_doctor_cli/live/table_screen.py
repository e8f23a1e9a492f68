"""The live table on a terminal: when to draw a frame, and how to remove the one before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from rich.console import Console
from rich.control import Control
from rich.live import Live
from rich.segment import ControlType

from times_doctor_cli.scan_state.board import Board
from times_doctor_cli.scan_state.menu import Menu
from times_doctor_cli.terminal.console import shows_unicode
from times_doctor_cli.terminal.lines import Lines
from times_doctor_cli.views.live.menu import MENU_LINES, menu_view
from times_doctor_cli.views.live.table import Frame, live_table
from times_doctor_cli.views.live.title import title_of
from times_doctor_cli.views.notices import notices_view
from times_doctor_tasks.contract.messages import AnyEvent

#: At most four frames a second: more cannot be read, and 500 runs would cost a core.
FRAME_S = 0.25
#: At least one, so that the times move.
IDLE_FRAME_S = 1.0
#: A shorter scan rings no bell: its user is still watching.
BELL_AFTER_S = 30.0


class Screen(Protocol):
    """One way to show a board."""

    def took(self, at_ms: int, event: AnyEvent) -> None:
        """The board has just folded `event`."""

    def refresh(self, now_ms: int, menu: Menu | None, *, hint: str = "", urgent: bool = False) -> None:
        """Show what changed, if it is time; at once if `urgent`."""

    def close(self, now_ms: int) -> None:
        """Show the last state and release the terminal."""


class TableScreen:
    """The live table. It stays in the scrollback at the end: no alternate screen."""

    def __init__(self, board: Board, console: Console, *, tick_s: Callable[[], float], notify: bool = False) -> None:
        """Args:
        notify: Set the terminal's title, and ring its bell at the end.
        """
        self._board = board
        self._console = console
        self._tick_s = tick_s
        self._unicode = shows_unicode(console)
        self._notify = notify
        self._title = ""
        self._began_s = tick_s()
        self._drawn: Lines | None = None
        self._size = console.size
        self._version = -1
        self._drawn_s = -IDLE_FRAME_S
        self._live = Live(console=console, auto_refresh=False, vertical_overflow="crop")

    def took(self, at_ms: int, event: AnyEvent) -> None:
        """Does nothing: a frame shows the board, not its events."""

    def refresh(self, now_ms: int, menu: Menu | None, *, hint: str = "", urgent: bool = False) -> None:
        """Draw a frame if something changed and the last one is old enough."""
        age_s = self._tick_s() - self._drawn_s
        changed = self._board.version != self._version and age_s >= FRAME_S
        if changed or urgent or age_s >= IDLE_FRAME_S or self._console.size != self._size:
            self._draw(now_ms, menu, hint)

    def close(self, now_ms: int) -> None:
        """Leave the last state as the last thing drawn."""
        try:
            self._draw(now_ms, None, "")
        finally:
            self._live.stop()
            if self._notify and self._board.reported and self._tick_s() - self._began_s >= BELL_AFTER_S:
                self._console.bell()

    def _draw(self, now_ms: int, menu: Menu | None, hint: str) -> None:
        size = self._console.size
        if self._drawn is not None and size.width < self._size.width:
            self._erase_wrapped(self._drawn, size.width)
        frame = Frame(
            width=size.width,
            height=max(1, size.height - 1 - (MENU_LINES if menu else 0)),
            now_ms=now_ms,
            unicode=self._unicode,
            numbered=menu is not None,
            hint="" if menu else hint,
        )
        lines = live_table(self._board, frame)
        if menu is not None:
            lines = Lines([*lines.lines, *menu_view(menu, width=size.width, unicode=self._unicode).lines])
        self._version = self._board.version
        self._drawn_s = self._tick_s()
        self._size = size
        self._drawn = lines
        self._put(lines)
        if self._notify and (title := title_of(self._board, now_ms)) != self._title:
            self._title = title
            self._console.set_window_title(title)

    def _put(self, lines: Lines) -> None:
        notices = self._board.take_notices()
        if not self._live.is_started:
            self._live.start()
        self._live.update(lines, refresh=not notices)
        if notices:
            # Printing while the table is live redraws the table below: one write for both.
            self._console.print(notices_view(notices, unicode=self._unicode), crop=False)

    def _erase_wrapped(self, old: Lines, width: int) -> None:
        """Remove a frame that a narrower terminal has wrapped into more rows than were drawn.

        Rich moves up by the rows that it drew, so the upper ones would stay. Terminals that cut lines lose as many rows
        above the table; nearly all terminals wrap.
        """
        drawn = len(old.lines)
        rows = old.rows_at(width)
        if rows == drawn:
            return
        up = [(ControlType.CURSOR_UP, 1), (ControlType.ERASE_IN_LINE, 2)] * (rows - 1)
        down = [(ControlType.CURSOR_DOWN, drawn - 1)] if drawn > 1 else []
        self._console.control(Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2), *up, *down))
