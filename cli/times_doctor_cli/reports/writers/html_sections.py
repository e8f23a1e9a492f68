"""The content of the HTML report, as plain data; `templates/scan_report.html` draws and escapes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from times_doctor_cli.reports.attempts import begun_again
from times_doctor_cli.reports.profile_lines import ProfileLine, profile_lines, time_title
from times_doctor_cli.reports.writers.charts import RUNS_MAX
from times_doctor_cli.reports.writers.option_file import copy_line
from times_doctor_cli.terminal.units import compact, count, memory, number, runtime, verdict_words
from times_doctor_tasks.analysis.advice import no_winner_words
from times_doctor_tasks.analysis.candidates import numeric_trouble
from times_doctor_tasks.analysis.run_times import Measure
from times_doctor_tasks.contract.hosts import ENGINE_NAMES
from times_doctor_tasks.contract.messages import Report, RunResult, RunSpec
from times_doctor_tasks.contract.states import PLANNED_STOPS, SOLVED, RunState, StopReason, Verdict
from times_doctor_tasks.contract.wording import counted

#: Most characters of all option files, and of all log tails: the page stays below 3 MB.
_TEXT_MAX = 250_000
#: Most and least characters for one of them.
_TEXT_EACH = (400, 20_000)
#: Most runs whose failure is shown in full.
_FAILURES_MAX = 40
#: Title and explanation of each chart, by its key in the chart data.
_CHARTS = {
    "convergence": (
        "Convergence",
        "Residual over the time since the engine started: the relative gap where the solver prints one, else the "
        "largest infeasibility. Dashed, where it prints neither: how far its objective was from its last value.",
    ),
    "timeline": ("Timeline", "Time since the scan was asked for, by host."),
    "phases": ("Where the engine's time went", "Time by phase of each run."),
}
#: `{time}` is replaced by the measure of the comparison.
_RUN_COLUMNS = (
    ("Run", "first"),
    ("Ended", ""),
    ("{time}", "num"),
    ("Repeats", "num"),
    ("Pace", ""),
    ("Wall", "num"),
    ("Objective", "num"),
    ("Duals", ""),
    ("Iterations", "num"),
    ("Memory", "num"),
    ("Matrix", "num"),
    ("Numerics", ""),
    ("Host", ""),
)
_TRY_COLUMNS = (("Run", "first"), ("Attempt", "num"), ("Host", ""), ("Began", "num"), ("Lasted", "num"), ("Ended", ""))


class Badge(msgspec.Struct, frozen=True):
    """A coloured label."""

    words: str
    mood: str


class Cell(msgspec.Struct, frozen=True):
    """One cell: text, badges behind it, and a bar of so many percent under it."""

    text: str = ""
    badges: tuple[Badge, ...] = ()
    bar_percent: float | None = None


class Table(msgspec.Struct, frozen=True):
    """Columns of (title, class) and their cells."""

    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[Cell, ...], ...]


def page_data(
    report: Report, *, specs: Mapping[str, RunSpec], log_tails: Mapping[str, str], charts: Mapping[str, Any]
) -> dict[str, Any]:
    """All data of the template, except styles and scripts."""
    failed = [run for run in report.runs if _needs_words(run)]
    told = failed[:_FAILURES_MAX]
    said = () if report.comparison.agree else report.comparison.findings
    spec = specs.get(report.recommendation.run or "")
    return {
        "report": report,
        "heading": _heading(report),
        "notes": (*report.comparison.findings, *report.warnings, *_reused(report)),
        "reasons": [reason for reason in report.recommendation.reasons if reason not in said],
        "no_winner": no_winner_words(report.runs),
        "copy": copy_line(report, spec) if spec else "",
        "runs": _runs(report),
        "agreement": _agreement(report),
        "charts": [(key, *words) for key, words in _CHARTS.items() if _has_data(charts[key])],
        "drawn": RUNS_MAX,
        "failures": [_failure(run, log_tails.get(run.run, ""), _room(len(told))) for run in told],
        "failures_left": len(failed) - len(told),
        "tries": _tries(report),
        "options": _option_files(report, specs),
        "facts": _facts(report),
        "data": charts,
    }


def _has_data(chart: Any) -> bool:
    return bool(chart["rows"] if isinstance(chart, dict) else chart)


def _heading(report: Report) -> list[str]:
    hosts = sorted({r.host for r in report.runs if r.host})
    created = datetime.fromtimestamp(report.spec.created_ms / 1000).astimezone()
    return [
        f"{counted(len(report.runs), 'run')}",
        f"on {', '.join(hosts[:6])}{' and more' if len(hosts) > 6 else ''}" if hosts else "on no host",
        f"{created:%Y-%m-%d %H:%M %Z}",
        f"scan {report.scan}",
        *([f"asked by {report.spec.client}"] if report.spec.client else ()),
    ]


def _reused(report: Report) -> list[str]:
    return [
        f"{run.run} was not run: its result is that of scan {run.reused_from}, which had the same inputs."
        for run in report.runs
        if run.reused_from
    ]


def _agreement(report: Report) -> str:
    comparison = report.comparison
    if not comparison.agree or comparison.reference_objective is None:
        return ""
    words = f"Objective {number(comparison.reference_objective, 18)}"
    if comparison.largest_difference_rel is not None:
        words += (
            f"; largest relative difference {comparison.largest_difference_rel:.1e} "
            f"(allowed: {report.spec.objective_tol_rel:.0e} between vertex solutions, "
            f"{report.spec.interior_tol_rel:.0e} with an interior one)"
        )
    return f"{words}."


def _option_files(report: Report, specs: Mapping[str, RunSpec]) -> list[dict[str, Any]]:
    """Each profile's option text once."""
    advised = specs.get(report.recommendation.run or "")
    profiles = {(s.solver, s.profile): s for run in reversed(report.spec.runs) if (s := specs.get(run))}
    return [
        {
            "title": f"{spec.solver}.{spec.profile}",
            "origin": spec.origin,
            "text": _head(spec.options, _room(len(profiles))),
            "recommended": advised is not None and profile == (advised.solver, advised.profile),
        }
        for profile, spec in reversed(profiles.items())
    ]


