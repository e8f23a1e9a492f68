"""Signs and text that fit a terminal: glyphs of states, printable and cut text."""

from __future__ import annotations

import msgspec
from rich.cells import cell_len, set_cell_size

from times_doctor_tasks.contract.states import SOLVED, RunState, Verdict


class Glyphs(msgspec.Struct, frozen=True):
    """The few signs that are not letters."""

    running: str = "▸"
    waiting: str = "·"
    parked: str = "‖"
    done: str = "✓"
    doubtful: str = "!"
    """Ended with an answer that is not a solution."""
    failed: str = "✗"
    cancelled: str = "\u2013"
    lost: str = "?"
    best: str = "▸"
    ellipsis: str = "…"
    bar_full: str = "━"
    bar_empty: str = "─"
    times: str = "\u00d7"
    """Multiplication sign."""


UNICODE = Glyphs()
ASCII = Glyphs(
    running=">",
    waiting=".",
    parked="=",
    done="+",
    failed="x",
    cancelled="-",
    best=">",
    ellipsis="..",
    bar_full="#",
    bar_empty="-",
    times="x",
)


def glyphs(*, unicode: bool) -> Glyphs:
    """The signs that this terminal can show."""
    return UNICODE if unicode else ASCII


def state_glyph(state: RunState, verdict: Verdict | None, signs: Glyphs) -> tuple[str, str]:
    """The sign of a run and its Rich style."""
    match state:
        case RunState.PENDING | RunState.QUEUED:
            return signs.waiting, "dim"
        case RunState.PARKED:
            return signs.parked, "yellow"
        case RunState.CLAIMED | RunState.STAGING | RunState.RUNNING | RunState.COLLECTING:
            return signs.running, "cyan"
        case RunState.DONE:
            return (signs.done, "green") if verdict in SOLVED or verdict is None else (signs.doubtful, "yellow")
        case RunState.FAILED:
            return signs.failed, "bold red"
        case RunState.LOST:
            return signs.lost, "bold red"
        case RunState.CANCELLED:
            return signs.cancelled, "dim"


def printable(text: str) -> str:
    """`text` on one line, with control characters shown as `?`: names come from files and other hosts.

    >>> printable("a\\x1b[2Jb"), printable("one\\ntwo")
    ('a?[2Jb', 'one two')
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else " " if char.isspace() else "?" for char in text)


def cut_end(text: str, width: int, *, ellipsis: str) -> str:
    """`text` in at most `width` columns, the end given up.

    >>> cut_end("no licence seat", 10, ellipsis="..")
    'no licen..'
    """
    text = printable(text)
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(0, width - cell_len(ellipsis))).rstrip() + ellipsis[: max(0, width)]


def cut_middle(text: str, width: int, *, ellipsis: str) -> str:
    """`text` in at most `width` columns, the middle given up: names differ at their ends.

    >>> cut_middle("cplex.bar_nox_threads_8", 13, ellipsis="..")
    'cplex...ads_8'
    """
    text = printable(text)
    if cell_len(text) <= width:
        return text
    room = width - cell_len(ellipsis)
    if room < 2:
        return cut_end(text, width, ellipsis=ellipsis)
    head = set_cell_size(text, (room + 1) // 2).rstrip()
    tail = ""
    for char in reversed(text):
        if cell_len(char + tail) > room // 2:
            break
        tail = char + tail
    return head + ellipsis + tail
