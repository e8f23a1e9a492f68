"""How far an upload or a download is: a bar on a terminal, a line elsewhere, nothing where it is over at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from times_doctor_cli.console import say, shows_frames, shows_unicode
from times_doctor_cli.views.words import size
from times_doctor_tasks.blobs import OnSent

#: Less is sent before anybody could read a bar.
WORTH_A_BAR_BYTES = 8_000_000


@contextmanager
def shown_transfer(what: str, console: Console) -> Iterator[OnSent]:
    """Shows a transfer while it lasts, once the callback was told that it is large."""
    shown = _Shown(what, console)
    try:
        yield shown.on_sent
    finally:
        shown.close()


class _Shown:
    def __init__(self, what: str, console: Console) -> None:
        self._what = what
        self._console = console
        self._progress: Progress | None = None
        self._task = TaskID(0)
        self._said = False

    def on_sent(self, done: int, total: int) -> None:
        if total < WORTH_A_BAR_BYTES or self._said:
            return
        if not shows_frames(self._console):
            say(f"{self._what}: {size(total)}", self._console)
            self._said = True
            return
        progress = self._progress or self._start(total)
        progress.update(self._task, completed=done, total=total, amount=f"{size(done)} of {size(total)}")

    def close(self) -> None:
        if self._progress is not None:
            self._progress.stop()

    def _start(self, total: int) -> Progress:
        # The bar is made of letters that not every terminal has.
        bar = [BarColumn(bar_width=24)] if shows_unicode(self._console) else []
        columns = [TextColumn(self._what), *bar, TextColumn("{task.fields[amount]}"), TimeRemainingColumn(compact=True)]
        self._progress = Progress(*columns, console=self._console, transient=True)
        self._progress.start()
        self._task = self._progress.add_task(self._what, total=total, amount="")
        return self._progress
