"""The end report on the screen: what to use and why, then how every run ended, then where the files are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.text import Text

from times_doctor_cli.reports.attempts import begun_again
from times_doctor_cli.reports.profile_lines import ProfileLine, profile_lines, saving_words, time_title
from times_doctor_cli.terminal.lines import GAP, Cell, Column, Lines, Paragraph, first_of, table_lines
from times_doctor_cli.terminal.signs import Glyphs, glyphs, printable, state_glyph
from times_doctor_cli.terminal.units import count, memory, number, rounded_up, runtime, verdict_words
from times_doctor_tasks.analysis.advice import DECIDED, TOO_CLOSE, no_winner_words, times_words
from times_doctor_tasks.analysis.ranking import Pace
from times_doctor_tasks.analysis.run_times import Measure
from times_doctor_tasks.contract.messages import Report, RunResult
from times_doctor_tasks.contract.states import PLANNED_STOPS, RunState, StopReason, Verdict
from times_doctor_tasks.contract.wording import some_of
from times_doctor_tasks.profiles.registry import CURRENT

#: Rows shown; the files hold all of them.
MOST_ROWS = 60
#: Names of runs listed with one failure before the rest is counted.
_MOST_NAMES = 4
#: Lines shown of a conflict.
_MOST_CONFLICT = 20
#: Runs whose tries are listed.
_MOST_HISTORIES = 10
#: Columns of words.
_LEFT = frozenset({"run", "verdict", "pace", "basis", "host"})
#: A row always has these columns; the others are dropped, last first, if the width is too small.
_NEEDED = 4


class ReportFiles(msgspec.Struct, frozen=True):
    """The path of the scan's files, as a user would type it."""

    folder: str
    reports: tuple[str, ...] = ()
    """Names of the reports in it."""
    recommended: str = ""
    """The recommended option file; empty if there is none, or if it is the user's own."""
    copy_to: str = ""
    """Where to copy it for the model's next run; may be empty."""


def report_view(report: Report, *, width: int, unicode: bool, files: ReportFiles | None = None) -> Group:
    """The report as paragraphs and one table, nothing wider than `width` but paths."""
    signs = glyphs(unicode=unicode)
    parts: list[RenderableType] = []
    if not report.comparison.agree:
        parts += [Text("The runs do not agree.", "bold red"), *_bullets(report.comparison.findings, "red"), Text()]
    style = "bold green" if report.recommendation.run else "bold yellow"
    parts.append(Paragraph(Text(headline(report, signs), style)))
    said = set(report.comparison.findings)
    parts += _bullets([reason for reason in report.recommendation.reasons if reason not in said], "")
    parts += [Text(), _table(report, width, signs)]
    failures = _failures(report.runs)
    if failures:
        parts += [Text(), *failures]
    parts += _conflict(report.runs)
    histories = _histories(report)
    if histories:
        parts += [Text(), *histories]
    if files is not None:
        parts += [Text(), _where(files, recommended=report.recommendation.run is not None)]
    return Group(*parts)


def headline(report: Report, signs: Glyphs) -> str:
    """What to use and how it compares, in one sentence."""
    advice = report.recommendation
    if advice.run is None:
        return no_winner_words(report.runs)
    words = f"Use {printable(advice.profile or advice.run)}"
    if advice.against == advice.profile and advice.profile and advice.profile.endswith(f".{CURRENT}"):
        words += ": your current options"
    elif advice.against is not None and advice.speedup is not None and advice.speedup > 1:
        words += f": {times_words(advice.speedup)} {signs.times} as fast as {printable(advice.against)}"
        words += f", saves {saved}" if (saved := saving_words(report)) else ""
    others = [c.profile for c in advice.contenders if c.pace != Pace.SLOWER and c.profile != advice.profile]
    if others and advice.outcome != DECIDED:
        close = "too close to call with" if advice.outcome == TOO_CLOSE else "as fast as"
        words += f"{', ' if ':' in words else ': '}{close} {printable(some_of(others, _MOST_NAMES))}"
    return f"{words}{_agreement(report)}."


