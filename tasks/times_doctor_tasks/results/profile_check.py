"""Checks that the profile was used: statements in a driver override the command line (measured)."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from times_doctor_tasks.contract.messages import RunSpec
from times_doctor_tasks.profiles.option_file import parse_options
from times_doctor_tasks.results.run_reader import RunReading

#: `OPTION LP=CBC`, `option rmip = xpress, lp = ...`; also TIMES-style `OPTION SOLVEOPT=..., LP=...;`.
_SOLVER_STATEMENT = re.compile(r"^\s*option\b[^;*]*\b(?:lp|mip|rmip)\s*=\s*(\w+)", re.IGNORECASE)
_OPTFILE_STATEMENT = re.compile(r"\boptfile\s*=\s*(\d+)", re.IGNORECASE)


#: Origin of a profile that is not the user's.
_BUILT_IN = "built in"
#: Solvers that name each option that they read in GAMS's log: without such lines they read none.
_ECHOING = frozenset({"cplex"})


class Application(msgspec.Struct, frozen=True):
    """Whether a profile was used; None if unknown. The text is empty unless it was not used."""

    applied: bool | None
    why: str = ""
    next_step: str = ""


class Statement(msgspec.Struct, frozen=True):
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
    """Compares the options that the solver reports with the profile of `run`.

    `statements`: lines of the model that may have overridden it; called only if something did.
    """
    if not reading.solves:
        return Application(None)
    if run.engine != "gams" and not reading.options_ignored:
        return Application(True)  # it refuses to start with an option it does not know
    others = sorted({solve.solver.lower() for solve in reading.solves if solve.solver} - {run.solver.lower()})
    if others:
        return _overruled(f"Solved by {', '.join(others).upper()}, not {run.solver.upper()}", statements)
    if _is_unread(run, reading):
        return _overruled(f"The solver did not read its option file {run.solver.lower()}.opt", statements)
    if reading.options_ignored:
        ignored = "; ".join(f"{text!r} ({why.rstrip('.')})" for text, why in reading.options_ignored)
        return Application(False, f"The solver ignored options of this profile: {ignored}.", _correction(run))
    return Application(True if reading.option_file_read or reading.options_set else None)


def _correction(run: RunSpec) -> str:
    if run.origin == _BUILT_IN and run.solver.lower() == "highs":
        return (
            "HiGHS chooses the method for a MIP or QP itself. "
            "Scan with option files that it uses there (--opt-file), such as `random_seed = 2`."
        )
    if run.origin == _BUILT_IN:
        return "This version of the solver does not know them: scan with an option file of yours (--opt-file)."
    return f"Correct them in {run.origin!r}; the solver's manual has their names and values."


def _overruled(what: str, statements: Iterable[Statement]) -> Application:
    culprits = "; ".join(f"{statement.place} says {statement.text!r}" for statement in statements)
    if culprits:
        return Application(False, f"{what}: {culprits}.", "Remove that statement from the model.")
    return Application(False, f"{what}.", "Look for OPTION LP= or optfile in the model.")


def _is_unread(run: RunSpec, reading: RunReading) -> bool:
    if reading.option_file_read is False:
        return True
    names_something = bool(parse_options(run.options, run.solver).options)
    # A run may end before its solver prints anything, while GAMS generates; a very long log was not read completely.
    has_solved = any(not solve.aborted and (solve.ended or solve.lp_status is not None) for solve in reading.solves)
    is_whole = reading.complete and has_solved and not reading.left_out_bytes
    is_silent = is_whole and not (reading.options_set or reading.options_ignored or reading.options_clamped)
    return run.solver.lower() in _ECHOING and names_something and is_silent
