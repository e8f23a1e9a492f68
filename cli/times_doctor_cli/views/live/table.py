"""The live table of a running scan."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence

import msgspec
from rich.cells import cell_len
from rich.text import Text

from times_doctor_cli.scan_state.board import Board
from times_doctor_cli.scan_state.rows import Headline, Row
from times_doctor_cli.terminal.lines import Cell, Column, Lines, header_of, row_of
from times_doctor_cli.terminal.signs import Glyphs, cut_end, glyphs, state_glyph
from times_doctor_cli.terminal.units import count, memory, number, runtime, span, verdict_words
from times_doctor_cli.views.live.layout import columns_for
from times_doctor_cli.views.live.progress import progress_cell, residual
from times_doctor_tasks.contract.states import OWNED, SOLVED, TERMINAL, RunState
from times_doctor_tasks.contract.wording import counted

#: With fewer lines than this only rows fit.
_LOW_HEIGHT = 6
#: Longest title shown in full.
_TITLE = 24
#: Digits of an objective while runs go on; the report has them all.
_DIGITS = 10
#: The states to show first if not every run fits; others come last.
_NEED = {
    RunState.RUNNING: 0,
    RunState.COLLECTING: 0,
    RunState.STAGING: 0,
    RunState.CLAIMED: 0,
    RunState.FAILED: 1,
    RunState.LOST: 1,
    RunState.PARKED: 2,
    RunState.QUEUED: 3,
    RunState.PENDING: 4,
}


class Frame(msgspec.Struct, frozen=True):
    """How a live table is drawn."""

    width: int
    height: int
    now_ms: int
    unicode: bool = True
    numbered: bool = False
    """Show each run's number instead of its sign: the menu is open."""
    hint: str = ""
    """Text at the end of the last line."""


def live_table(board: Board, frame: Frame) -> Lines:
    """The scan as at most `frame.height` lines of at most `frame.width` columns."""
    signs = glyphs(unicode=frame.unicode)
    rows = board.rows
    columns = columns_for(rows, frame.width)
    head = board.headline(frame.now_ms)
    low = frame.height < _LOW_HEIGHT
    foot = None if low else _foot(head, frame, signs)
    lines = [] if low else [_headline(head, frame.width, signs)]
    lines.append(header_of(columns, ellipsis=signs.ellipsis))
    shown, hidden = window(rows, max(1, frame.height - len(lines) - (foot is not None)))
    lines += [_run_line(row, columns, frame, signs) for row in shown]
    if hidden:
        words = f"{signs.ellipsis} {sum(hidden.values())} more: {_amounts(hidden)}"
        lines.append(Text(cut_end(words, frame.width, ellipsis=signs.ellipsis), "dim"))
    if foot is not None:
        lines.append(foot)
    for line in lines:
        line.truncate(frame.width)  # below 30 columns even the narrowest table is too wide
    return Lines(lines)


def window(rows: Sequence[Row], room: int) -> tuple[list[Row], Counter[str]]:
    """The rows to show in `room` lines, and the states of those left out (this takes a line).

    All of them in the order of the scan when they fit; else running first, then failed, waiting, done.
    """
    if len(rows) <= room:
        return list(rows), Counter()
    shown = heapq.nsmallest(room - 1, rows, key=lambda row: (_NEED.get(row.state, 5), row.number))
    hidden = Counter(_state_word(row) for row in rows)
    hidden.subtract(_state_word(row) for row in shown)
    return shown, +hidden


def _state_word(row: Row) -> str:
    return "running" if row.state in OWNED else row.state.value


def _amounts(counts: Counter[str]) -> str:
    order = ("running", *(state.value for state in RunState))
    return ", ".join(f"{counts[word]:,} {word}" for word in dict.fromkeys(order) if counts[word])


