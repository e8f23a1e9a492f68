from __future__ import annotations

from times_doctor_tasks.parsers.gams.trace import TraceRow, read_trace
from times_doctor_tasks.parsers.solves.merging import rows_of_run

_HEAD = """* Trace Record Definition
* GamsSolve
* InputFileName,ModelType,SolverName,NLP,MIP,JulianDate,Direction,NumberOfEquations,NumberOfVariables,NumberOfDiscreteVariables,NumberOfNonZeros,NumberOfNonlinearNonZeros,OptionFile,ModelStatus,SolverStatus,ObjectiveValue
* ,ObjectiveValueEstimate,SolverTime,NumberOfIterations,NumberOfDomainViolations,NumberOfNodes,#User1
*
"""  # noqa: E501
_ROW = "scen.run,LP,CPLEX,CONOPT,CPLEX,46348.511,0,625,831,0,3237,0,1,1,1,4174862.37444063,NA,0.013,24,NA,NA,#\n"


def test_a_row_is_read_to_full_precision() -> None:
    [row] = read_trace(_HEAD + _ROW)
    assert row == TraceRow(
        model_type="LP",
        solver="CPLEX",
        julian_date=46348.511,
        maximise=False,
        rows=625,
        columns=831,
        discrete_columns=0,
        nonzeros=3237,
        option_file=1,
        model_status=1,
        solver_status=1,
        objective=4174862.37444063,
        solver_time_s=0.013,
        iterations=24,
    )


def test_a_row_without_header_is_read_in_gams_order() -> None:
    assert read_trace(_ROW) == read_trace((_HEAD + _ROW).replace("\n", "\r\n"))


def test_a_cut_last_row_is_left_out() -> None:
    assert read_trace(_HEAD + _ROW + _ROW[:-30]) == read_trace(_HEAD + _ROW)


def test_rows_of_an_earlier_run_are_left_out() -> None:
    rows = read_trace(_HEAD + _ROW.replace("46348.511", "46348.400") + _ROW)
    assert rows_of_run(rows, started=46348.5107, solves=None) == rows[1:]
    assert rows_of_run(rows, started=None, solves=1) == rows[1:]
    assert rows_of_run(rows, started=None, solves=None) == rows
