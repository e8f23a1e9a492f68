"""`scan_report.html`: one file that opens offline, with nothing fetched and no script but its own."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path

from times_doctor_cli.reports.layout import HTML
from times_doctor_cli.reports.writers.charts import PARTS, chart_data
from times_doctor_cli.reports.writers.files import write_atomically
from times_doctor_cli.reports.writers.html_sections import page_data
from times_doctor_tasks.contract.messages import Report, RunSpec


def write_html(
    report: Report, directory: Path, *, specs: Mapping[str, RunSpec], log_tails: Mapping[str, str] | None = None
) -> Path:
    """Writes the page into `directory`, with option files from `specs` and, of failed runs, the ends of their logs."""
    return write_atomically(directory / HTML, report_html(report, specs=specs, log_tails=log_tails or {}))


def report_html(report: Report, *, specs: Mapping[str, RunSpec], log_tails: Mapping[str, str]) -> str:
    """The page as text."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # 30 ms: only where a page is written
    from markupsafe import Markup

    loader = PackageLoader("times_doctor_cli.reports.writers")
    pages = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, finalize=_harmless)
    pages.trim_blocks = pages.lstrip_blocks = True
    pages.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    style, library, glue = (
        Markup(loader.get_source(pages, name)[0])  # noqa: S704  # our own files, unescaped as they must be
        for name in ("scan_report.css", "echarts/echarts.common.min.js", "scan_report.js")
    )
    data = page_data(report, specs=specs, log_tails=log_tails, charts=chart_data(report) | {"parts": PARTS})
    return pages.get_template("scan_report.html").render(
        data, style=style, library=library, glue=glue, policy=_policy(library, glue)
    )


def _harmless(value: object) -> object:
    """Texts without what steers or reverses the text around them; lines stay lines."""
    if type(value) is not str or value.isprintable():
        return value
    return "".join(char if char.isprintable() or char.isspace() else "?" for char in value)


def _policy(*scripts: str) -> str:
    """A content security policy that runs only `scripts`, and fetches nothing.

    An unescaped name could not run either.
    """
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts)
    return f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src {hashes}"
