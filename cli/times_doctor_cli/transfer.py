"""How far an upload or a download is: a bar on a terminal, a line elsewhere, nothing where it is over at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from times_doctor_cli.console import say, shows_frames, shows_unicode
from times_doctor_cli.upload import OnSent
from times_doctor_cli.views.words import size

#: Less is sent before anybody could read a bar.
WORTH_A_BAR_BYTES = 8_000_000


def _say_nothing(done: int, total: int) -> None:
    del done, total


@contextmanager
def shown_transfer(what: str, total_bytes: int, console: Console) -> Iterator[OnSent]:
    """Shows a transfer while it lasts; the callback is told bytes done and bytes to do."""
    if total_bytes < WORTH_A_BAR_BYTES:
        yield _say_nothing
        return
    if not shows_frames(console):
        say(f"{what}: {size(total_bytes)}", console)
        yield _say_nothing
        return
    amount = TextColumn("{task.fields[amount]}")
    parts = [TextColumn(what), BarColumn(bar_width=24), amount, TimeRemainingColumn(compact=True)]
    if not shows_unicode(console):
        del parts[1]  # its bar is made of letters that this terminal has not
    with Progress(*parts, console=console, transient=True) as progress:
        task = progress.add_task(what, total=total_bytes, amount=size(total_bytes))

        def on_sent(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total, amount=f"{size(done)} of {size(total)}")

        yield on_sent
