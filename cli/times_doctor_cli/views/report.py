"""The end report on the screen: what to use and why, then how every run ended, then where the files are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.text import Text

from times_doctor_cli.reports.attempts import begun_again
from times_doctor_cli.terminal.lines import GAP, Cell, Column, Lines, Paragraph, header_of, row_of
from times_doctor_cli.terminal.signs import Glyphs, glyphs, printable, state_glyph
from times_doctor_cli.terminal.units import count, memory, number, runtime, verdict_words
from times_doctor_tasks.analysis.recommendation import faster_words
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
#: Without these columns a row says nothing; the others go, last first, where the width does not allow them.
_NEEDED = 4


@dataclass(frozen=True, slots=True)
class ReportFiles:
    """Where a person finds what the scan left, as he would type it."""

    folder: str
    reports: tuple[str, ...] = ()
    """Names of the reports in it."""
    recommended: str = ""
    """The recommended option file; empty where there is none, or where it is the user's own."""
    copy_to: str = ""
    """Where to copy it for the model's next run; empty where that is nowhere."""


def report_view(report: Report, *, width: int, unicode: bool, files: ReportFiles | None = None) -> Group:
    """The report as paragraphs and one table, nothing wider than `width` but paths."""
    signs = glyphs(unicode=unicode)
    parts: list[RenderableType] = []
    if not report.comparison.agree:
        parts += [Text("The runs do not agree.", "bold red"), *_bullets(report.comparison.findings, "red"), Text()]
    style = "bold green" if report.recommendation.run else "bold yellow"
    parts.append(Paragraph(Text(_recommended(report, signs), style)))
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


def baseline_of(report: Report) -> RunResult | None:
    """What the speeds are measured against: the user's own option file, else the slowest optimal run."""
    optimal = [run for run in report.runs if run.verdict is Verdict.OPTIMAL and run.runtime_s]
    own = [run for run in optimal if run.profile == CURRENT]
    return own[0] if own else max(optimal, key=lambda run: run.runtime_s or 0.0, default=None)


def _recommended(report: Report, signs: Glyphs) -> str:
    advice = report.recommendation
    if advice.run is None:
        return "No run can be recommended."
    baseline = baseline_of(report)
    words = f"Use {printable(advice.run)}"
    if baseline is not None and baseline.run == advice.run and baseline.profile == CURRENT:
        words += ": what you use today"
    elif baseline is not None and advice.speedup is not None and advice.speedup > 1:
        words += f": {faster_words(advice.speedup, signs.times)} {printable(baseline.run)}"
    return f"{words}{_agreement(report)}."


def _agreement(report: Report) -> str:
    optimal = sum(run.verdict is Verdict.OPTIMAL for run in report.runs)
    if not report.comparison.agree or optimal < 2:
        return ""
    difference = report.comparison.largest_difference_rel
    within = f" within {difference:.0e}".replace("e-0", "e-") if difference else ""
    which = "both" if optimal == 2 else f"all {optimal}"
    return f"; {which} optimal runs agree{within}"


def _bullets(sentences: Iterable[str], style: str) -> list[RenderableType]:
    return [Paragraph(Text(printable(sentence), style), indent=2) for sentence in sentences]


def _table(report: Report, width: int, signs: Glyphs) -> Lines:
    several = sum(run.verdict is Verdict.OPTIMAL for run in report.runs) > 1
    baseline = baseline_of(report) if several else None
    ranked = sorted(enumerate(report.runs), key=lambda place: _rank(place[1], place[0], report.recommendation.run))
    runs = [run for _, run in ranked[:MOST_ROWS]]
    values = [_values(run, baseline) for run in runs]
    _align_points(values)
    columns = _columns(values, baseline, width)
    titles = [column.title for column in columns]
    lines = [header_of(columns, ellipsis=signs.ellipsis)]
    for run, row in zip(runs, values, strict=True):
        sign, style = state_glyph(run.state, run.verdict, signs)
        best = run.run == report.recommendation.run
        row |= {"": signs.best if best else sign}
        styles = {"": style, "verdict": style, "run": "bold" if best else ""}
        cells = [Cell(row[title], styles.get(title, "")) for title in titles]
        lines.append(row_of(columns, cells, ellipsis=signs.ellipsis))
    if len(ranked) > MOST_ROWS:
        lines.append(Text(f"{signs.ellipsis} {len(ranked) - MOST_ROWS} more in the files below", "dim"))
    return Lines(lines)


def _rank(run: RunResult, place: int, recommended: str | None) -> tuple[int, float, int]:
    """The recommended one first, then optimal ones by their time, then the others in the order of the scan."""
    if run.run == recommended:
        return 0, 0.0, place
    if run.verdict is Verdict.OPTIMAL:
        return 1, run.runtime_s or 0.0, place
    return 2, 0.0, place


