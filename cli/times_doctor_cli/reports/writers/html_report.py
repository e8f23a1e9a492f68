"""`scan_report.html`: one file that opens offline, with nothing fetched and no script but its own."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from string import Template

from times_doctor_cli.reports.layout import HTML
from times_doctor_cli.reports.writers import html_sections as sections
from times_doctor_cli.reports.writers.charts import PARTS, RUNS_MAX, chart_data
from times_doctor_cli.reports.writers.files import write_atomically
from times_doctor_tasks.contract.messages import Report, RunSpec


def write_html(
    report: Report, directory: Path, *, specs: Mapping[str, RunSpec], log_tails: Mapping[str, str] | None = None
) -> Path:
    """Writes the page into `directory`.

    Args:
        specs: what was asked of each run, by its id; the option files are shown from there.
        log_tails: the last lines of the log, by run; shown for runs that did not end as they should.
    """
    return write_atomically(directory / HTML, report_html(report, specs=specs, log_tails=log_tails or {}))


def report_html(report: Report, *, specs: Mapping[str, RunSpec], log_tails: Mapping[str, str]) -> str:
    """The page as text."""
    data = chart_data(report) | {"parts": PARTS}
    library, glue = _resource("echarts/echarts.common.min.js"), _resource("scan_report.js")
    return Template(_resource("scan_report.html")).substitute(
        title=sections.escape(f"{report.spec.model.title}: {report.scan}"),
        policy=_policy(library, glue),
        style=_resource("scan_report.css"),
        heading=sections.heading(report),
        verdict=sections.findings(report) + sections.recommendation(report, specs),
        table=sections.comparison_table(report) + sections.agreement(report),
        charts=_charts(data, len(report.runs)),
        details=sections.joined(
            [
                ("What went wrong", sections.failures(report, log_tails)),
                ("Runs that were begun more than once", sections.histories(report)),
                ("Option files", sections.option_files(report, specs)),
                ("This scan", sections.scan_facts(report)),
            ]
        ),
        data=_as_script_text(data),
        library=library,
        glue=glue,
    )


def _charts(data: Mapping[str, object], runs: int) -> str:
    titles = {
        "convergence": (
            "Convergence",
            "Residual over the time since the engine started: the relative gap where the solver prints one, else the "
            "largest infeasibility. Dashed, where it prints neither: how far its objective was from its last value.",
        ),
        "timeline": ("Timeline", "Time since the scan was asked for, by host."),
        "phases": ("Where the engine's time went", "Time by phase of each run."),
    }
    shown = "" if runs <= RUNS_MAX else f" Of {runs} runs, the first {RUNS_MAX} are drawn."
    parts = []
    for key, (title, words) in titles.items():
        content = data[key]
        if content["rows"] if isinstance(content, dict) else content:
            head = sections.tag("h2", sections.escape(title)) + sections.tag(
                "p", sections.escape(words + shown), "quiet"
            )
            chart = sections.tag("div", "", "chart", id=f"chart-{key}", role="img", aria_label=title)
            parts.append(sections.tag("section", head + chart, "figure"))
    return "".join(parts)


def _policy(*scripts: str) -> str:
    """A content security policy that runs `scripts` and nothing else, and fetches nothing.

    Should a name ever get through unescaped, it still does not run.
    """
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts)
    return f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src {hashes}"


def _as_script_text(data: Mapping[str, object]) -> str:
    """JSON that cannot end the element it stands in."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _resource(name: str) -> str:
    folder = files("times_doctor_cli.reports.writers").joinpath("templates")
    return folder.joinpath(*name.split("/")).read_text(encoding="utf-8")
