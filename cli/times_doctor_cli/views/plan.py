"""The output of `--dry-run`: what would run, and the source of each fact."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.text import Text
from rich.tree import Tree

from times_doctor_cli.terminal.lines import GAP, Cell, Column, Lines, Paragraph, table_lines, wrapped
from times_doctor_cli.terminal.signs import Glyphs, glyphs, printable
from times_doctor_tasks.contract.wording import counted


class PlanFact(msgspec.Struct, frozen=True):
    """One thing that was decided: `driver`, `parscen.run`, `has the folder's name`."""

    label: str
    value: str
    source: str = ""
    """Its source or reason."""


class PlannedRun(msgspec.Struct, frozen=True):
    """One run as it would be started."""

    run: str
    solver: str
    threads: int
    options: str
    """Text of its option file."""
    origin: str
    """Where the profile comes from."""


class PlanView(msgspec.Struct, frozen=True):
    """A scan that was prepared and not started."""

    facts: tuple[PlanFact, ...]
    runs: tuple[PlannedRun, ...]
    warnings: tuple[str, ...] = ()
    reused: int = 0
    """How many of the runs have their result from an earlier scan."""
    inputs: Tree | None = None
    """The model's files; None if there is only one."""


def plan_view(plan: PlanView, *, width: int, unicode: bool) -> Group:
    """The plan: warnings, facts with their source, runs with their options. Nothing was started."""
    signs = glyphs(unicode=unicode)
    parts: list[RenderableType] = [
        Paragraph(Text(f"{signs.doubtful} {printable(words)}", "yellow"), hanging=2) for words in plan.warnings
    ]
    parts.append(_facts(plan.facts, width))
    if plan.inputs is not None:
        parts += [Text(), plan.inputs]
    parts += [Text(), _runs(plan.runs, width, signs)]
    amount = len(plan.runs) - plan.reused
    words = f"{counted(amount, 'run')} would start" + (f", {plan.reused} reused" if plan.reused else "")
    parts += [Text(), Text(f"Nothing was started. {words}.", "dim")]
    return Group(*parts)


def _facts(facts: Sequence[PlanFact], width: int) -> Lines:
    """One fact per line; a source that does not fit is on the line below. Nothing is cut: paths are copied."""
    label = max((cell_len(fact.label) for fact in facts), default=0)
    value = min(max((cell_len(fact.value) for fact in facts), default=0), max(10, width // 2))
    lines: list[Text] = []
    for fact in facts:
        line = Text(f"{printable(fact.label):<{label}}  ", "bold")
        line.append(printable(fact.value), "not bold")
        sources = wrapped(Text(printable(fact.source), "dim"), width - label - 2) if fact.source else []
        blanks = max(0, value - cell_len(fact.value)) + 2 if fact.value else 0
        if (len(sources) == 1 and line.cell_len + blanks + sources[0].cell_len <= width) or not fact.value:
            line.append(" " * blanks)
            line.append_text(sources.pop(0) if sources else Text())
        lines += [line, *(Text(" " * (label + 2)).append_text(source) for source in sources)]
    return Lines(lines)


def _runs(runs: Sequence[PlannedRun], width: int, signs: Glyphs) -> Lines:
    name = max((cell_len(run.run) for run in runs), default=3)
    origin = min(30, max((cell_len(run.origin) for run in runs), default=4))
    columns = [
        Column("run", min(name, max(12, width // 4)), middle=True),
        Column("threads", 7, right=True),
        Column("from", origin, middle=True),
    ]
    used = sum(column.width + GAP for column in columns)
    columns.append(Column("options", max(10, width - used)))
    rows = []
    for run in runs:
        options = ", ".join(line.strip() for line in run.options.splitlines() if line.strip())
        rows.append([Cell(run.run), Cell(str(run.threads)), Cell(run.origin, "dim"), Cell(options)])
    return Lines(table_lines(columns, rows, ellipsis=signs.ellipsis))
