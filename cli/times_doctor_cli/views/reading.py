"""The output of `report LOG|RUN_DIR`: how a run ended, every solve, accepted and ignored options."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.text import Text

from times_doctor_cli.terminal.lines import GAP, Cell, Column, Lines, Paragraph, first_of, row_of, table_lines
from times_doctor_cli.terminal.signs import Glyphs, glyphs, printable
from times_doctor_cli.terminal.units import count, number, runtime, verdict_words
from times_doctor_tasks.contract.states import SOLVED, Verdict
from times_doctor_tasks.parsers.solves.solve import Solve
from times_doctor_tasks.results.run_reader import RunReading

#: Solves shown; a loop model has hundreds, the last ones tell most.
MOST_SOLVES = 20
#: Lines shown of a conflict, of messages and of options; `--json` has all.
MOST_LINES = 12
_EACH = (
    Column("verdict", 11),
    Column("objective", 14, right=True),
    Column("solves", 6, right=True),
    Column("time", 8, right=True),
)
#: A file's name is not cut in output without columns.
_WHOLE_NAME = 4_096


def reading_view(reading: RunReading, *, width: int, unicode: bool) -> Group:
    """The reading as paragraphs and one table, nothing wider than `width`."""
    signs = glyphs(unicode=unicode)
    verdict = reading.verdict
    style = _style(verdict)
    judgement = reading.judgement
    sentence, word = printable(judgement.sentence), verdict_words(verdict)
    said = sentence.lower().startswith(word)
    parts: list[RenderableType] = [Paragraph(Text(sentence if said else f"{word.capitalize()}. {sentence}", style))]
    if judgement.next_step and not judgement.next_step.startswith("Nothing to do"):
        parts.append(Paragraph(f"Next: {printable(judgement.next_step)}", indent=2, hanging=2))
    parts += [Text(), _facts(reading)]
    if reading.solves:
        parts += [Text(), _solves(reading.solves, width, signs)]
    for title, lines in _lists(reading):
        if lines:
            parts += [Text(), Text(title, "bold"), *first_of(lines, MOST_LINES, "; --json has all")]
    return Group(*parts)


def each_columns(width: int | None) -> list[Column]:
    """The columns of `report DIR --each`, the name last; None: as wide as it is."""
    taken = sum(column.width + GAP for column in _EACH)
    return [*_EACH, Column("log", max(10, width - taken) if width is not None else _WHOLE_NAME, middle=True)]


def reading_line(reading: RunReading, name: str, columns: Sequence[Column], *, unicode: bool) -> Text:
    """The reading as one line: verdict, objective, number of solves, time, name."""
    last = reading.last_solve
    time = reading.elapsed_s if reading.elapsed_s is not None or last is None else last.solver_time_s
    objective = last.objective if last is not None and reading.verdict in SOLVED else None
    cells = [
        Cell(verdict_words(reading.verdict, short=True), _style(reading.verdict)),
        Cell(number(objective, columns[1].width, digits=10)),
        Cell(f"{len(reading.solves):,}" if reading.solves else ""),
        Cell(runtime(time) if time is not None else ""),
        Cell(printable(name)),
    ]
    return row_of(columns, cells, ellipsis=glyphs(unicode=unicode).ellipsis)


def _style(verdict: Verdict) -> str:
    return "bold green" if verdict in SOLVED else "bold yellow" if verdict is Verdict.LIMIT else "bold red"


def _facts(reading: RunReading) -> Paragraph:
    words = [
        f"GAMS {reading.gams_version}" if reading.gams_version else "",
        f"{reading.solver} {reading.solver_version or ''}".strip() if reading.solver else "",
        reading.licence or "",
        f"GAMS says {reading.gams_status!r}" if reading.gams_status else "",
        runtime(reading.elapsed_s) if reading.elapsed_s is not None else "",
        "" if reading.complete else "the files end in the middle",
    ]
    return Paragraph(Text("; ".join(printable(word) for word in words if word), "dim"), hanging=2)


def _solves(solves: Sequence[Solve], width: int, signs: Glyphs) -> Lines:
    titles = ("solve", "verdict", "objective", "iterations", "seconds", "rows", "columns", "nonzeros", "method")
    shown = solves[-MOST_SOLVES:]
    rows = [_cells(solve) for solve in shown]
    widths = [max(len(title), *(cell_len(row[place]) for row in rows)) for place, title in enumerate(titles)]
    fits = next(n for n in range(len(titles), 2, -1) if sum(widths[:n]) + GAP * (n - 1) <= width or n == 3)
    columns = [Column(t, w, right=2 <= place < 8) for place, (t, w) in enumerate(zip(titles, widths, strict=True))][
        :fits
    ]
    lines = table_lines(columns, [[Cell(text) for text in row[:fits]] for row in rows], ellipsis=signs.ellipsis)
    if len(solves) > len(shown):
        lines.append(Text(f"{len(solves) - len(shown)} earlier solves are not shown", "dim"))
    return Lines(lines)


def _cells(solve: Solve) -> tuple[str, ...]:
    return (
        f"{solve.number} {solve.model or ''}".strip(),
        verdict_words(solve.verdict, short=True),
        number(solve.objective, 16),
        count(solve.iterations),
        "" if solve.solver_time_s is None else f"{solve.solver_time_s:.2f}",
        count(solve.rows),
        count(solve.columns),
        count(solve.nonzeros),
        solve.method or "",
    )


def _lists(reading: RunReading) -> Iterable[tuple[str, Sequence[str]]]:
    yield "Equations and bounds that contradict each other", reading.conflict
    yield "Options that the solver ignored", [f"{line}: {why}" for line, why in reading.options_ignored]
    yield (
        "Options that the solver changed",
        [f"{name} = {taken} (asked for {asked})" for name, taken, asked in reading.options_clamped],
    )
    yield "Options", [" ".join(pair) for pair in reading.options_set]
    yield "Messages", reading.messages
