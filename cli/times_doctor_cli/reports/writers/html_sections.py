"""The parts of the HTML report that are text: findings, table, option files, what failed. All text is escaped here."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from times_doctor_cli.reports.attempts import begun_again
from times_doctor_cli.reports.writers.option_file import copy_line
from times_doctor_cli.terminal.units import compact, count, memory, number, runtime, verdict_words
from times_doctor_tasks.analysis.recommendation import numeric_trouble
from times_doctor_tasks.contract.messages import Report, RunResult, RunSpec
from times_doctor_tasks.contract.states import PLANNED_STOPS, SOLVED, RunState, StopReason, Verdict

#: Room for the text of all option files, and of all log tails, in characters: the page stays below 3 MB.
_TEXT_MAX = 250_000
#: Room for one of them, at most and at least.
_TEXT_EACH = (400, 20_000)
#: Runs whose failure is told in full.
_FAILURES_MAX = 40
_MESSAGES_MAX = 12
_CONFLICT_MAX = 40


def escape(text: object) -> str:
    """Text for an element or an attribute: names come from files and from other hosts."""
    return html.escape(str(text), quote=True)


def tag(name: str, content: str, css: str = "", **attributes: str) -> str:
    """An element around `content`, which is HTML already; attribute values are escaped here."""
    pairs = ({"class": css} if css else {}) | {key.replace("_", "-"): value for key, value in attributes.items()}
    written = "".join(f' {key}="{escape(value)}"' for key, value in pairs.items())
    return f"<{name}{written}>{content}</{name}>"


def heading(report: Report) -> str:
    """What was scanned, where and when."""
    hosts = sorted({r.host for r in report.runs if r.host})
    created = datetime.fromtimestamp(report.spec.created_ms / 1000).astimezone()
    facts = [
        f"{len(report.runs)} run{'s' if len(report.runs) != 1 else ''}",
        f"on {', '.join(hosts[:6])}{' and more' if len(hosts) > 6 else ''}" if hosts else "on no host",
        f"{created:%Y-%m-%d %H:%M %Z}",
        f"scan {report.scan}",
    ]
    if report.spec.client:
        facts.append(f"asked by {report.spec.client}")
    line = "".join(tag("span", escape(fact)) for fact in facts)
    return tag("h1", escape(report.spec.model.title)) + tag("p", line, "facts")


def findings(report: Report) -> str:
    """Whether the runs agree, said first of all where they do not; then what else is to be minded."""
    comparison = report.comparison
    lines = (*comparison.findings, *report.warnings, *_reused(report))
    if comparison.agree and not lines:
        return ""
    title = "Take note" if comparison.agree else "The profiles disagree"
    listed = "".join(tag("li", escape(line)) for line in lines)
    css = "note warn" if comparison.agree else "note bad"
    return tag("section", tag("h2", title) + tag("ul", listed), css)


def _reused(report: Report) -> Iterator[str]:
    for run in report.runs:
        if run.reused_from:
            yield f"{run.run} was not run: its result is that of scan {run.reused_from}, which had the same inputs."


def recommendation(report: Report, specs: Mapping[str, RunSpec]) -> str:
    """Which profile to use, why, and what to copy where."""
    advice = report.recommendation
    said = set() if report.comparison.agree else set(report.comparison.findings)
    reasons = "".join(tag("li", escape(reason)) for reason in advice.reasons if reason not in said)
    if advice.run is None:
        return tag("section", tag("h2", "No recommendation") + tag("ul", reasons), "note warn")
    spec = specs.get(advice.run)
    copy = tag("p", escape(copy_line(report, spec)), "copy") if spec else ""
    return tag("section", tag("h2", f"Use {tag('b', escape(advice.run))}") + tag("ul", reasons) + copy, "note good")


def agreement(report: Report) -> str:
    """One line on how closely the runs agree."""
    comparison = report.comparison
    if not comparison.agree or comparison.reference_objective is None:
        return ""
    words = [f"Objective {number(comparison.reference_objective, 18)}"]
    if comparison.largest_difference_rel is not None:
        words.append(
            f"largest relative difference {comparison.largest_difference_rel:.1e} "
            f"(allowed: {report.spec.objective_tol_rel:.0e} between vertex solutions, "
            f"{report.spec.interior_tol_rel:.0e} with an interior one)"
        )
    return tag("p", escape("; ".join(words) + "."), "quiet")


def comparison_table(report: Report) -> str:
    """All runs, the recommended one first, then the optimal ones by time, then the rest."""
    slowest = max((r.runtime_s or 0.0 for r in report.runs), default=0.0)
    advised = report.recommendation.run
    ordered = sorted(report.runs, key=lambda r: _rank(r, advised))
    rows = [_cells(r, slowest, recommended=r.run == advised) for r in ordered]
    return _table(_COLUMNS, rows)


def option_files(report: Report, specs: Mapping[str, RunSpec]) -> str:
    """Each profile's option text once, folded; the recommended one open."""
    advised = specs.get(report.recommendation.run or "")
    profiles = {(s.solver, s.profile): s for run in reversed(report.spec.runs) if (s := specs.get(run))}
    chosen = list(reversed(profiles.values()))
    room = _room(len(chosen))
    parts = []
    for spec in chosen:
        is_advised = advised is not None and (spec.solver, spec.profile) == (advised.solver, advised.profile)
        title = f"{spec.solver}.{spec.profile}"
        origin = tag("span", escape(spec.origin), "quiet")
        summary = tag("summary", f"{escape(title)} {origin}{_badge('recommended', 'good') if is_advised else ''}")
        body = tag("pre", escape(_head(spec.options, room)))
        parts.append(tag("details", summary + body, **({"open": ""} if is_advised else {})))
    return "".join(parts)


