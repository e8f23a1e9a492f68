"""All files of a report, in the scan's own folder, and the newest ones as copies beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from times_doctor_cli.writers import csv_report, html_report, json_report, option_file, scan_manifest
from times_doctor_cli.writers.files import write_atomically
from times_doctor_tasks.messages import Report, RunSpec
from times_doctor_tasks.staging import Manifest

#: Also copied into the parent folder, where the newest scan's stand.
COPIED = (csv_report.NAME, json_report.NAME, html_report.NAME)


def write_scan_files(
    report: Report,
    directory: Path,
    *,
    specs: Mapping[str, RunSpec],
    log_tails: Mapping[str, str] | None = None,
    inputs: Manifest | None = None,
) -> tuple[Path, ...]:
    """Writes CSV, JSON, manifest, HTML and the recommended option file into `directory`, and returns their paths.

    Each file is whole or absent; the same report written twice gives the same files. Call it after the runs' files
    were fetched into `directory/scan_runs`: the CSV names those that are there.

    Args:
        specs: what was asked of each run, by its id.
        log_tails: the last lines of the log, by run.
        inputs: the model's files with their hashes, for the manifest.

    Raises:
        InfrastructureError: one of them cannot be written.
    """
    return (
        csv_report.write_csv(report, directory),
        json_report.write_json(report, directory, specs=specs),
        scan_manifest.write_manifest(report, directory, specs=specs, inputs=inputs),
        html_report.write_html(report, directory, specs=specs, log_tails=log_tails),
        *option_file.write_recommended(report, directory, specs=specs),
    )


def copy_as_newest(directory: Path) -> tuple[Path, ...]:
    """Copies the reports in `directory`, a scan's folder, to its parent, and returns the copies."""
    found = [directory / name for name in COPIED if (directory / name).is_file()]
    return tuple(write_atomically(directory.parent / path.name, path.read_bytes()) for path in found)
