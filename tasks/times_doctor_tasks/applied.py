"""Was the profile really used? A driver's own statements beat the command line (measured)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from times_doctor_tasks.messages import RunSpec
from times_doctor_tasks.reading import RunReading

#: `OPTION LP=CBC`, `option rmip = xpress, lp = ...`; also TIMES-style `OPTION SOLVEOPT=..., LP=...;`.
_SOLVER_STATEMENT = re.compile(r"^\s*option\b[^;*]*\b(?:lp|mip|rmip)\s*=\s*(\w+)", re.IGNORECASE)
_OPTFILE_STATEMENT = re.compile(r"\boptfile\s*=\s*(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Application:
    """`applied`: True, False, or None where the files do not show it; `why` is empty unless False."""

    applied: bool | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """A line of the model that names a solver or an option file by itself."""

    place: str
    text: str


def find_statements(path: str, lines: Iterable[str]) -> list[Statement]:
    """Lines of one source file that may overrule the command line.

    >>> find_statements("x.run", ["OPTION LP=CBC;", "* OPTION LP=CBC", "m.optfile = 0;", "m.optfile=1;"])
    [Statement(place='x.run:1', text='OPTION LP=CBC;'), Statement(place='x.run:3', text='m.optfile = 0;')]
    """
    found = []
    for number, line in enumerate(lines, start=1):
        if line.startswith("*"):
            continue
        optfile = _OPTFILE_STATEMENT.search(line)
        if _SOLVER_STATEMENT.search(line) or (optfile and int(optfile[1]) != 1):
            found.append(Statement(f"{path}:{number}", line.strip()[:120]))
    return found


def judge_application(run: RunSpec, reading: RunReading, statements: Iterable[Statement]) -> Application:
    """Compares what the solver says it used with the profile of `run`."""
    if not reading.solves:
        return Application(None)
    culprits = "; ".join(f"{s.place} says {s.text!r}" for s in statements)
    because = f": {culprits}. Remove that statement, or scan with that solver" if culprits else ""
    others = sorted({s.solver.lower() for s in reading.solves if s.solver} - {run.solver.lower()})
    if others:
        return Application(False, f"It was solved by {', '.join(others).upper()}, not {run.solver.upper()}{because}.")
    if reading.option_file_read is False or reading.solves[-1].option_file == 0:
        return Application(False, f"The solver did not read the option file {run.solver.lower()}.opt{because}.")
    if reading.options_ignored:
        ignored = "; ".join(f"{text!r} ({why})" for text, why in reading.options_ignored)
        return Application(False, f"The solver ignored of the option file: {ignored}. Correct the profile.")
    return Application(True if reading.option_file_read else None)
