"""A report as Markdown, for a mail or a ticket."""

from __future__ import annotations

from collections.abc import Sequence

from times_doctor_cli.reports.profile_lines import profile_lines
from times_doctor_cli.terminal.signs import glyphs
from times_doctor_cli.views.report import headline, rows_of, titles_of
from times_doctor_tasks.contract.messages import Report

#: Characters that would end a cell, or are Markdown marks.
_ESCAPED = str.maketrans({char: f"\\{char}" for char in "\\|*_`[]<>"})


def report_markdown(report: Report) -> str:
    """Model, advice, reasons and the table; columns without any value are left out."""
    lines = [f"## {_plain(report.spec.model.title)}: scan {report.scan}", ""]
    if not report.comparison.agree:
        lines += ["**The runs do not agree.**", "", *_bullets(report.comparison.findings), ""]
    reasons = [reason for reason in report.recommendation.reasons if reason not in report.comparison.findings]
    lines += [f"**{_plain(headline(report, glyphs(unicode=True)))}**", "", *_bullets(reasons), "", *_table(report)]
    return "\n".join(lines) + "\n"


def _table(report: Report) -> list[str]:
    rows = rows_of(profile_lines(report))
    titles = titles_of(rows, report)
    keys = [key for key in (rows[0] if rows else ()) if any(row[key] for row in rows)]
    best = report.recommendation.profile
    marked = [
        row | {"run": f"{row['run']} (recommended)"} if row["run"] in (best, report.recommendation.run) else row
        for row in rows
    ]
    return [
        _row([titles.get(key, key) for key in keys]),
        _row(["---"] * len(keys)),
        *(_row([_plain(row[key].strip()) for key in keys]) for row in marked),
    ]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _bullets(sentences: Sequence[str]) -> list[str]:
    return [f"- {_plain(sentence)}" for sentence in sentences]


def _plain(text: str) -> str:
    """Text that Markdown shows as it is."""
    return " ".join(text.translate(_ESCAPED).split())
