"""One solve by the solve program, in a process of its own as in the product."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from times_doctor_tasks.profiles.option_table import native_options
from times_doctor_worker.engines.native.adapter import Order
from times_doctor_worker.engines.native.engine import PROGRAM


def write_order(folder: Path, model: Path, options: str = "", *, solver: str = "highs") -> list[str]:
    """The words to start the program with; it writes `run.log` and `result.json` into `folder`."""
    log, result = (str(folder / name) for name in ("run.log", "result.json"))
    order = Order(solver, str(model), log, result, native_options(options, solver))
    (folder / "order.json").write_text(json.dumps(vars(order)))
    return [sys.executable, "-m", PROGRAM, str(folder / "order.json")]


def solve(folder: Path, model: Path | str, options: str = "", *, solver: str = "highs") -> tuple[int, dict[str, Any]]:
    """Return code and result; a text is written as an LP file first."""
    if isinstance(model, str):
        (folder / "m.lp").write_text(model)
        model = folder / "m.lp"
    done = subprocess.run(write_order(folder, model, options, solver=solver), capture_output=True, check=False)
    result: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return done.returncode, result