def _values(run: RunResult, baseline: RunResult | None) -> dict[str, str]:
    return {
        "run": printable(run.run),
        "verdict": _ending(run),
        "objective": number(run.objective, 17),
        "runtime": runtime(run.runtime_s),
        "speed": _speed(run, baseline),
        "iterations": count(run.iterations),
        "basis": run.basis or "",
        "host": printable(run.host or ""),
        "memory": memory(run.peak_memory_mb),
        "tries": str(run.attempt) if run.attempt > 1 else "",
    }


def _align_points(values: Sequence[dict[str, str]]) -> None:
    """Put the decimal points of the objectives below each other: where they differ is then seen at once."""
    if any("e" in row["objective"] for row in values):
        return
    tails = [len(row["objective"].partition(".")[2]) for row in values]
    for row, tail in zip(values, tails, strict=True):
        if row["objective"]:
            row["objective"] += " " * (max(tails) - tail + ("." not in row["objective"] and max(tails) > 0))


def _ending(run: RunResult) -> str:
    if run.stop_reason in PLANNED_STOPS or run.stop_reason in (StopReason.TIMEOUT, StopReason.OUT_OF_MEMORY):
        return {
            StopReason.BEATEN: "beaten",
            StopReason.CAPPED: "capped",
            StopReason.TIMEOUT: "time limit",
            StopReason.OUT_OF_MEMORY: "out of memory",
        }[run.stop_reason]
    if run.state in (RunState.CANCELLED, RunState.LOST) or run.verdict is None:
        return run.state.value
    return verdict_words(run.verdict)


def _speed(run: RunResult, baseline: RunResult | None) -> str:
    if baseline is None or not baseline.runtime_s or not run.runtime_s or run.verdict is not Verdict.OPTIMAL:
        return ""
    return f"{baseline.runtime_s / run.runtime_s:.2f}"


def _columns(values: Sequence[dict[str, str]], baseline: RunResult | None, width: int) -> list[Column]:
    """As many columns as `width` holds; those that nobody has a value for are left out."""
    titles = {"speed": "vs current" if baseline is not None and baseline.profile == CURRENT else "vs slowest"}
    columns = [Column("", 1)]
    for place, key in enumerate(values[0] if values else ()):
        widest = max(cell_len(row[key]) for row in values)
        title = titles.get(key, key)
        if widest == 0 and place >= _NEEDED:
            continue
        room = width - sum(column.width + GAP for column in columns)
        column = Column(title, max(widest, len(title)), right=key not in ("run", "verdict", "basis", "host"))
        if column.width > room and place >= _NEEDED:
            break
        columns.append(column)
    for row in values:
        row |= {title: row[key] for key, title in titles.items()}
    return _narrowed(columns, width)


def _narrowed(columns: list[Column], width: int) -> list[Column]:
    """Cut the names of runs where even the needed columns are too wide."""
    excess = sum(column.width for column in columns) + GAP * (len(columns) - 1) - width
    if excess <= 0 or len(columns) < 2:
        return columns
    return [columns[0], Column("run", max(6, columns[1].width - excess), middle=True), *columns[2:]]


def _failures(runs: Sequence[RunResult]) -> list[RenderableType]:
    """One paragraph per way to fail: which runs, what happened, what to do."""
    groups: dict[tuple[str, str], list[str]] = {}
    for run in runs:
        asked = run.stop_reason in PLANNED_STOPS or run.stop_reason is StopReason.USER
        if run.verdict is not Verdict.OPTIMAL and run.sentence and not asked:
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
    """What takes part in the conflict, once: all runs have the same model."""
    lines = next((run.conflict for run in runs if run.conflict), ())
    if not lines:
        return []
    shown: list[RenderableType] = [Text(), Text("What takes part in the conflict", "bold")]
    shown += [Paragraph(printable(line), indent=2, hanging=2) for line in lines[:_MOST_CONFLICT]]
    if len(lines) > _MOST_CONFLICT:
        shown.append(Text(f"  and {len(lines) - _MOST_CONFLICT} more lines in scan_report.json", "dim"))
    return shown


def _histories(report: Report) -> list[RenderableType]:
    """A line for each run that was begun more than once; the files hold all of them."""
    parts: list[RenderableType] = []
    for run, tries in list(begun_again(report).items())[:_MOST_HISTORIES]:
        told = ", ".join(f"{each.host} {runtime(each.lasted_s)} ({each.ended_as})" for each in tries)
        head = Text(printable(run), "bold")
        head.append(f" was begun {len(tries)} times: {printable(told)}", "not bold")
        parts.append(Paragraph(head, hanging=2))
    return parts


def _where(files: ReportFiles, *, recommended: bool) -> Lines:
    """Paths are not wrapped by us: they can then be copied in one piece."""
    lines = []
    if files.recommended and recommended:
        where = "this folder" if files.copy_to == "." else files.copy_to
        lines.append(f"Copy {files.recommended} to {where}" if where else f"Use {files.recommended}")
    lines.append(f"Files: {files.folder}")
    if files.reports:
        lines.append(f"       {', '.join(files.reports)}")
    return Lines([Text(printable(line)) for line in lines])
