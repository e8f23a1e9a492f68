"""The scan as a GAMS trace file (traceopt=3), for PAVER and similar tools."""

from __future__ import annotations

import math
import re
from datetime import datetime
from pathlib import Path, PurePosixPath

from times_doctor_cli.reports.writers.files import write_atomically
from times_doctor_tasks.contract.errors import UsageError
from times_doctor_tasks.contract.messages import Report, RunResult
from times_doctor_tasks.contract.states import Verdict

_HEADER = """\
* Trace Record Definition
* GamsSolve
* InputFileName,ModelType,SolverName,NLP,MIP,JulianDate,Direction,NumberOfEquations,NumberOfVariables,\
NumberOfDiscreteVariables,NumberOfNonZeros,NumberOfNonlinearNonZeros,OptionFile,ModelStatus,SolverStatus,ObjectiveValue
* ,ObjectiveValueEstimate,SolverTime,NumberOfIterations,NumberOfDomainViolations,NumberOfNodes,#User1
*
"""
#: How a trace file begins.
_MARK = b"* Trace Record Definition"
#: GAMS counts days from the last day of 1899, in local time.
_DAY_ZERO = datetime(1899, 12, 31)  # local time, as GAMS writes it
_NA = "NA"
#: GAMS's codes (model status, solver status) for a run without any: PAVER needs both.
_NO_STATUS = (13, 13)
_STATUS_BY_VERDICT = {
    Verdict.LIMIT: (14, 3),
    Verdict.INTERRUPTED: (14, 8),
    Verdict.LICENCE: (11, 7),
    Verdict.OPTIMAL: (1, 1),
    Verdict.INFEASIBLE: (19, 1),
    Verdict.UNBOUNDED: (18, 1),
    Verdict.FEASIBLE: (7, 1),
}


def write_trace(report: Report, path: Path) -> Path:
    """Writes one record per run, in the order of the scan, from its last solve.

    Runs that never began are left out, as GAMS writes no record for them; so are runs whose profile was not applied:
    their times belong to another profile.

    The option-file column holds the run's id, so that PAVER's `--optfileisrunname` tells the runs apart. `SolverTime`
    is the solver's own, as in GAMS's trace; the wall time is in the user column.
    """
    shown = [r for r in report.runs if r.started_ms is not None and r.applied is not False]
    records = [_record(report, r) for r in shown]
    return write_atomically(require_no_other_file(path), _HEADER + "".join(f"{record}\n" for record in records))


def require_no_other_file(path: Path) -> Path:
    """`path`, where a trace file may be written: an earlier trace is replaced, but no model named by mistake.

    Raises:
        UsageError: there is a file of another kind.
    """
    if path.is_file():
        with path.open("rb") as content:
            begins = content.read(len(_MARK))
        if begins not in (b"", _MARK):
            raise UsageError(f"{str(path)!r} is no GAMS trace file, so it is not replaced. Name another for --trace.")
    return path


def _record(report: Report, result: RunResult) -> str:
    model_status, solver_status = _statuses(result)
    last = result.solves[-1] if result.solves else None
    fields = (
        _word(PurePosixPath(report.spec.model.driver).name),
        _word(last.model_type if last and last.model_type else "LP"),
        _word(result.solver.upper()),
        _NA,
        _NA,
        _julian(result.ended_ms or result.started_ms),
        "1" if last and last.maximise else "0",
        _number(result.rows),
        _number(result.columns),
        _NA,
        _number(result.nonzeros),
        _NA,
        _word(result.run),
        str(model_status),
        str(solver_status),
        _number(result.objective),
        _number(result.bound),
        _number(result.solver_time_s),
        _number(result.iterations),
        _NA,
        _number(result.nodes),
        _word(f"#wall_s={_number(result.runtime_s)} host={result.host or _NA} verdict={result.verdict or _NA}"),
    )
    return ",".join(fields)


def _statuses(result: RunResult) -> tuple[int, int]:
    if result.model_status is not None and result.solver_status is not None:
        return result.model_status, result.solver_status
    return _STATUS_BY_VERDICT.get(result.verdict, _NO_STATUS) if result.verdict else _NO_STATUS


def _word(text: str) -> str:
    """`text` as one field, without commas and line ends."""
    return re.sub(r"[,\s]+", " ", text).strip() or _NA


def _number(value: float | None) -> str:
    return _NA if value is None or not math.isfinite(value) else f"{value:.15g}"


def _julian(milliseconds: int | None) -> str:
    if milliseconds is None:
        return _NA
    elapsed = datetime.fromtimestamp(milliseconds / 1000) - _DAY_ZERO  # local time, as GAMS writes it
    return f"{elapsed.total_seconds() / 86_400:.3f}"
