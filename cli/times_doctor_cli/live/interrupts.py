"""Ctrl-C, hang-up and the keys of the menu, turned into choices."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

from times_doctor_cli.scan_state.board import Board
from times_doctor_cli.scan_state.menu import Choice, Menu, Wish
from times_doctor_cli.scan_state.rows import Notice
from times_doctor_cli.terminal.console import Keyboard

#: Milliseconds: a second Ctrl-C this soon after the first means all, even if the menu was closed in between.
DOUBLE_MS = 1_000
#: Milliseconds for which Ctrl-C is ignored after "cancel all" and "cancel now": people press it many times.
DEAF_MS = 1_000

#: The message if Ctrl-C came before anything was published.
NOTHING_STARTED = "Interrupted before the scan was submitted: nothing was started."
_CANCEL_WORDS = {
    Wish.CANCEL_ALL: "Cancelling all runs; what their solvers have by now is kept.",
    Wish.CANCEL_NOW: "Stopping all runs at once.",
}


class Signals:
    """Counts Ctrl-C and notes a hang-up; the handlers do nothing else, and the old ones are restored at the end."""

    #: Another process asks us to end. Absent names do not exist on this platform.
    _ENDING = ("SIGHUP", "SIGTERM", "SIGBREAK")

    def __init__(self) -> None:
        self.must_end = False
        self.hung_up = False
        """The terminal is closed too."""
        self._presses = 0
        self._before: dict[signal.Signals, Any] = {}

    def take_presses(self) -> int:
        """How often Ctrl-C was pressed since the last call."""
        presses = self._presses
        self._presses -= presses  # not "= 0": a handler may run between these two lines
        return presses

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():
            self._install(signal.SIGINT, self._press)
            for name in self._ENDING:
                if hasattr(signal, name):
                    self._install(getattr(signal, name), self._end)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _install(self, number: signal.Signals, handler: Callable[[int, FrameType | None], None]) -> None:
        # Ignored by the process that started us: nohup, or a shell that put us in the background.
        if signal.getsignal(number) is not signal.SIG_IGN:
            self._before[number] = signal.signal(number, handler)

    def _press(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._presses += 1

    def _end(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.must_end = True
        self.hung_up = self.hung_up or signal.Signals(number).name == "SIGHUP"


class Controls:
    """The user's choice: one Ctrl-C opens the menu, two cancel all, more insist.

    After "cancel all" the next Ctrl-C cancels at once, and one more leaves without waiting.
    """

    def __init__(
        self,
        board: Board,
        keys: Keyboard | None,
        on_choice: Callable[[Choice], None],
        *,
        can_detach: bool,
        is_mine: bool = True,
        owner: str = "",
    ) -> None:
        self.menu: Menu | None = None
        self.cancelled: Wish | None = None
        self.detached = False
        self.left = False
        self._board = board
        self._keys = keys
        self._on_choice = on_choice
        self._can_detach = can_detach
        self._is_mine = is_mine
        #: The owner, if it is another user and this user has not been asked yet.
        self._owner = owner
        self._last_press_ms: int | None = None
        self._cancelled_ms = 0

    def handle(self, signals: Signals, at_ms: int) -> bool:
        """Acts on keys and Ctrl-C; returns whether to redraw at once."""
        changed = False
        for _ in range(signals.take_presses()):
            self._press(at_ms)
            changed = True
        if signals.must_end and self.cancelled is None:
            self._leave_or_cancel(at_ms)
        elif signals.must_end and self._can_detach and not signals.hung_up:
            self.left = True
        if self.menu is not None and self._keys is not None:
            typed = self._keys.read()
            if typed:
                self._choose(self.menu.type(typed), at_ms)
                changed = True
        return changed

    @property
    def hint(self) -> str:
        """The effect of the next Ctrl-C."""
        match self.cancelled:
            case Wish.CANCEL_ALL:
                return "Cancelling. Ctrl-C: stop at once"
            case Wish.CANCEL_NOW:
                return "Stopping. Ctrl-C: leave"
        if self._keys is None:
            return "Ctrl-C: cancel" if self._is_mine else "Ctrl-C: leave"
        return "Ctrl-C: menu"

    def _press(self, at_ms: int) -> None:
        first_ms, self._last_press_ms = self._last_press_ms, at_ms
        if self.cancelled is not None:
            if at_ms - self._cancelled_ms >= DEAF_MS:
                self._insist(at_ms)
            return
        twice = first_ms is not None and at_ms - first_ms <= DOUBLE_MS
        if self._keys is None:
            self._cancel_unasked(at_ms)
        elif self.menu is not None or twice or self._board.is_over:
            if not self._asks_first():
                self._cancel(Wish.CANCEL_ALL, at_ms)
        else:
            self._keys.discard()
            self.menu = Menu(self._board, can_detach=self._can_detach)

    def _leave_or_cancel(self, at_ms: int) -> None:
        """When its terminal closes, a scan on this machine is cancelled; one on a team's hosts goes on."""
        if self._can_detach:
            self.detached = True
        else:
            self._cancel_unasked(at_ms)

    def _cancel_unasked(self, at_ms: int) -> None:
        """Ctrl-C without a menu: a mere watcher leaves, and the scan goes on."""
        if self._is_mine:
            self._cancel(Wish.CANCEL_ALL, at_ms)
        else:
            self.detached = True

    def _insist(self, at_ms: int) -> None:
        if self.cancelled is Wish.CANCEL_ALL:
            self._cancel(Wish.CANCEL_NOW, at_ms)
        else:
            self.left = True

    def _asks_first(self) -> bool:
        """Whether to ask before another user's scan is cancelled; only once."""
        owner, self._owner = self._owner, ""
        if owner:
            words = f"This scan is {owner}'s. Say it once more to cancel it."
            self.menu = Menu(self._board, can_detach=self._can_detach, complaint=words)
        return bool(owner)

    def _choose(self, choice: Choice | None, at_ms: int) -> None:
        if choice is None or (choice.wish in (Wish.CANCEL_ALL, Wish.CANCEL_SOME) and self._asks_first()):
            return
        self.menu = None
        match choice.wish:
            case Wish.CANCEL_ALL:
                self._cancel(Wish.CANCEL_ALL, at_ms)
            case Wish.CANCEL_SOME:
                names = ", ".join(choice.runs)
                self._board.tell(Notice("info", f"Cancelling {names}."))
                self._on_choice(choice)
            case Wish.DETACH:
                self.detached = True
                self._on_choice(choice)

    def _cancel(self, wish: Wish, at_ms: int) -> None:
        self.menu = None
        self.cancelled = wish
        self._cancelled_ms = at_ms
        self._board.tell(Notice("info", _CANCEL_WORDS[wish]))
        self._on_choice(Choice(wish))
