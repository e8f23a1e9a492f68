"""The menu of Ctrl-C, as pure state: typed keys and their meaning."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum

import msgspec

from times_doctor_cli.scan_state.board import Board
from times_doctor_cli.scan_state.rows import Row
from times_doctor_tasks.contract.errors import UsageError
from times_doctor_tasks.contract.states import TERMINAL

#: Detaching leaves the scan to its hosts; a local scan has none but this process.
NO_DETACH = "Detach needs --queue: without it the runs end with this command."

_RANGE = re.compile(r"(\d+)(?:-(\d+))?")
#: Arrow keys and similar ones, as a terminal sends them.
_ESCAPE_SEQUENCE = re.compile(r"\x1b[\[O][0-9;?]*[ -/]*[@-~]?")
#: Most characters that a user may type.
_LONGEST_LINE = 500


class Wish(StrEnum):
    """The user's choices for a running scan."""

    CANCEL_SOME = "cancel some"
    """The named runs stop; the others go on."""
    CANCEL_ALL = "cancel all"
    """Every run stops in stages (what the solver has is kept), then the report is made."""
    CANCEL_NOW = "cancel now"
    """Every run stops at once; asked for after CANCEL_ALL."""
    DETACH = "detach"
    """The scan goes on without this terminal."""
    RESUME = "resume"
    """Nothing: the menu closes."""


class Choice(msgspec.Struct, frozen=True):
    """A choice, and its runs (CANCEL_SOME only)."""

    wish: Wish
    runs: tuple[str, ...] = ()


class Menu(msgspec.Struct):
    """An open menu: the line being typed, and the error of the one before."""

    board: Board
    can_detach: bool
    line: str = ""
    complaint: str = ""

    def type(self, keys: str) -> Choice | None:
        """Take keys; returns the choice once there is one."""
        if keys == "\x1b":
            return Choice(Wish.RESUME)
        for key in _ESCAPE_SEQUENCE.sub("", keys):
            if key == "\x03":
                return Choice(Wish.CANCEL_ALL)
            if key in "\r\n":
                choice = self._enter()
                if choice is not None:
                    return choice
            elif key in "\x7f\b":
                self.line = self.line[:-1]
            elif key in "\x15\x17":
                self.line = ""
            elif key == "\x04" and not self.line:
                return Choice(Wish.RESUME)
            elif key.isprintable() and len(self.line) < _LONGEST_LINE:
                self.line += key
        return None

    def _enter(self) -> Choice | None:
        line, self.line, self.complaint = self.line.strip(), "", ""
        match line.lower():
            case "" | "r" | "resume":
                return Choice(Wish.RESUME)
            case "a" | "all":
                return Choice(Wish.CANCEL_ALL)
            case "d" | "detach":
                if self.can_detach:
                    return Choice(Wish.DETACH)
                self.complaint = NO_DETACH
                return None
        try:
            chosen = select(line, self.board.rows)
        except UsageError as error:
            self.complaint = str(error)
            return None
        return Choice(Wish.CANCEL_SOME, chosen)


def select(text: str, rows: Sequence[Row]) -> tuple[str, ...]:
    """The ids of the runs that `text` names: numbers, ranges, run ids, profile names; separated by commas or blanks.

    A profile's name means all its runs (`tight`: every solver, every repeat), `cplex:tight` those of one solver. Each
    run comes once, in the order of the scan.

    Raises:
        UsageError: a name is not a run, or every named run has ended.
    """
    chosen: set[str] = set()
    for part in filter(None, (part.strip() for part in text.split(","))):
        named = _named(part, rows)  # a profile's name may hold blanks: it comes from a file's name
        for word in [part] if named else part.split():
            chosen.update(row.run for row in named or _by_word(word, rows))
    picked = [row for row in rows if row.run in chosen]
    if not picked:
        raise UsageError("Nothing was named. Type numbers (1,3-5) or names of runs, as in the table.")
    going = tuple(row.run for row in picked if row.state not in TERMINAL)
    if not going:
        names = ", ".join(row.run for row in picked[:5])
        raise UsageError(f"{names}: ended already. Nothing to cancel.")
    return going


def _by_word(word: str, rows: Sequence[Row]) -> Sequence[Row]:
    numbers = _RANGE.fullmatch(word)
    if numbers is not None:
        first, last = sorted((int(numbers[1]), int(numbers[2] or numbers[1])))
        if first < 1 or last > len(rows):
            raise UsageError(f"There is no run {word!r}: they are numbered 1 to {len(rows)}.")
        return rows[first - 1 : last]
    named = _named(word, rows)
    if not named:
        raise UsageError(f"There is no run {word!r}. Type numbers or names as in the table, {rows[0].run!r} for one.")
    return named


def _named(name: str, rows: Sequence[Row]) -> list[Row]:
    wanted = name.casefold()
    return [
        row
        for row in rows
        if wanted in (row.run.casefold(), row.profile.casefold(), f"{row.solver}:{row.profile}".casefold())
    ]
