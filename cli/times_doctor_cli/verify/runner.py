"""Scans each model with this program, as a user would, in its own folder."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from times_doctor_cli.reports.layout import saved_reports
from times_doctor_cli.reports.reader import SavedReport, find_saved
from times_doctor_cli.run_folder.run_dir import look
from times_doctor_cli.verify.anonymous import words_of, words_of_files
from times_doctor_cli.verify.cases import CASES
from times_doctor_cli.verify.record import case_record, new_record, texts_of
from times_doctor_tasks.contract import exit_codes
from times_doctor_tasks.contract.errors import EngineNotFound, UsageError

PROFILES = ("dual", "bar_nox")
_PROGRAM = "import sys; from times_doctor_cli.entry import main; sys.exit(main())"
#: Most characters shown of a scan's error.
_MOST_CHARS = 2000


def verify(
    folder: Path,
    *,
    gams_path: Path | None,
    run_dir: Path | None,
    timeout_s: float,
    keep_names: bool,
    on_case: Callable[[str, SavedReport], None],
) -> dict[str, object]:
    """Runs all cases, then the model in `run_dir`, and returns the record.

    Args:
        folder: An empty folder for the scans' files.
        timeout_s: Of each run of that model.
        keep_names: Keep the model's names in the record.
        on_case: Called with each model that has ended.

    Raises:
        UsageError, EngineNotFound: a scan could not begin; with its message and exit code.
    """
    record, options = new_record(), [] if gams_path is None else ["--gams-path", str(gams_path)]
    cases: list[object] = record["cases"]
    known: frozenset[str] = frozenset()
    for case in CASES:
        place = folder / case.name
        place.mkdir()
        (place / f"{case.name}.gms").write_text(case.text, "utf-8")
        saved = _scan(place, place / "out", options)
        known |= words_of(text for run in saved.report.runs for text in texts_of(saved.folder, run.run).values())
        cases.append(case_record(case.name, case.expected, saved, secret=frozenset(), known=known))
        on_case(case.name, saved)
    if run_dir is not None:
        saved = _scan(run_dir, folder / "yours", [*options, "--timeout-seconds", f"{timeout_s:g}"])
        secret = frozenset() if keep_names else _names_of(run_dir)
        cases.append(case_record("yours", None, saved, secret=secret, known=known))
        on_case("yours", saved)
    return record


def _scan(model: Path, out: Path, options: Sequence[str]) -> SavedReport:
    profiles = [word for profile in PROFILES for word in ("-p", profile)]
    command = [sys.executable, "-c", _PROGRAM, "scan", str(model), "--out", str(out), *profiles, *options]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    saved = find_saved(path.parent, newest=False) if (path := next(iter(saved_reports(out)), None)) else None
    if saved is None:
        said = done.stderr.strip().removeprefix("Error: ")[-_MOST_CHARS:]
        raise UsageError(said) if done.returncode == exit_codes.USAGE else EngineNotFound(said)
    return saved


def _names_of(run_dir: Path) -> frozenset[str]:
    """Every word of the model's files and of their paths: a log contains no other private words."""
    inputs = look(run_dir, environ=os.environ).inputs
    of_machine = [str(run_dir.absolute()), platform.node(), str(Path.home())]
    return words_of_files([file.path for file in inputs]) | words_of(of_machine)