def _agreement(report: Report) -> str:
    optimal = sum(run.verdict is Verdict.OPTIMAL for run in report.runs)
    if not report.comparison.agree or optimal < 2:
        return ""
    difference = report.comparison.largest_difference_rel
    within = f" within {rounded_up(difference)}" if difference else ""
    which = "both" if optimal == 2 else f"all {optimal}"
    return f"; {which} optimal runs agree{within}"


def _bullets(sentences: Iterable[str], style: str) -> list[RenderableType]:
    return [Paragraph(Text(printable(sentence), style), indent=2) for sentence in sentences]


def _table(report: Report, width: int, signs: Glyphs) -> Lines:
    ranked = profile_lines(report)
    shown = ranked[:MOST_ROWS]
    values = rows_of(shown)
    _align_points(values)
    columns = _columns(values, report, width)
    titles = [column.title for column in columns]
    rows = []
    for line, row in zip(shown, values, strict=True):
        sign, style = state_glyph(line.first.state, line.first.verdict, signs)
        row |= {"": signs.best if line.is_best else sign}
        styles = {"": style, "verdict": style, titles[1]: "bold" if line.is_best else ""}
        rows.append([Cell(row[title], styles.get(title, "")) for title in titles])
    lines = table_lines(columns, rows, ellipsis=signs.ellipsis)
    if len(ranked) > MOST_ROWS:
        lines.append(Text(f"{signs.ellipsis} {len(ranked) - MOST_ROWS} more in the files below", "dim"))
    return Lines(lines)


def rows_of(lines: Sequence[ProfileLine]) -> list[dict[str, str]]:
    """The lines' cells, each by the key of its column; how often a profile ran only where one ran more than once."""
    rows = [_values(line) for line in lines]
    once = all(row["runs"] in ("", "1") for row in rows)
    return [row | {"runs": ""} if once else row for row in rows]


def _values(line: ProfileLine) -> dict[str, str]:
    first, speed = line.first, line.contender.speed if line.contender else None
    return {
        "run": printable(line.name),
        "verdict": _ending(first),
        "objective": number(first.objective, 17),
        "time": runtime(line.time_s),
        "runs": str(len(line.runs)) if line.contender else "",
        "range": line.range,
        "speed": times_words(speed) if speed is not None else "",
        "pace": line.pace,
        "iterations": count(first.iterations),
        "basis": first.basis or "",
        "wall": runtime(line.wall_s) if line.measure is not Measure.WALL else "",
        "host": printable(line.hosts),
        "memory": memory(line.memory_mb),
        "tries": str(line.attempts) if line.attempts > 1 else "",
    }


def _align_points(values: Sequence[dict[str, str]]) -> None:
    """Align the decimal points of the objectives, so that differences are easy to see."""
    if any("e" in row["objective"] for row in values):
        return
    tails = [len(row["objective"].partition(".")[2]) for row in values]
    for row, tail in zip(values, tails, strict=True):
        if row["objective"]:
            row["objective"] += " " * (max(tails) - tail + ("." not in row["objective"] and max(tails) > 0))


_ENDINGS: dict[StopReason | None, str] = {
    StopReason.BEATEN: "beaten",
    StopReason.CAPPED: "capped",
    StopReason.TIMEOUT: "time limit",
    StopReason.OUT_OF_MEMORY: "out of memory",
    StopReason.LOG_TOO_LARGE: "log too large",
}


def _ending(run: RunResult) -> str:
    if run.stop_reason in _ENDINGS:
        return _ENDINGS[run.stop_reason]
    if run.state in (RunState.CANCELLED, RunState.LOST) or run.verdict is None:
        return run.state.value
    return verdict_words(run.verdict)


