"""`scan_report.json`: the report as one document, also what `--json` prints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from times_doctor_cli.reports.layout import JSON
from times_doctor_cli.reports.writers.files import write_atomically
from times_doctor_tasks.contract.messages import Report, RunSpec


def report_json(report: Report, specs: Mapping[str, RunSpec]) -> bytes:
    """The report with the request of each run, indented. Floats have all their digits; NaN and infinities are null.

    It decodes as a `Report` again: that ignores the field `run_specs`.
    """
    document = msgspec.to_builtins(report)
    document["run_specs"] = [msgspec.to_builtins(specs[run]) for run in report.spec.runs if run in specs]
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def write_json(report: Report, directory: Path, *, specs: Mapping[str, RunSpec]) -> Path:
    """Writes the document into `directory`."""
    return write_atomically(directory / JSON, report_json(report, specs))
