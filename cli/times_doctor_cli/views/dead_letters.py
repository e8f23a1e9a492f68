"""The output of `deadletters`: a line for each, its subject below it, and their number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from times_doctor_cli.terminal.lines import Cell, Lines, Paragraph, fitted, header_of, row_of
from times_doctor_cli.terminal.signs import glyphs, printable
from times_doctor_cli.terminal.units import size, stamp
from times_doctor_tasks.state_store.dead_letters import DeadLetter

_TITLES = ("when", "queue", "size", "origin")


def dead_letters_view(letters: Sequence[DeadLetter], counts: Mapping[str, int], *, unicode: bool) -> Group:
    """Newest first, then the count by reason."""
    ellipsis = glyphs(unicode=unicode).ellipsis
    rows = [
        {
            "when": stamp(letter.at_ms),
            "queue": printable(letter.queue),
            "size": size(letter.size_bytes),
            "origin": printable(letter.origin),
        }
        for letter in letters
    ]
    columns = fitted(_TITLES, rows, right={"size"}, widest=24)
    parts: list[RenderableType] = [Lines([header_of(columns, ellipsis=ellipsis)])] if rows else []
    for letter, row in zip(letters, rows, strict=True):
        parts.append(Lines([row_of(columns, [Cell(row[title]) for title in _TITLES], ellipsis=ellipsis)]))
        parts.append(Paragraph(Text(printable(_about(letter)), "dim"), indent=2, hanging=2))
    total = sum(counts.values())
    parts.append(Text(f"{total:,} dead letters in all" + (f", {len(letters)} kept" if total > len(letters) else "")))
    parts += [
        Paragraph(Text(f"{count:,} x {printable(reason)}"), indent=2, hanging=2)
        for reason, count in sorted(counts.items(), key=lambda one: -one[1])
    ]
    return Group(*parts)


def _about(letter: DeadLetter) -> str:
    run = f" (scan {letter.scan}, run {letter.run})" if letter.run else ""
    return f"{letter.reason}{run}; found by {letter.by}"