def _columns(values: Sequence[dict[str, str]], report: Report, width: int) -> list[Column]:
    """As many columns as `width` holds; those without any value are left out."""
    titles = titles_of(values, report)
    columns = [Column("", 1)]
    for place, key in enumerate(values[0] if values else ()):
        widest = max(cell_len(row[key]) for row in values)
        title = titles.get(key, key)
        if widest == 0 and place >= _NEEDED:
            continue
        room = width - sum(column.width + GAP for column in columns)
        column = Column(title, max(widest, len(title)), right=key not in _LEFT)
        if column.width > room and place >= _NEEDED:
            break
        columns.append(column)
    for row in values:
        row |= {title: row[key] for key, title in titles.items()}
    return _narrowed(columns, width)


def titles_of(values: Sequence[dict[str, str]], report: Report) -> dict[str, str]:
    """Titles that depend on the scan, by the key of their column."""
    own = (report.recommendation.against or "").endswith(f".{CURRENT}")
    return {
        "run": "profile" if any(row["runs"] for row in values) else "run",
        "speed": "vs current" if own else "vs slowest",
        "time": time_title(report),
    }


def _narrowed(columns: list[Column], width: int) -> list[Column]:
    """Cut the names of runs where even the needed columns are too wide."""
    excess = sum(column.width for column in columns) + GAP * (len(columns) - 1) - width
    if excess <= 0 or len(columns) < 2:
        return columns
    return [columns[0], Column(columns[1].title, max(6, columns[1].width - excess), middle=True), *columns[2:]]


def _failures(runs: Sequence[RunResult]) -> list[RenderableType]:
    """One paragraph per kind of problem: which runs, what happened, what to do."""
    groups: dict[tuple[str, str], list[str]] = {}
    for run in runs:
        asked = run.stop_reason in PLANNED_STOPS or run.stop_reason is StopReason.USER
        is_well = run.verdict is Verdict.OPTIMAL and (not run.next_step or run.next_step.startswith("Nothing to do"))
        if run.sentence and not asked and not is_well:
            groups.setdefault((run.sentence, run.next_step), []).append(run.run)
    parts: list[RenderableType] = []
    for (sentence, next_step), names in groups.items():
        head = Text(printable(some_of(names, _MOST_NAMES)), "bold")
        head.append(f": {printable(sentence)}", "not bold")
        parts.append(Paragraph(head, hanging=2))
        if next_step:
            parts.append(Paragraph(f"Next: {printable(next_step)}", indent=2))
    return parts


def _conflict(runs: Sequence[RunResult]) -> list[RenderableType]:
    """The rows and bounds of the conflict, once: all runs have the same model."""
    lines = next((run.conflict for run in runs if run.conflict), ())
    if not lines:
        return []
    head = Text("What takes part in the conflict", "bold")
    return [Text(), head, *first_of(lines, _MOST_CONFLICT, " lines in scan_report.json")]


def _histories(report: Report) -> list[RenderableType]:
    """A line for each run with several attempts; the files have all of them."""
    parts: list[RenderableType] = []
    for run, tries in list(begun_again(report).items())[:_MOST_HISTORIES]:
        told = ", ".join(f"{each.host} {runtime(each.lasted_s)} ({each.ended_as})" for each in tries)
        head = Text(printable(run), "bold")
        head.append(f" was started {len(tries)} times: {printable(told)}", "not bold")
        parts.append(Paragraph(head, hanging=2))
    return parts


def _where(files: ReportFiles, *, recommended: bool) -> Lines:
    """We do not wrap paths, so that they can be copied in one piece."""
    lines = []
    if files.recommended and recommended:
        where = "this folder" if files.copy_to == "." else files.copy_to
        lines.append(f"Copy {files.recommended} to {where}" if where else f"Use {files.recommended}")
    lines.append(f"Files: {files.folder}")
    if files.reports:
        lines.append(f"       {', '.join(files.reports)}")
    return Lines([Text(printable(line)) for line in lines])
