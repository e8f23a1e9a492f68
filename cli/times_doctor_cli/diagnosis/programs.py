"""Runs the worker's HiGHS programs on one model file, each in its own process with a time limit."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from times_doctor_tasks.contract.errors import EngineNotFound, UsageError
from times_doctor_tasks.results.verdicts import WHOLE_FILE

#: Return code of a program that could not read the model file.
_UNREADABLE = 2
#: Seconds that Python and HiGHS may take to start and to write, on top of the time limit.
_SPARE_S = 10.0

NO_HIGHS = "This needs HiGHS, which is not here. Get it by: pip install '.[worker]' in a clone of times-doctor."


def has_highs() -> bool:
    """Whether the programs can run here."""
    return all(importlib.util.find_spec(name) is not None for name in ("highspy", "times_doctor_worker"))


def ranges_of(model: Path, folder: Path, *, limit_s: float) -> dict[str, Any] | None:
    """How `model` is scaled; None if the time was not enough. The program's files go to `folder`.

    Raises:
        EngineNotFound: HiGHS is not installed.
        UsageError: HiGHS cannot read the file.
    """
    _run("highs_ranges", model, [str(model.absolute()), "ranges.json"], folder, limit_s=limit_s)
    return _answer(folder / "ranges.json")


def solve(model: Path, folder: Path, *, limit_s: float) -> tuple[int | None, Path, Mapping[str, Any] | None]:
    """Solves `model` with HiGHS's defaults; the return code (None: it was killed), its log and final answer.

    Raises:
        EngineNotFound: HiGHS is not installed.
        UsageError: HiGHS cannot read the file.
    """
    order = {"solver": "highs", "model": str(model.absolute()), "log": "run.log", "result": "result.json"}
    options = [(1, "time_limit", "time_limit", str(limit_s))]
    (folder / "order.json").write_text(json.dumps(order | {"options": options}), "utf-8")
    code = _run("native.solve", model, ["order.json"], folder, limit_s=limit_s)
    return code, folder / "run.log", _answer(folder / "result.json")


def conflict_of(model: Path, folder: Path, *, limit_s: float) -> dict[str, Any]:
    """The rows and bounds of an infeasible `model` that contradict each other, as far as found.

    Raises:
        EngineNotFound: HiGHS is not installed.
        UsageError: HiGHS cannot read the file.
    """
    _run("highs_conflict", model, [str(model.absolute()), "conflict.json", str(limit_s)], folder, limit_s=limit_s)
    return _answer(folder / "conflict.json") or {"outcome": "unproved", "limit_s": limit_s}


def _run(program: str, model: Path, arguments: list[str], folder: Path, *, limit_s: float) -> int | None:
    if not has_highs():
        raise EngineNotFound(NO_HIGHS)
    words = [sys.executable, "-m", f"times_doctor_worker.engines.{program}", *arguments]
    try:
        done = subprocess.run(
            words, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            timeout=limit_s + _SPARE_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return None
    if done.returncode == _UNREADABLE:
        raise UsageError(f"HiGHS cannot read the model file {str(model)!r}{_reason(folder / 'run.log')}. {WHOLE_FILE}")
    return done.returncode


def _reason(log: Path) -> str:
    """`: first message of HiGHS's parser (line n)`; empty if there is none."""
    text = log.read_text("utf-8", "replace") if log.is_file() else ""
    error = re.search(r"^ERROR: +(.*)", text, re.MULTILINE)
    if error is None:
        return ""
    line = re.search(r"^ --> .*:(\d+):\d+$", text, re.MULTILINE)
    return f": {error[1].rstrip('.')}" + (f" (line {line[1]})" if line else "")


def _answer(path: Path) -> dict[str, Any] | None:
    try:
        answer = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return answer if isinstance(answer, dict) else None