def _headline(head: Headline, width: int, signs: Glyphs) -> Text:
    facts = [f"{head.done}/{head.total} done", span(head.elapsed_s)]
    if head.unsuccessful:
        facts.append(f"{head.unsuccessful} failed")
    if head.running:
        facts.append(f"{head.running} running on {counted(head.cores, 'core')}")
    if head.parked:
        facts.append(f"{head.parked} parked" + (f": {head.parked_why}" if head.parked_why else ""))
    if head.done == head.total and not head.reported:
        facts.append("making the report")
    title = cut_end(head.title, min(_TITLE, width // 3), ellipsis=signs.ellipsis)
    rest = cut_end("  ".join(facts), width - cell_len(title) - 2, ellipsis=signs.ellipsis)
    line = Text(title, "bold", no_wrap=True)
    line.append("  ")
    line.append(rest, "not bold")
    return line


def _foot(head: Headline, frame: Frame, signs: Glyphs) -> Text | None:
    words = "   ".join(part for part in (head.note, frame.hint) if part)
    return Text(cut_end(words, frame.width, ellipsis=signs.ellipsis), "dim") if words else None


def _run_line(row: Row, columns: Sequence[Column], frame: Frame, signs: Glyphs) -> Text:
    titles = [column.title for column in columns]
    sign, style = state_glyph(row.state, row.verdict, signs)
    if frame.numbered:
        sign, sign_style = f"{row.number:>{columns[0].width}}", "bold"
    else:
        sign_style = style
    values = {
        "": Cell(sign, sign_style),
        "run": Cell(row.run),
        "host": Cell(row.host, "dim"),
        "state": Cell(_state_cell(row, has_phase="phase" in titles), style),
        "phase": Cell(_phase_cell(row)),
    }
    time = _time_cell(row, frame.now_ms)
    # A place in line needs the room; text may continue below an empty "time".
    first = titles.index("phase" if row.place and "phase" in titles else "progress")
    figures = titles[first : -1 if time else None]
    cells = [values[title] for title in titles[:first] if title in values]
    cells += _figure_cells(row, figures, columns, signs, frame.now_ms)
    return row_of(columns, [*cells, Cell(time)] if time else cells, ellipsis=signs.ellipsis)


def _state_cell(row: Row, *, has_phase: bool) -> str:
    if not has_phase:
        if row.phase is not None:
            return row.phase.value
        if row.state is RunState.DONE:
            return verdict_words(row.verdict, short=True) or row.state.value
    if row.attempt > 1 and row.state in OWNED and row.state is not RunState.COLLECTING:
        return f"{row.state.value} #{row.attempt}"
    return row.state.value


def _phase_cell(row: Row) -> str:
    if row.state in TERMINAL:
        return verdict_words(row.verdict, short=True)
    return row.phase.value if row.phase else ""


def _figure_cells(row: Row, titles: Sequence[str], columns: Sequence[Column], signs: Glyphs, now_ms: int) -> list[Cell]:
    if row.place and row.state in OWNED:  # its host is silent: its last text is old
        return [Cell(row.place, "yellow", over=len(titles))]
    look = row.progress if row.state is RunState.RUNNING else None
    shows_figures = look is not None or (row.is_exact and row.objective is not None)
    if look is None:
        words = _standing_words(row, has_objective="objective" in titles)
        if words or not shows_figures:
            return [Cell(words, "" if row.state in TERMINAL else "dim", over=len(titles))]
    values = dict.fromkeys(titles, "")
    values |= {"iteration": count(row.iteration), "memory": memory(row.memory_mb)}
    widths = {column.title: column.width for column in columns}
    if "objective" in titles:
        values["objective"] = number(row.objective, widths["objective"], digits=_DIGITS)
    if look is not None:
        values |= {"gap/infeas": residual(look), "ETA": span(row.eta_s(now_ms))}
    bar = Cell(progress_cell(look, widths["progress"], signs)) if look is not None else Cell()
    return [bar if title == "progress" else Cell(values[title]) for title in titles]


def _standing_words(row: Row, *, has_objective: bool) -> str:
    """The text for a run that is not running; empty if its figures show it."""
    if row.state is RunState.DONE and row.verdict in SOLVED:
        shows_objective = row.is_exact and row.objective is not None and not has_objective
        return f"obj {number(row.objective, 14, digits=_DIGITS)}" if shows_objective else ""
    if row.state in TERMINAL:
        return row.reason or row.error
    return row.place or row.reason


def _time_cell(row: Row, now_ms: int) -> str:
    return runtime(row.runtime_s) if row.state in TERMINAL else span(row.elapsed_s(now_ms))