def failures(report: Report, log_tails: Mapping[str, str]) -> str:
    """What happened to each run that did not end with a proved answer, and the end of its log."""
    failed = [r for r in report.runs if _needs_words(r)]
    told = failed[:_FAILURES_MAX]
    room = _room(len(told))
    parts = [_failure(r, log_tails.get(r.run, ""), room) for r in told]
    if len(failed) > len(told):
        parts.append(tag("p", f"{len(failed) - len(told)} more are in scan_report.json.", "quiet"))
    return "".join(parts)


def histories(report: Report) -> str:
    """Where each run was tried that one host did not bring to its end, and why it went on."""
    titles = (("Run", "first"), ("Attempt", "num"), ("Host", ""), ("Began", "num"), ("Lasted", "num"), ("Ended", ""))
    rows = [
        (run, str(each.attempt), each.host, f"+{runtime(each.began_s)}", runtime(each.lasted_s), each.ended_as)
        for run, tries in begun_again(report).items()
        for each in tries
    ]
    return _table(titles, [tuple(escape(cell) for cell in row) for row in rows]) if rows else ""


def scan_facts(report: Report) -> str:
    """Model, versions and limits, for whoever wants to repeat it."""
    model, spec = report.spec.model, report.spec
    versions = {f"{r.engine.upper()} {r.engine_version}" for r in report.runs if r.engine_version}
    versions |= {f"{r.solver.upper()} {r.solver_version}" for r in report.runs if r.solver_version}
    sizes = {
        f"{count(r.rows)} rows, {count(r.columns)} columns, {count(r.nonzeros)} nonzeros" for r in report.runs if r.rows
    }
    facts = {
        "Model": f"{model.driver} in {model.run_dir}",
        "Snapshot": f"{model.snapshot[:16]} ({model.files} file{'s' if model.files != 1 else ''})"
        if model.snapshot
        else "",
        "Size": "; ".join(sorted(sizes)[:3]),
        "Versions": ", ".join(sorted(versions)),
        "Threads": ", ".join(sorted({str(r.threads) for r in report.runs if r.threads})),
        "Mode": {"chain": "one after the other", "chord": "at once"}[spec.mode.value],
    }
    rows = "".join(tag("dt", escape(k)) + tag("dd", escape(v)) for k, v in facts.items() if v)
    return tag("dl", rows)


_COLUMNS: tuple[tuple[str, str], ...] = (
    ("Run", "first"),
    ("Ended", ""),
    ("Time", "num"),
    ("Objective", "num"),
    ("Duals", ""),
    ("Iterations", "num"),
    ("Memory", "num"),
    ("Matrix", "num"),
    ("Numerics", ""),
    ("Host", ""),
)


def _table(columns: Sequence[tuple[str, str]], rows: Sequence[tuple[str, ...]]) -> str:
    """Rows of finished cells under `columns` of (title, class); a column without any content is left out."""
    shown = [i for i in range(len(columns)) if i == 0 or any(cells[i] for cells in rows)]
    head = "".join(tag("th", escape(columns[i][0]), columns[i][1], scope="col") for i in shown)
    body = "".join(
        tag("tr", "".join(tag("td", cells[i], columns[i][1], data_label=columns[i][0]) for i in shown))
        for cells in rows
    )
    return tag("table", tag("thead", tag("tr", head)) + tag("tbody", body), "runs")


