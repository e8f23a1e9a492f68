"""Progress of a transfer: a bar on a terminal, a line elsewhere, nothing if it is short."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console

from times_doctor_cli.terminal.console import say, shows_frames, shows_unicode
from times_doctor_cli.terminal.units import size
from times_doctor_tasks.blob_store.transfer_progress import OnSent
from times_doctor_tasks.contract.clock import monotonic_s

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

#: Less is sent before a user could read a bar.
WORTH_A_BAR_BYTES = 8_000_000
#: Seconds before a bar appears: shorter transfers show none.
WORTH_A_BAR_S = 1.0


@contextmanager
def shown_transfer(
    what: str,
    console: Console,
    *,
    began_s: float | None = None,
    quiet: bool = False,
    clock: Callable[[], float] = monotonic_s,
) -> Iterator[OnSent]:
    """Shows a transfer while it lasts, if it is large.

    Args:
        began_s: Time since when the screen is empty, on `clock`; by default now.
        quiet: Print nothing if no bar can be drawn: nothing leaves this machine.
    """
    due_s = (clock() if began_s is None else began_s) + WORTH_A_BAR_S
    shown = _Shown(what, console, quiet=quiet, due_s=due_s, clock=clock)
    try:
        yield shown.on_sent
    finally:
        shown.close()


class _Shown:
    def __init__(self, what: str, console: Console, *, quiet: bool, due_s: float, clock: Callable[[], float]) -> None:
        self._what = what
        self._console = console
        self._due_s = due_s
        self._clock = clock
        self._progress: Progress | None = None
        self._task: TaskID
        self._draws = shows_frames(console)
        self._said = quiet

    def on_sent(self, done: int, total: int) -> None:
        if total < WORTH_A_BAR_BYTES:
            return
        if not self._draws:
            self._say(total)
        elif self._progress is not None or self._clock() >= self._due_s:
            progress = self._progress or self._start(total)
            progress.update(self._task, completed=done, total=total, amount=f"{size(done)} of {size(total)}")

    def close(self) -> None:
        if self._progress is not None:
            self._progress.stop()

    def _say(self, total: int) -> None:
        if not self._said:
            say(f"{self._what}: {size(total)}", self._console)
            self._said = True

    def _start(self, total: int) -> Progress:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # few transfers are long

        # The bar is made of letters that not every terminal has.
        bar = [BarColumn(bar_width=24)] if shows_unicode(self._console) else []
        columns = [TextColumn(self._what), *bar, TextColumn("{task.fields[amount]}"), TimeRemainingColumn(compact=True)]
        self._progress = Progress(*columns, console=self._console, transient=True)
        self._progress.start()
        self._task = self._progress.add_task(self._what, total=total, amount="")
        return self._progress
