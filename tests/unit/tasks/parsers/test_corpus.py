from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.tasks.parsers.cases import Case, cases, events_of, read_contents, reading_of
from times_doctor_tasks.contract.states import Verdict
from times_doctor_tasks.parsers.events import (
    BarrierIteration,
    CrossoverMoves,
    FinalObjective,
    LogEvent,
    MipNode,
    ModelSize,
    PhaseStarted,
    PresolvedSize,
    SiftingIteration,
    SimplexIteration,
    SolverEnded,
)
from times_doctor_tasks.parsers.gams.trace import read_trace

every_case = pytest.mark.parametrize("name", cases(own=False))
every_own_case = pytest.mark.parametrize("name", cases(own=True))

#: meta.json's name for a phase.
_PHASE_NAMES = {"mip": "mip_tree", "read back": "read_solution", "report": "after_solve"}
_OTHER_SOLVERS = {"HIGHS", "GUROBI", "COPT", "XPRESS", "MOSEK", "CBC", "SOPLEX", "CONOPT", "SCIP"}
#: These logs were shortened after their meta.json was made.
_CUT_MARK = "[... cut ...]"


def _number(cell: object) -> float | None:
    return None if cell in (None, "NA") else float(str(cell))


def _is_cplex(meta: dict[str, Any]) -> bool:
    return meta["summary"]["solver"] not in _OTHER_SOLVERS


def _of(name: str, kind: type[LogEvent]) -> list[Any]:
    return [event for event in events_of(name) if isinstance(event, kind)]


@every_case
def test_statuses_are_those_of_gams(name: str) -> None:
    summary = Case(name).meta["summary"]
    last = reading_of(name).last_solve
    model = [last.model_status, last.model_status_text] if last and last.model_status else None
    solver = [last.solver_status, last.solver_status_text] if last and last.solver_status else None
    assert (model, solver) == (summary["model_status"], summary["solver_status"])
    assert reading_of(name).gams_status == summary["gams_status"]
    assert reading_of(name).gams_return == summary["gams_returncode"]


@every_case
def test_the_solvers_own_status_is_read(name: str) -> None:
    summary = Case(name).meta["summary"]
    wanted = summary["lp_status"] or summary["mip_status"]
    if wanted is None:
        return
    last = reading_of(name).last_solve
    assert last is not None
    assert [last.lp_status, f"{last.lp_status_text}."] == wanted


@every_case
def test_objective_and_counts_are_those_of_gams(name: str) -> None:
    summary = Case(name).meta["summary"]
    last = reading_of(name).last_solve
    if last is None:
        assert summary["objective_trace"] is None
        assert summary["rows"] is None
        return
    if summary["objective_trace"] is not None:
        assert last.objective == _number(summary["objective_trace"])
    elif _number(summary["objective_listing"]) is not None:
        assert last.objective == pytest.approx(_number(summary["objective_listing"]), abs=5.1e-5)
    if summary["rows"] is not None:
        assert (last.rows, last.columns, last.nonzeros) == (summary["rows"], summary["cols"], summary["nonzeros"])
    if summary["iterations"] is not None:
        assert last.iterations == _number(summary["iterations"])
    if summary["solver_seconds"] is not None:
        assert last.solver_time_s == _number(summary["solver_seconds"])
    if summary["presolved"] is not None and _is_cplex(Case(name).meta):
        presolved = [last.presolved_rows, last.presolved_columns, last.presolved_nonzeros]
        assert presolved == summary["presolved"]


@every_case
def test_every_solve_of_the_trace_is_kept(name: str) -> None:
    rows = Case(name).meta["trace"]
    solved = [solve for solve in reading_of(name).solves if solve.model_status is not None]
    wanted = [(int(row["ModelStatus"]), int(row["SolverStatus"]), _number(row["Objective"])) for row in rows]
    found = [(solve.model_status, solve.solver_status, solve.objective) for solve in solved]
    assert found[-len(wanted) :] == wanted if wanted else True


@every_case
def test_log_alone_gives_sizes_and_objectives(name: str) -> None:
    meta = Case(name).meta
    sizes = [[event.rows, event.columns, event.nonzeros] for event in _of(name, ModelSize)]
    assert sizes == meta["log_model_sizes"]
    if _is_cplex(meta):
        assert [event.value for event in _of(name, FinalObjective)] == meta["log_objectives"] or _has_mip(name)
        presolved = [[event.rows, event.columns, event.nonzeros] for event in _of(name, PresolvedSize)]
        assert presolved == meta["presolved_sizes"]
        ended = [[event.code, f"{event.text}."] for event in _of(name, SolverEnded) if event.kind in ("LP", "MIP")]
        assert ended == meta["log_lp_status"] + meta["log_mip_status"]


@every_case
def test_phases_come_in_their_order(name: str) -> None:
    meta = Case(name).meta
    if not _is_cplex(meta):
        return
    found: list[str] = []
    for event in _of(name, PhaseStarted):
        if event.detail.startswith("ordering"):
            continue
        word = "solver_start" if event.detail.startswith("starting") else str(event.phase)
        word = _PHASE_NAMES.get(word, word)
        # meta.json does not see the branch and cut that goes on after a restart's presolve.
        if word == "mip_tree" and word in found:
            continue
        if not found or found[-1] != word:
            found.append(word)
    assert found == meta["expect"]["phases"]


