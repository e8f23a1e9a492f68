"""Progress of GDX files: one changing line on a terminal, elsewhere a line for each large file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Column

from times_doctor_cli.gdx.auto_fetch import Unasked
from times_doctor_cli.gdx.download import GdxOutcome
from times_doctor_cli.gdx.request import GdxStep
from times_doctor_cli.terminal.console import say, shows_frames, shows_unicode, stderr_console
from times_doctor_cli.terminal.progress_bar import WORTH_A_BAR_BYTES
from times_doctor_cli.terminal.signs import printable
from times_doctor_cli.terminal.units import size

_WORDS = {
    "asking": "Asking {host} for the GDX of {run}",
    "waiting": "{host} sends others first; then the GDX of {run}",
    "sending": "{host} sends the GDX of {run}",
    "fetching": "Fetching the GDX of {run}",
}


class Steps(Protocol):
    """What shows the steps of GDX files."""

    def on_step(self, step: GdxStep) -> None:
        """Shows it until the next one."""

    def clear(self) -> None:
        """Clears its line."""


@contextmanager
def shown_steps(console: Console) -> Iterator[Steps]:
    """Shows steps on `console`, and clears it at the end."""
    steps: Steps = _Line(console) if shows_frames(console) else _Lines(console)
    try:
        yield steps
    finally:
        steps.clear()


def step_words(step: GdxStep) -> str:
    """The current step."""
    words = _WORDS.get(step.stage, _WORDS["asking"])
    return words.format(host=printable(step.host), run=printable(step.run))


def tell(outcome: GdxOutcome, console: Console) -> None:
    """The outcome of one GDX, as a line on `console`, or as a sentence on stderr if it did not arrive."""
    if outcome.path is None:
        say(outcome.why if not outcome.is_lost else f"Warning: {outcome.why}", stderr_console())
        return
    how = f"from {outcome.host}" if outcome.sha256 else "here already"
    below = "/".join(outcome.path.parts[-3:])  # relative to the scan's folder, which was printed just before
    what = outcome.what[:1].upper() + outcome.what[1:]
    say(f"{what} of {outcome.run}: {below} ({size(outcome.size_bytes)}, {how})", console)


def finish_shown(
    unasked: Unasked, steps_console: Console, console: Console, is_told_to_end: Callable[[], bool] = lambda: False
) -> list[GdxOutcome]:
    """Waits for the recommended run's files, shows their progress, and reports the outcome of each."""
    with shown_steps(steps_console) as steps:
        outcomes = unasked.finish(steps.on_step, is_told_to_end)
    for outcome in outcomes:
        tell(outcome, console)
    return outcomes


class _Line:
    def __init__(self, console: Console) -> None:
        words = TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="ellipsis"))
        # Short, so that `^C` fits behind it at 80 columns. Not every terminal can show its letters.
        bar = [BarColumn(bar_width=12)] if shows_unicode(console) else []
        columns = [words, *bar, TextColumn("{task.fields[amount]}"), TimeRemainingColumn(compact=True)]
        self._progress = Progress(*columns, console=console, transient=True)
        self._task: TaskID | None = None
        self._stage = ("", "")

    def on_step(self, step: GdxStep) -> None:
        if self._task is None or self._stage != (step.run, step.stage):
            self._begin(step)
        if self._task is not None and step.size_bytes:
            amount = f"{size(step.done_bytes)} of {size(step.size_bytes)}"
            self._progress.update(self._task, completed=step.done_bytes, total=step.size_bytes, amount=amount)

    def clear(self) -> None:
        if self._task is not None:
            self._progress.stop()
            self._progress.remove_task(self._task)
            self._task = None

    def _begin(self, step: GdxStep) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(step_words(step), total=None, amount="")
        self._stage = (step.run, step.stage)
        self._progress.start()


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._said: set[tuple[str, str]] = set()

    def on_step(self, step: GdxStep) -> None:
        is_worth_it = step.size_bytes >= WORTH_A_BAR_BYTES or step.stage == "waiting"
        if is_worth_it and (step.run, step.stage) not in self._said:
            self._said.add((step.run, step.stage))
            amount = f": {size(step.size_bytes)}" if step.size_bytes else ""
            say(f"{step_words(step)}{amount}", self._console)

    def clear(self) -> None:
        """Lines stay."""
