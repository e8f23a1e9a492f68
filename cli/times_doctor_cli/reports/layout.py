"""Names and paths of a scan's files: RUN_DIR/times_doctor_out/<scan-id>/ and its content."""

from __future__ import annotations

import re
from pathlib import Path

from times_doctor_cli.file_names import safe_name

#: Folder below RUN_DIR for all files of scans.
OUT = "times_doctor_out"
CSV = "scan_report.csv"
JSON = "scan_report.json"
HTML = "scan_report.html"
#: The files of a report; the newest scan's are also copied one folder up.
REPORTS = (CSV, JSON, HTML)
#: What was run, and on which model: beside the reports.
MANIFEST = "manifest.json"
#: Folder of the recommended option file, below the scan's.
RECOMMENDED = "recommended"
_RUNS = "scan_runs"
_SCAN = re.compile(r"\d{6}-\d{6}-[0-9a-f]{4,}")


def scan_folder(out: Path, scan: str) -> Path:
    """The folder of a scan below `out`; a name from elsewhere never leads out of it."""
    return out / safe_name(scan)


def run_folder(folder: Path, run: str) -> Path:
    """The folder of one run's files below its scan's; long names are shortened."""
    return folder / _RUNS / safe_name(run)


def saved_reports(out: Path) -> list[Path]:
    """The `scan_report.json` of each scan below `out`, oldest first; before all others, those of renamed folders."""
    return sorted((path for path in out.glob(f"*/{JSON}") if path.is_file()), key=lambda path: _age(path.parent.name))


def _age(folder: str) -> tuple[bool, str]:
    """Sorts the folders of scans by time, those with a name that a user gave first.

    >>> sorted(["best", "261128-101500-47a1", "261127-230000-0b3e", "261128-101500-47a1 (copy)"], key=_age)
    ['261128-101500-47a1 (copy)', 'best', '261127-230000-0b3e', '261128-101500-47a1']
    """
    return _SCAN.fullmatch(folder) is not None, folder
