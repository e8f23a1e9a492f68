"""GAMS trace files (`trace=FILE traceopt=3`): one line per solve from GAMS itself, the most exact record there is."""

from __future__ import annotations

import csv
from collections.abc import Mapping

import msgspec

#: Columns of traceopt=3 in GAMS's order, used where the file's own header is missing.
_COLUMNS = (
    "InputFileName", "ModelType", "SolverName", "NLP", "MIP", "JulianDate", "Direction", "NumberOfEquations",
    "NumberOfVariables", "NumberOfDiscreteVariables", "NumberOfNonZeros", "NumberOfNonlinearNonZeros", "OptionFile",
    "ModelStatus", "SolverStatus", "ObjectiveValue", "ObjectiveValueEstimate", "SolverTime", "NumberOfIterations",
    "NumberOfDomainViolations", "NumberOfNodes",
)  # fmt: skip


class TraceRow(msgspec.Struct, frozen=True):
    """One solve. Missing values and NA are None."""

    model_type: str
    solver: str
    julian_date: float | None = None
    """Days since the end of 1899, with three decimals: when GAMS wrote the row."""
    maximise: bool | None = None
    rows: int | None = None
    columns: int | None = None
    discrete_columns: int | None = None
    nonzeros: int | None = None
    option_file: int | None = None
    model_status: int | None = None
    solver_status: int | None = None
    objective: float | None = None
    bound: float | None = None
    solver_time_s: float | None = None
    iterations: int | None = None
    nodes: int | None = None


def read_trace(text: str) -> list[TraceRow]:
    """Every complete row, oldest first. GAMS appends: rows of earlier runs may stand before this run's.

    A last line without its line feed was cut off and is left out.
    """
    columns: tuple[str, ...] = _COLUMNS
    header = ""
    rows: list[TraceRow] = []
    for line in text.split("\n")[:-1]:
        line = line.removesuffix("\r")
        if line.startswith("*"):
            header = _header_so_far(header, line[1:].strip())
            columns = _columns(header) or columns
        elif row := _row(line, columns):
            rows.append(row)
    return rows


def _header_so_far(header: str, text: str) -> str:
    if text.startswith("InputFileName"):
        return text
    return header + text if header and text.startswith(",") else header


def _columns(header: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in header.split(",")) if header else ()


def _row(line: str, columns: tuple[str, ...]) -> TraceRow | None:
    if not line.strip():
        return None
    try:
        values = next(csv.reader([line]), [])
    except csv.Error:  # no row that GAMS wrote
        return None
    cells = dict(zip(columns, (value.strip() for value in values), strict=False))
    if "SolverStatus" not in cells or "ModelStatus" not in cells:
        return None
    direction = _whole(cells, "Direction")
    return TraceRow(
        model_type=cells.get("ModelType", ""),
        solver=cells.get("SolverName", ""),
        julian_date=_number(cells, "JulianDate"),
        maximise=None if direction is None else direction == 1,
        rows=_whole(cells, "NumberOfEquations"),
        columns=_whole(cells, "NumberOfVariables"),
        discrete_columns=_whole(cells, "NumberOfDiscreteVariables"),
        nonzeros=_whole(cells, "NumberOfNonZeros"),
        option_file=_whole(cells, "OptionFile"),
        model_status=_whole(cells, "ModelStatus"),
        solver_status=_whole(cells, "SolverStatus"),
        objective=_number(cells, "ObjectiveValue"),
        bound=_number(cells, "ObjectiveValueEstimate"),
        solver_time_s=_number(cells, "SolverTime"),
        iterations=_whole(cells, "NumberOfIterations"),
        nodes=_whole(cells, "NumberOfNodes"),
    )


def _number(cells: Mapping[str, str], name: str) -> float | None:
    try:
        return float(cells[name])
    except (KeyError, ValueError):
        return None


def _whole(cells: Mapping[str, str], name: str) -> int | None:
    value = _number(cells, name)
    return int(value) if value is not None and value == value and abs(value) < 1e18 else None