def _tries(report: Report) -> Table:
    rows = [
        [run, str(each.attempt), each.host, f"+{runtime(each.began_s)}", runtime(each.lasted_s), each.ended_as]
        for run, tries in begun_again(report).items()
        for each in tries
    ]
    return _table(_TRY_COLUMNS, [tuple(map(Cell, row)) for row in rows])


def _facts(report: Report) -> dict[str, str]:
    """Model, versions and limits, to repeat the scan."""
    model, runs = report.spec.model, report.runs
    versions = {f"{ENGINE_NAMES.get(r.engine, r.engine)} {r.engine_version}" for r in runs if r.engine_version}
    # Without GAMS the solver is the engine, whose package may count its versions in another way.
    versions |= {f"{r.solver.upper()} {r.solver_version}" for r in runs if r.solver_version and r.engine == "gams"}
    sizes = {f"{count(r.rows)} rows, {count(r.columns)} columns, {count(r.nonzeros)} nonzeros" for r in runs if r.rows}
    snapshot = f"{model.snapshot[:16]} ({counted(model.files, 'file')})"
    facts = {
        "Model": f"{model.driver} in {model.run_dir}",
        "Snapshot": snapshot if model.snapshot else "",
        "Size": "; ".join(sorted(sizes)[:3]),
        "Versions": ", ".join(sorted(versions)),
        "Threads": ", ".join(sorted({str(r.threads) for r in runs if r.threads})),
        "Mode": {"chain": "one after the other", "chord": "at once"}[report.spec.mode.value],
    }
    return {name: value for name, value in facts.items() if value}


def _table(columns: Sequence[tuple[str, str]], rows: Sequence[tuple[Cell, ...]]) -> Table:
    """Leaves out empty columns."""
    shown = [i for i in range(len(columns)) if i == 0 or any(cells[i] != Cell() for cells in rows)]
    return Table(tuple(columns[i] for i in shown), tuple(tuple(cells[i] for i in shown) for cells in rows))


