"""The output of `hosts`: the live hosts, their free capacity, and what each can run."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from times_doctor_cli.client.host_cards import licence_of, other_version, solvers_of
from times_doctor_cli.terminal.lines import Cell, Lines, Paragraph, fitted, header_of, row_of
from times_doctor_cli.terminal.signs import glyphs, printable
from times_doctor_cli.terminal.units import memory
from times_doctor_tasks.contract.hosts import ENGINE_NAMES, HostCard

_TITLES = ("host", "roles", "slots used", "cores", "memory", "load", "version")
_RIGHT = frozenset({"slots used", "cores", "memory", "load"})


def hosts_view(cards: Sequence[HostCard], *, unicode: bool) -> Group:
    """A line for each host, with its solvers and notes below it."""
    signs = glyphs(unicode=unicode)
    rows = [_figures(card) for card in cards]
    columns = fitted(_TITLES, rows, right=_RIGHT)
    parts: list[RenderableType] = [Lines([header_of(columns, ellipsis=signs.ellipsis)])]
    for card, row in zip(cards, rows, strict=True):
        cells = [Cell(row[title], "bold" if title == "host" else "") for title in _TITLES]
        parts.append(Lines([row_of(columns, cells, ellipsis=signs.ellipsis)]))
        parts += [Paragraph(Text(words, "dim"), indent=2, hanging=2) for words in _abilities(card)]
        parts += [
            Paragraph(Text(f"{signs.doubtful} {printable(words)}", "yellow"), indent=2, hanging=2)
            for words in _remarks(card)
        ]
    return Group(*parts)


def _figures(card: HostCard) -> dict[str, str]:
    solves = "solve" in card.roles
    return {
        "host": printable(card.host),
        "roles": "+".join(card.roles),
        "slots used": f"{len(card.running)}/{card.slots}" if solves else "",
        "cores": str(card.cores) if solves else "",
        "memory": memory(card.memory_mb) if solves else "",
        "load": "" if card.load_1m is None else f"{card.load_1m:.2f}",
        "version": printable(card.version),
    }


def _abilities(card: HostCard) -> list[str]:
    lines = []
    for engine, version in card.engines.items():
        licence = f" ({words})" if (words := licence_of(card, engine)) else ""
        solvers = f": {', '.join(solvers_of(card, engine)) or 'no solver'}" if engine == "gams" else ""
        lines.append(printable(f"{ENGINE_NAMES.get(engine, engine)} {version}{licence}{solvers}"))
    return lines


def _remarks(card: HostCard) -> list[str]:
    remarks = list(card.notes)
    if words := other_version(card):
        remarks.insert(0, words)
    if not card.taking:
        remarks.insert(0, "is draining: running solves continue, no new ones start")
    return remarks
