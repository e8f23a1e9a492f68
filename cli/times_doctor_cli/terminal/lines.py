"""Lines of fixed columns, drawn without Rich's table: much faster, and a frame never jumps."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.text import Text

from times_doctor_cli.terminal.signs import cut_end, cut_middle, printable

#: Units that are never broken over two lines: a path in quotes, a command in backquotes, a word.
_UNBROKEN = re.compile(r"""(?<!\w)'[^'\n]*[/\\][^'\n]*'\S*|`[^`\n]+`\S*|\S+""")
#: Blank columns between two columns of a table.
GAP = 1


class Column(msgspec.Struct, frozen=True):
    """One column of a table."""

    title: str
    width: int
    right: bool = False
    middle: bool = False
    """Cut long values in the middle, not at the end."""


class Cell(msgspec.Struct, frozen=True):
    """One value of a table. Never markup: names may hold [brackets]."""

    text: str | Text = ""
    """A `Text` is taken as it is and must fit."""
    style: str = ""
    over: int = 1
    """How many columns it may take."""


class Lines:
    """Finished lines as one renderable. They are never wrapped: their width was known."""

    def __init__(self, lines: Iterable[Text]) -> None:
        self.lines = tuple(lines)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in self.lines:
            yield from line.render(console, end="")
            yield Segment.line()

    def rows_at(self, width: int) -> int:
        """The rows that they take on a terminal of `width` columns that wraps them."""
        return sum(max(1, -(-line.cell_len // width)) for line in self.lines)


class Paragraph:
    """A sentence, wrapped at the console's width, without blanks at the ends of its lines; see `wrapped`."""

    def __init__(self, text: Text | str, *, indent: int = 0, hanging: int = 0) -> None:
        self._text = Text(text) if isinstance(text, str) else text
        self._indent = indent
        self._hanging = hanging

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        room = max(1, options.max_width - self._indent - self._hanging)
        for place, line in enumerate(wrapped(self._text, room)):
            yield Segment(" " * (self._indent + (self._hanging if place else 0)))
            yield from line.render(console, end="")
            yield Segment.line()


def wrapped(text: Text, width: int) -> list[Text]:
    """A line as lines of at most `width` columns, broken between words only.

    Longer words stay whole, and so does text to copy: a path in quotes with blanks, a command in backquotes. The
    terminal wraps it, and copies it in one piece.

    >>> [str(line) for line in wrapped(Text("Look at '/my models/a.run' first"), 20)]
    ['Look at', "'/my models/a.run'", 'first']
    """
    breaks, column, end = [], 0, 0
    for word in _UNBROKEN.finditer(text.plain):
        blanks, size = cell_len(text.plain[end : word.start()]), cell_len(word[0])
        if end and column + blanks + size > width:
            breaks.append(word.start())
            column = blanks = 0
        column += blanks + size
        if column > width:
            column = column % width or width
        end = word.end()
    lines = list(text.divide(breaks))
    for line in lines:
        line.rstrip()
    return lines


def row_of(columns: Sequence[Column], cells: Sequence[Cell], *, ellipsis: str, style: str = "") -> Text:
    """One line of a table. Blanks at its end are left out, so that a narrower terminal does not wrap them."""
    line = Text(style=style, no_wrap=True)
    place = 0
    for cell in cells:
        taken = columns[place : place + cell.over]
        width = sum(column.width for column in taken) + GAP * (len(taken) - 1)
        if place:
            line.append(" " * GAP)
        _append(line, cell, width, taken[0], ellipsis)
        place += len(taken)
    line.rstrip()
    return line


def header_of(columns: Sequence[Column], *, ellipsis: str) -> Text:
    """The line of titles."""
    return row_of(columns, [Cell(column.title) for column in columns], ellipsis=ellipsis, style="bold")


def table_lines(columns: Sequence[Column], rows: Iterable[Sequence[Cell]], *, ellipsis: str) -> list[Text]:
    """The line of titles, then a line for each row."""
    return [header_of(columns, ellipsis=ellipsis), *(row_of(columns, row, ellipsis=ellipsis) for row in rows)]


def fitted(
    titles: Iterable[str], rows: Sequence[Mapping[str, str]], *, right: Collection[str] = (), widest: int | None = None
) -> list[Column]:
    """A column for each title, as wide as its content and title; `widest` limits the cells."""
    columns = []
    for title in titles:
        longest = max((cell_len(row[title]) for row in rows), default=0)
        width = longest if widest is None else min(longest, widest)
        columns.append(Column(title, max(len(title), width), right=title in right))
    return columns


def first_of(lines: Sequence[str], most: int, rest: str) -> list[RenderableType]:
    """The first `most` lines, and how many more there are; `rest` says of what, and where."""
    shown: list[RenderableType] = [Paragraph(printable(line), indent=2, hanging=2) for line in lines[:most]]
    if len(lines) > most:
        shown.append(Text(f"  and {len(lines) - most} more{rest}", "dim"))
    return shown


def _append(line: Text, cell: Cell, width: int, column: Column, ellipsis: str) -> None:
    if isinstance(cell.text, Text):
        line.append_text(cell.text)
        line.append(" " * (width - cell.text.cell_len))
        return
    text = (cut_middle if column.middle else cut_end)(cell.text, width, ellipsis=ellipsis)
    blanks = " " * (width - cell_len(text))
    if column.right and cell.over == 1:
        line.append(blanks)
        line.append(text, cell.style)
    else:
        line.append(text, cell.style)
        line.append(blanks)