def _runs(report: Report) -> Table:
    """A line for each profile and for each run that counts for none, in the order of the report on the screen."""
    lines = profile_lines(report)
    slowest_s = max((line.time_s or 0.0 for line in lines), default=0.0)
    titles = tuple((title.format(time=time_title(report).capitalize()), style) for title, style in _RUN_COLUMNS)
    return _table(titles, [_cells(line, slowest_s) for line in lines])


def _cells(line: ProfileLine, slowest_s: float) -> tuple[Cell, ...]:
    result = line.first
    return (
        Cell(line.name, (Badge("recommended", "good"),) if line.is_best else ()),
        Cell(badges=(_ending(result),)),
        _time(line, slowest_s),
        Cell(f"{len(line.runs)}: {line.range}" if line.range else ""),
        Cell(line.pace),
        Cell(runtime(line.wall_s) if line.measure is not Measure.WALL else ""),
        Cell(number(result.objective, 18)),
        Cell(result.basis if result.basis in {"vertex", "interior"} else ""),
        Cell(count(result.iterations)),
        Cell(memory(line.memory_mb)),
        Cell(_matrix(result)),
        Cell(badges=_numerics(result)),
        Cell(line.hosts + (f" ({line.attempts} attempts)" if line.attempts > 1 else "")),
    )


def _ending(result: RunResult) -> Badge:
    words = verdict_words(result.verdict) or result.state.value
    if result.stop_reason is not None:
        words = f"{words} ({result.stop_reason.value.replace('_', ' ')})"
    return Badge(words, _mood(result))


def _mood(result: RunResult) -> str:
    if result.applied is False:
        return "warn"
    if result.verdict in SOLVED and result.state is RunState.DONE:
        return "good"
    if result.state is RunState.CANCELLED or result.stop_reason in PLANNED_STOPS:
        return "calm"
    return "warn" if result.state is RunState.DONE else "bad"


def _time(line: ProfileLine, slowest_s: float) -> Cell:
    if line.time_s is None:
        return Cell()
    percent = 100 * line.time_s / slowest_s if slowest_s > 0 else 0.0
    return Cell(runtime(line.time_s), bar_percent=max(1.0, percent))


def _matrix(result: RunResult) -> str:
    if result.matrix_min is None or result.matrix_max is None:
        return ""
    return f"{compact(result.matrix_min, 2)} \u2026 {compact(result.matrix_max, 2)}"


def _numerics(result: RunResult) -> tuple[Badge, ...]:
    return tuple(
        Badge(f"{name.replace('_', ' ')} {compact(result.numerics[name], 2)}", "warn")
        for name in numeric_trouble(result)
    )


def _needs_words(result: RunResult) -> bool:
    if result.stop_reason in PLANNED_STOPS | {StopReason.USER}:
        return False
    proved = result.verdict is Verdict.OPTIMAL and result.state is RunState.DONE
    return not proved or result.applied is False or bool(result.options_ignored)


def _failure(result: RunResult, log_tail: str, room: int) -> dict[str, Any]:
    """The reason for a run without a proved answer, and the end of its log."""
    ignored = [f"The solver ignored: {text}" for text in result.options_ignored]
    return {
        "run": result.run,
        "ending": _ending(result),
        "sentence": result.sentence[:600],
        "next_step": (result.next_step or "")[:600],
        "messages": [*ignored, *result.messages],
        "conflict": result.conflict,
        "log_tail": _tail(log_tail, room),
    }


def _room(texts: int) -> int:
    low, high = _TEXT_EACH
    return max(low, min(high, _TEXT_MAX // max(1, texts)))


def _head(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[:room]}\n\u2026 {len(text) - room:,} characters more in manifest.json"


def _tail(text: str, room: int) -> str:
    """The end of `text`, from the beginning of a line if possible."""
    if len(text) <= room:
        return text
    kept = text[-room:]
    _, line_end, whole_lines = kept.partition("\n")
    return f"\u2026\n{whole_lines if line_end else kept}"