@every_case
def test_every_barrier_row_is_read(name: str) -> None:
    meta = Case(name).meta
    if not _is_cplex(meta):
        return
    tables: list[list[list[float | None]]] = []
    for row in _of(name, BarrierIteration):
        if row.iteration == 0 or not tables:
            tables.append([])
        residuals = (row.primal_infeasibility, row.upper_infeasibility, row.dual_infeasibility, row.inf_ratio)
        tables[-1].append([row.iteration, row.primal_objective, row.dual_objective, *residuals])
    assert tables == meta["barrier_tables"]


@every_case
def test_every_simplex_row_is_read(name: str) -> None:
    expect = Case(name).meta["expect"].get("simplex")
    if expect is None:
        return
    rows = _of(name, SimplexIteration)
    first, last = ([row.iteration, row.label or row.flag, row.value] for row in (rows[0], rows[-1]))
    assert (first, last) == (expect["first"], expect["last"])
    assert len(rows) == expect["lines"] or _CUT_MARK in Case(name).log


@every_case
def test_every_sifting_and_crossover_row_is_read(name: str) -> None:
    expect = Case(name).meta["expect"]
    if "sifting" in expect:
        rows = _of(name, SiftingIteration)
        last = rows[-1]
        assert len(rows) == expect["sifting"]["lines"]
        assert [last.iteration, last.columns, last.label, last.value] == expect["sifting"]["last"]
    if "crossover_pushes" in expect:
        moves = _of(name, CrossoverMoves)
        found = [[move.kind[0].upper(), move.remaining, move.infeasibility, move.objective] for move in moves]
        assert found == expect["crossover_pushes"]


@every_case
def test_every_branch_and_cut_row_is_read(name: str) -> None:
    expect = Case(name).meta["expect"].get("mip")
    if expect is None:
        return
    rows = [(row.nodes, row.left, f"{100 * row.gap_rel:.2f}%" if row.gap_rel else None) for row in _of(name, MipNode)]
    # meta.json stops at a restart, and misses rows where the plus glues two numbers (`* 35093+12707`).
    assert len(rows) >= expect["lines"]
    assert tuple(expect["last"]) in rows


@every_case
def test_verdict_fits_the_statuses(name: str) -> None:
    reading = reading_of(name)
    summary = Case(name).meta["summary"]
    if reading.verdict is Verdict.OPTIMAL:
        assert summary["solver_status"][0] == 1
        assert summary["model_status"][0] in (1, 2, 8, 15)
    allowed = _ALLOWED.get((summary["solver_status"] or [0])[0])
    if allowed is not None:
        assert reading.verdict in allowed(summary)
    if summary["model_status"] is None and summary["gams_returncode"] == 2:
        assert reading.verdict is Verdict.COMPILE_ERROR
    if summary["gams_returncode"] == 7:
        assert reading.verdict is Verdict.LICENCE
    assert reading.judgement.sentence.endswith((".", ")"))
    assert reading.judgement.next_step


def _completed(summary: dict[str, Any]) -> set[Verdict]:
    if summary["gams_returncode"] != 0 and summary["model_status"][0] in (1, 8):
        return {Verdict.OPTIMAL, Verdict.INTERRUPTED}
    by_model = {
        1: Verdict.OPTIMAL,
        3: Verdict.UNBOUNDED,
        4: Verdict.INFEASIBLE,
        8: Verdict.OPTIMAL,
        10: Verdict.INFEASIBLE,
        19: Verdict.INFEASIBLE,
    }
    return {by_model[summary["model_status"][0]]}


_ALLOWED: dict[int, Callable[[dict[str, Any]], set[Verdict]]] = {
    1: _completed,
    2: lambda _: {Verdict.LIMIT},
    3: lambda _: {Verdict.LIMIT},
    4: lambda _: {Verdict.LIMIT},
    8: lambda _: {Verdict.INTERRUPTED},
    13: lambda _: {Verdict.SOLVER_FAILURE},
}


@every_own_case
def test_runs_with_odd_options_agree_with_gams(name: str) -> None:
    meta = Case(name).meta
    reading = reading_of(name)
    assert str(reading.verdict) == meta["verdict"]
    rows = read_trace("\n".join([*meta["trace_rows"], ""]))
    for row, solve in zip(rows, reading.solves[-len(rows) :] if rows else (), strict=True):
        assert (solve.model_status, solve.solver_status) == (row.model_status, row.solver_status)
        assert (solve.objective, solve.iterations) == (row.objective, row.iterations)
        assert (solve.rows, solve.columns, solve.nonzeros) == (row.rows, row.columns, row.nonzeros)


def test_listing_alone_and_log_alone_come_to_the_same_verdict() -> None:
    differ = Counter[str]()
    for name in cases(own=False):
        case = Case(name)
        if case.content("listing.lst") is None or not name.startswith(("cplex_", "fail_", "sig_int")):
            continue
        whole = reading_of(name).verdict
        for file in ("log.txt", "listing.lst"):
            alone = read_contents({file: case.content(file)}, returncode=case.meta["returncode"]).verdict
            if alone is not whole:
                differ[f"{name} {file}: {alone} for {whole}"] += 1
    assert not differ


def _has_mip(name: str) -> bool:
    return any(event.kind == "MIP" for event in _of(name, SolverEnded))