def _rank(result: RunResult, recommended: str | None) -> tuple[int, float]:
    if result.run == recommended:
        return 0, 0.0
    if result.verdict is Verdict.OPTIMAL and result.applied is not False:
        return 1, result.runtime_s if result.runtime_s is not None else math.inf
    return 2, 0.0


def _cells(result: RunResult, slowest_s: float, *, recommended: bool) -> tuple[str, ...]:
    return (
        escape(result.run) + (_badge("recommended", "good") if recommended else ""),
        _ending(result),
        _time(result, slowest_s),
        escape(number(result.objective, 18)),
        escape({"vertex": "vertex", "interior": "interior"}.get(result.basis or "", "")),
        escape(count(result.iterations)),
        escape(memory(result.peak_memory_mb)),
        escape(_matrix(result)),
        _numerics(result),
        escape(result.host or "") + (f" ({result.attempt} attempts)" if result.attempt > 1 else ""),
    )


def _ending(result: RunResult) -> str:
    words = verdict_words(result.verdict) or result.state.value
    if result.stop_reason is not None:
        words = f"{words} ({result.stop_reason.value.replace('_', ' ')})"
    return _badge(words, _mood(result))


def _mood(result: RunResult) -> str:
    if result.applied is False:
        return "warn"
    if result.verdict in SOLVED and result.state is RunState.DONE:
        return "good"
    if result.state is RunState.CANCELLED or result.stop_reason in PLANNED_STOPS:
        return "calm"
    return "warn" if result.state is RunState.DONE else "bad"


def _time(result: RunResult, slowest_s: float) -> str:
    if result.runtime_s is None:
        return ""
    share = 100 * result.runtime_s / slowest_s if slowest_s > 0 else 0
    return escape(runtime(result.runtime_s)) + tag("i", "", "bar", style=f"width:{max(1.0, share):.1f}%")


def _matrix(result: RunResult) -> str:
    if result.matrix_min is None or result.matrix_max is None:
        return ""
    return f"{compact(result.matrix_min, 2)} \u2026 {compact(result.matrix_max, 2)}"


def _numerics(result: RunResult) -> str:
    names = numeric_trouble(result)
    return "".join(_badge(f"{name.replace('_', ' ')} {compact(result.numerics[name], 2)}", "warn") for name in names)


def _badge(text: str, mood: str) -> str:
    return tag("span", escape(text), f"badge {mood}")


def _needs_words(result: RunResult) -> bool:
    if result.stop_reason in PLANNED_STOPS | {StopReason.USER}:
        return False
    proved = result.verdict is Verdict.OPTIMAL and result.state is RunState.DONE
    return not proved or result.applied is False or bool(result.options_ignored)


def _failure(result: RunResult, log_tail: str, room: int) -> str:
    parts = [tag("h3", f"{escape(result.run)} {_ending(result)}"), tag("p", escape(result.sentence[:600]))]
    if result.next_step:
        parts.append(tag("p", tag("b", "What to do: ") + escape(result.next_step[:600])))
    ignored = [f"The solver ignored: {text}" for text in result.options_ignored]
    parts.append(_lines([*ignored, *result.messages]))
    if result.conflict:
        parts.append(tag("p", "These take part in the conflict:") + _lines(result.conflict, _CONFLICT_MAX))
    if log_tail:
        tail = tag("pre", escape(_tail(log_tail, room)), "tail")
        parts.append(tag("details", tag("summary", "End of the log") + tail, open=""))
    return tag("article", "".join(parts))


def _lines(lines: Iterable[str], most: int = _MESSAGES_MAX) -> str:
    every = [line[:400] for line in lines]
    items = [tag("code", escape(line)) for line in every[:most]]
    if len(every) > most:
        items.append(f"{len(every) - most} more are in scan_report.json")
    return tag("ul", "".join(tag("li", item) for item in items)) if items else ""


def _room(texts: int) -> int:
    low, high = _TEXT_EACH
    return max(low, min(high, _TEXT_MAX // max(1, texts)))


def _head(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[:room]}\n\u2026 {len(text) - room:,} characters more in manifest.json"


def _tail(text: str, room: int) -> str:
    """The end of `text`, from the beginning of a line where there is one."""
    if len(text) <= room:
        return text
    kept = text[-room:]
    _, line_end, whole_lines = kept.partition("\n")
    return f"\u2026\n{whole_lines if line_end else kept}"


def joined(parts: Sequence[tuple[str, str]]) -> str:
    """Sections of (title, content); those without content are left out."""
    return "".join(tag("section", tag("h2", escape(title)) + content) for title, content in parts if content)
