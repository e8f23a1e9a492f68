"""The scan as lines of a log, if no table can be drawn: pipes, CI, dumb terminals."""

from __future__ import annotations

import time

import msgspec
from rich.console import Console

from times_doctor_cli.scan_state.board import Board
from times_doctor_cli.scan_state.menu import Menu
from times_doctor_cli.scan_state.rows import Headline, Row
from times_doctor_cli.terminal.signs import printable
from times_doctor_cli.terminal.units import runtime, span, verdict_words
from times_doctor_cli.views.live.progress import progress_words
from times_doctor_cli.views.notices import notice_words
from times_doctor_tasks.contract.messages import AnyEvent, ProgressMade, StateChanged
from times_doctor_tasks.contract.progress import Phase
from times_doctor_tasks.contract.states import OWNED, SOLVED, TERMINAL, RunState

#: A run reports its progress at most this often, ms, ...
PROGRESS_EVERY_MS = 10_000
#: ... or after this much progress in its phase.
PROGRESS_STEP = 0.1
#: But never more often than this, ms.
PROGRESS_FLOOR_MS = 1_000
#: After this long without a line a summary shows that the scan is alive, ms.
SILENCE_MS = 60_000


class _Told(msgspec.Struct, frozen=True):
    at_ms: int
    phase: Phase | None = None
    solve: int = 0
    fraction: float = 0.0


class PlainScreen:
    """Prints a line per change."""

    def __init__(self, board: Board, console: Console) -> None:
        self._board = board
        self._console = console
        self._told: dict[str, _Told] = {}
        self._last_line_ms: int | None = None

    def took(self, at_ms: int, event: AnyEvent) -> None:
        """Called after the board applied `event`."""
        notices = [notice_words(notice) for notice in self._board.take_notices()]
        match event:
            case StateChanged():
                row = self._board.row(event.run)
                if row.state is RunState.RUNNING:
                    self._told[row.run] = _Told(at_ms)
                # A failure has its notice: one line, not two.
                if row.state not in (RunState.FAILED, RunState.LOST) or not notices:
                    self._print(at_ms, state_line(row))
            case ProgressMade():
                row = self._board.row(event.run)
                if self._is_worth_a_line(row, at_ms):
                    self._print(at_ms, progress_line(row, at_ms))
        for words in notices:
            self._print(at_ms, words)

    def refresh(self, now_ms: int, menu: Menu | None, *, hint: str = "", urgent: bool = False) -> None:
        """Prints a summary after a long silence."""
        del menu, hint, urgent  # no user can see a menu
        for notice in self._board.take_notices():
            self._print(now_ms, notice_words(notice))
        if self._last_line_ms is None:
            self._last_line_ms = now_ms
        elif now_ms - self._last_line_ms >= SILENCE_MS:
            self._print(now_ms, headline_line(self._board.headline(now_ms)))

    def close(self, now_ms: int) -> None:
        """Prints a summary: the scan is over, or no longer watched."""
        self._print(now_ms, headline_line(self._board.headline(now_ms)))

    def _is_worth_a_line(self, row: Row, at_ms: int) -> bool:
        look = row.progress
        if look is None or row.state is not RunState.RUNNING:
            return False
        told = self._told.setdefault(row.run, _Told(at_ms))
        fraction = look.fraction or 0.0
        # Many short solves each go from 0 to 100 %: a step counts only within one.
        before = told.fraction if look.phase is told.phase else 0.0
        further = look.solve == max(told.solve, 1) and fraction >= before + PROGRESS_STEP
        if at_ms - told.at_ms < (PROGRESS_FLOOR_MS if further else PROGRESS_EVERY_MS):
            return False
        self._told[row.run] = _Told(at_ms, look.phase, look.solve, fraction)
        return True

    def _print(self, at_ms: int, words: str) -> None:
        clock = time.strftime("%H:%M:%S", time.localtime(at_ms / 1000))
        # Without rich, for speed: a scan has five such lines per run.
        print(f"{clock} {printable(words)}", file=self._console.file, flush=True)
        self._last_line_ms = max(at_ms, self._last_line_ms or 0)


def state_line(row: Row) -> str:
    """A run's state as text: `cplex.dual running on h1`."""
    words = [row.run, row.state.value]
    if row.verdict is not None:
        words.append(verdict_words(row.verdict))
    if row.state in OWNED and row.host:
        words.append(f"on {row.host}")
    if row.state in OWNED and row.attempt > 1:
        words.append(f"(try {row.attempt})")
    line = " ".join(words)
    if row.state in TERMINAL:
        facts = [
            f"objective {row.objective:.15g}" if row.is_exact and row.objective is not None else "",
            runtime(row.runtime_s),
        ]
        line = ", ".join([line, *filter(None, facts)])
    if row.is_exact and row.verdict in SOLVED:
        return line  # its figures show it
    return f"{line}: {row.reason}" if row.reason else line


def progress_line(row: Row, now_ms: int) -> str:
    """A run's progress: `cplex.bar barrier 62%, 1:12`."""
    look = row.progress
    assert look is not None
    facts = [f"{row.run} {look.phase.value} {progress_words(look)}".rstrip(), span(row.elapsed_s(now_ms))]
    return ", ".join(filter(None, facts))


def headline_line(head: Headline) -> str:
    """The scan in one line."""
    facts = [f"{head.done}/{head.total} done", span(head.elapsed_s)]
    if head.unsuccessful:
        facts.append(f"{head.unsuccessful} failed")
    if head.running:
        facts.append(f"{head.running} running")
    if head.parked:
        facts.append(f"{head.parked} parked: {head.parked_why}".removesuffix(": "))
    return f"{head.title}: {', '.join(facts)}"
