"""The file that `verify` writes: what was run, how it ended, and its logs."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from times_doctor_cli.reports.layout import run_folder
from times_doctor_cli.reports.reader import SavedReport
from times_doctor_cli.verify.anonymous import anonymous
from times_doctor_tasks import __version__
from times_doctor_tasks.contract.messages import RunResult

SCHEMA = 1
#: Characters of a text's beginning and of its end that are kept.
HEAD_CHARS, TAIL_CHARS = 20_000, 40_000
#: Files of a run that go into the record.
TEXTS = ("run.log", "run.lst", "trace.txt")
#: Figures of a result that contain no names of a model.
_FIGURES = frozenset((
    "run", "solver", "profile", "state", "verdict", "stop_reason", "model_status", "model_status_text", "solver_status",
    "solver_status_text", "objective", "runtime_s", "iterations", "rows", "columns", "nonzeros", "threads", "basis",
    "returncode", "engine_version", "solver_version", "licence", "peak_memory_mb", "solve_count", "applied",
))  # fmt: skip


def new_record() -> dict[str, Any]:
    """An empty record with the versions used."""
    return {
        "schema": SCHEMA,
        "times_doctor": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cases": [],
    }


def case_record(
    name: str, expected: str | None, saved: SavedReport, *, secret: frozenset[str], known: frozenset[str]
) -> dict[str, Any]:
    """The outcome of one model.

    Args:
        expected: The expected verdict; None for a user's model.
        secret: Words to remove, unless they are `known`.
    """
    runs = []
    for run in saved.report.runs:
        figures = {key: value for key, value in _plain(run).items() if key in _FIGURES}
        texts = {
            file: anonymous(text, secret=secret, known=known) for file, text in texts_of(saved.folder, run.run).items()
        }
        as_expected = None if expected is None else run.verdict == expected
        runs.append(figures | {"as_expected": as_expected, "texts": texts})
    return {"case": name, "expected": expected, "runs": runs}


def texts_of(folder: Path, run: str) -> dict[str, str]:
    """Head and tail of each text file of a run."""
    kept = {}
    for name in TEXTS:
        path = run_folder(folder, run) / name
        if path.is_file():
            kept[name] = cut(path.read_text("utf-8", "replace"))
    return kept


def cut(text: str) -> str:
    """The head and tail of a long text in whole lines, with a note on what is left out."""
    if len(text) <= HEAD_CHARS + TAIL_CHARS:
        return text
    head, tail = text[:HEAD_CHARS].rpartition("\n")[0], text[-TAIL_CHARS:].partition("\n")[2]
    return f"{head}\n... {len(text) - len(head) - len(tail):,} characters left out ...\n{tail}"


def misses(record: Mapping[str, Any]) -> Iterable[str]:
    """Each run that did not end as expected."""
    for case in record["cases"]:
        for run in case["runs"]:
            if run["as_expected"] is False:
                yield f"{case['case']} under {run['profile']}: {run['verdict']}, expected {case['expected']}"


def _plain(run: RunResult) -> dict[str, Any]:
    return dict(msgspec.to_builtins(run))
