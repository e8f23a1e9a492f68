from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from times_doctor_tasks.contract.progress import Phase
from times_doctor_tasks.contract.states import StopReason, Verdict
from times_doctor_tasks.parsers.events import ErrorLine
from times_doctor_tasks.parsers.gams.status_texts import MODEL_STATUS, SOLVER_STATUS
from times_doctor_tasks.parsers.highs.status import with_gams_codes
from times_doctor_tasks.parsers.solves.endings import solve_ending
from times_doctor_tasks.parsers.solves.solve import Solve
from times_doctor_tasks.results.verdicts import Findings, code_of_status, judge

ENDED = Findings(ended=True, gams_status="Normal completion")


def solve(model: int | None, solver: int | None, **facts: Any) -> Solve:
    return Solve(1, solver="CPLEX", model_status=model, solver_status=solver, ended=True, **facts)


OPTIMAL = solve(1, 1, objective=6407967.4562)


@pytest.mark.parametrize(
    ("last", "verdict", "words"),
    [
        (OPTIMAL, Verdict.OPTIMAL, "Optimal (objective 6407967.456)"),
        (solve(2, 1), Verdict.OPTIMAL, "Locally optimal"),
        (solve(1, 1, basis="interior"), Verdict.OPTIMAL, "interior point"),
        (solve(1, 1, lp_status=5), Verdict.OPTIMAL, "violates equations of the model as written"),
        (solve(8, 1, lp_status=102, gap_rel=0.0139), Verdict.OPTIMAL, "at most 1.39 %"),
        (solve(8, 1, lp_status=104), Verdict.FEASIBLE, "did not prove it optimal"),
        (solve(7, 1), Verdict.FEASIBLE, "did not prove it optimal"),
        (solve(4, 1), Verdict.INFEASIBLE, "no solution meets all equations"),
        (solve(19, 1, lp_status=3), Verdict.INFEASIBLE, "infeasible"),
        (solve(10, 1), Verdict.INFEASIBLE, "infeasible"),
        (solve(5, 1), Verdict.INFEASIBLE, "local solver"),
        (solve(19, 1, lp_status=4), Verdict.INFEASIBLE, "infeasible or unbounded"),
        (
            solve(19, 1, lp_status=4, explanations=("conflict refiner: conflict feasible",)),
            Verdict.UNBOUNDED,
            "unbounded",
        ),
        (
            solve(4, 1, lp_status=14, lp_status_text="feasible relaxed sum of infeasibilities"),
            Verdict.INFEASIBLE,
            "feasopt",
        ),
        (solve(4, 1, lp_status=22), Verdict.INFEASIBLE, "dual objective grew"),
        (solve(3, 1), Verdict.UNBOUNDED, "without end"),
        (solve(18, 1), Verdict.UNBOUNDED, "without end"),
        (solve(19, 3, lp_status=11), Verdict.LIMIT, "nothing was proved infeasible"),
        (solve(8, 3, objective=109281.0, gap_rel=0.005), Verdict.LIMIT, "at most 0.5 %"),
        (solve(14, 3), Verdict.LIMIT, "no solution was found yet"),
        (solve(6, 2), Verdict.LIMIT, "iteration limit"),
        (solve(9, 3, objective=42.0), Verdict.LIMIT, "not a solution yet"),
        (solve(8, 4, lp_status=105, lp_status_text="node limit exceeded"), Verdict.LIMIT, "node limit"),
        (solve(8, 4, lp_status=111, lp_status_text="memory limit exceeded"), Verdict.LIMIT, "memory limit"),
        (solve(7, 4), Verdict.FEASIBLE, "stopped by itself"),
        (solve(6, 8), Verdict.INTERRUPTED, "interrupted"),
        (solve(8, 8, objective=1.0), Verdict.INTERRUPTED, "kept (objective 1)"),
        (solve(13, 13), Verdict.SOLVER_FAILURE, "broke down"),
        (solve(12, 10), Verdict.SOLVER_FAILURE, "broke down"),
        (solve(14, 6, model_type="NLP"), Verdict.SOLVER_FAILURE, "cannot solve this type of model (NLP)"),
        (solve(11, 7), Verdict.LICENCE, "licence"),
        (solve(14, 12), Verdict.NO_SOLVE, "skipped"),
    ],
)
def test_solver_status_comes_before_model_status(last: Solve, verdict: Verdict, words: str) -> None:
    judgement = judge(last, ENDED, returncode=0)
    assert judgement.verdict is verdict
    assert words in judgement.sentence
    assert judgement.next_step


def test_every_pair_of_statuses_has_a_verdict_and_only_normal_completion_is_optimal() -> None:
    for model in MODEL_STATUS:
        for solver in SOLVER_STATUS:
            judgement = judge(solve(model, solver), ENDED, returncode=0)
            assert judgement.sentence
            if judgement.verdict is Verdict.OPTIMAL:
                assert (solver, model) in {(1, 1), (1, 2), (1, 8), (1, 15)}


def test_an_infeasible_model_names_the_equations_of_its_conflict() -> None:
    conflict = (
        "equation lower: EQ_COMBAL('REG1',2020) > 60.7",
        "equation upper: t < 1",
        "variable lower: x(j1) > 0",
    )
    judgement = judge(solve(19, 1, conflict=conflict), ENDED, returncode=3)
    assert judgement.verdict is Verdict.INFEASIBLE
    assert "EQ_COMBAL('REG1',2020), t cannot hold together" in judgement.sentence


def test_an_infeasible_model_names_the_row_that_presolve_named() -> None:
    explanations = ("Implied bounds make row 'EQ_CUMNET('REG1','ELCCO2',2005,2010)' infeasible.",)
    judgement = judge(solve(19, 1, explanations=explanations), ENDED, returncode=0)
    assert "equation EQ_CUMNET('REG1','ELCCO2',2005,2010)" in judgement.sentence
    assert "iis 1" in judgement.next_step


@pytest.mark.parametrize(
    ("returncode", "status", "verdict"),
    [
        (2, "Compilation error(s)", Verdict.COMPILE_ERROR),
        (None, "Compilation error(s)", Verdict.COMPILE_ERROR),
        (3, "Execution error(s)", Verdict.EXECUTION_ERROR),
        (None, "Execution error(s)", Verdict.EXECUTION_ERROR),
        (6, "Terminated due to parameter errors", Verdict.SOLVER_FAILURE),
        (7, "Terminated due to a licensing error", Verdict.LICENCE),
        (None, "Terminated due to a licensing error", Verdict.LICENCE),
        (8, None, Verdict.SOLVER_FAILURE),
        (10, None, Verdict.SOLVER_FAILURE),
        (109, None, Verdict.SOLVER_FAILURE),
        (144, None, Verdict.SOLVER_FAILURE),
        (77, None, Verdict.SOLVER_FAILURE),
        (0, "Normal completion", Verdict.NO_SOLVE),
    ],
)
def test_a_run_without_a_solve_ends_as_what_stopped_it(
    returncode: int | None, status: str | None, verdict: Verdict
) -> None:
    findings = Findings(ended=status is not None, gams_status=status)
    assert judge(None, findings, returncode=returncode).verdict is verdict


def test_errors_are_named_with_file_and_line() -> None:
    errors = (ErrorLine("Domain violation", "zz.dd", 3, 170), ErrorLine("Domain violation", "zz.dd", 4, 170))
    findings = Findings(ended=True, gams_status="Compilation error(s)", compile_errors=errors)
    judgement = judge(None, findings, returncode=2)
    assert judgement.sentence == "GAMS could not compile the model: Domain violation (zz.dd, line 3) and 1 more."


@pytest.mark.parametrize(
    ("returncode", "verdict", "word"),
    [
        (-9, Verdict.INTERRUPTED, "SIGKILL"),
        (137, Verdict.INTERRUPTED, "SIGKILL"),
        (-15, Verdict.INTERRUPTED, "SIGTERM"),
        (130, Verdict.INTERRUPTED, "SIGINT"),
        (-11, Verdict.SOLVER_FAILURE, "SIGSEGV"),
        (139, Verdict.SOLVER_FAILURE, "SIGSEGV"),
        (-25, Verdict.SOLVER_FAILURE, "SIGXFSZ"),
        (None, Verdict.INTERRUPTED, "the files end"),
        (0, Verdict.INTERRUPTED, "the files end"),
    ],
)
def test_files_that_end_in_the_middle_are_no_result(returncode: int | None, verdict: Verdict, word: str) -> None:
    findings = Findings(last_phase=Phase.BARRIER, solve_under_way=True)
    judgement = judge(replace(OPTIMAL, ended=False), findings, returncode=returncode)
    assert judgement.verdict is verdict
    assert word.lower() in judgement.sentence.lower()
    assert "'barrier'" in judgement.sentence


@pytest.mark.parametrize(
    ("reason", "verdict"),
    [
        (StopReason.TIMEOUT, Verdict.LIMIT),
        (StopReason.OUT_OF_MEMORY, Verdict.LIMIT),
        (StopReason.LOG_TOO_LARGE, Verdict.LIMIT),
        (StopReason.USER, Verdict.INTERRUPTED),
        (StopReason.BEATEN, Verdict.INTERRUPTED),
        (StopReason.CAPPED, Verdict.INTERRUPTED),
        (StopReason.HOST_LOST, Verdict.INTERRUPTED),
        (StopReason.SHUTDOWN, Verdict.INTERRUPTED),
    ],
)
def test_a_run_that_we_stopped_says_why(reason: StopReason, verdict: Verdict) -> None:
    killed = judge(None, Findings(solve_under_way=True), returncode=-9, stop_reason=reason)
    graceful = judge(solve(6, 8), replace(ENDED, gams_status="Execution error(s)"), returncode=3, stop_reason=reason)
    crashed = judge(solve(13, 13), ENDED, returncode=0, stop_reason=reason)
    assert {killed.verdict, graceful.verdict, crashed.verdict} == {verdict}


@pytest.mark.parametrize(
    ("last", "sentence"),
    [
        (solve(6, 8), "Stopped at its time limit."),
        (
            solve(8, 8, objective=901680.8631, gap_rel=0.0396),
            "Stopped at its time limit. The solution it had was kept (objective 901680.8631), at most 3.96 % from the "
            "best possible.",
        ),
    ],
)
def test_a_run_that_we_stopped_says_what_it_kept_and_not_that_somebody_stopped_it(last: Solve, sentence: str) -> None:
    assert judge(last, ENDED, returncode=0, stop_reason=StopReason.TIMEOUT).sentence == sentence


def test_a_run_that_finished_before_our_stop_keeps_its_verdict() -> None:
    assert judge(OPTIMAL, ENDED, returncode=0, stop_reason=StopReason.TIMEOUT).verdict is Verdict.OPTIMAL


def test_an_optimal_solve_before_a_solve_that_never_ended_is_no_result() -> None:
    findings = Findings(solve_under_way=True, last_phase=Phase.GENERATE)
    judgement = judge(OPTIMAL, findings, returncode=None)
    assert judgement.verdict is Verdict.INTERRUPTED


def test_an_optimal_solve_before_an_aborted_one_is_no_result() -> None:
    aborted = Solve(2, aborted=True, ended=True)
    errors = (ErrorLine("division by zero (0)", None, 5),)
    findings = replace(ENDED, gams_status="Execution error(s)", execution_errors=errors)
    assert judge(aborted, findings, returncode=3).verdict is Verdict.EXECUTION_ERROR
    assert judge(aborted, ENDED, returncode=0).verdict is Verdict.EXECUTION_ERROR


def test_an_execution_error_after_a_good_solve_is_told_beside_it() -> None:
    errors = (ErrorLine("division by zero (0)", "rpt.mod", 50),)
    findings = replace(ENDED, gams_status="Execution error(s)", execution_errors=errors)
    judgement = judge(OPTIMAL, findings, returncode=3)
    assert judgement.verdict is Verdict.OPTIMAL
    assert "division by zero (0) (rpt.mod, line 50)" in judgement.sentence


def test_ctrl_c_outside_of_a_solve_is_an_interruption() -> None:
    errors = (ErrorLine("Execution halted: Triggered by pending CtrlC event", None, 16),)
    findings = replace(ENDED, gams_status="Execution error(s)", execution_errors=errors)
    assert judge(OPTIMAL, findings, returncode=3).verdict is Verdict.INTERRUPTED
    assert judge(OPTIMAL, findings, returncode=3, stop_reason=StopReason.TIMEOUT).verdict is Verdict.LIMIT


def test_a_licence_that_does_not_allow_the_run_is_never_a_generic_failure() -> None:
    findings = Findings(ended=True, licence="Time-limited license expired 1 days ago", solve_under_way=True)
    judgement = judge(Solve(1), findings, returncode=7)
    assert judgement.verdict is Verdict.LICENCE
    assert "expired 1 days ago" in judgement.sentence


def test_a_solve_that_ended_without_any_status_is_a_failure_not_a_missing_solve() -> None:
    assert judge(Solve(1, solver="CPLEX", ended=True), ENDED, returncode=0).verdict is Verdict.SOLVER_FAILURE


@pytest.mark.parametrize(
    ("text", "code", "verdict"),
    [
        ("optimal", 1, Verdict.OPTIMAL),
        ("infeasible", 3, Verdict.INFEASIBLE),
        ("unbounded", 2, Verdict.UNBOUNDED),
        ("unbounded or infeasible", 4, Verdict.INFEASIBLE),
        ("time limit exceeded", 11, Verdict.LIMIT),
        ("time limit exceeded, no integer solution", 108, Verdict.LIMIT),
        ("node limit exceeded", 105, Verdict.LIMIT),
        ("dual objective limit exceeded", 22, Verdict.INFEASIBLE),
        ("primal objective limit exceeded", 21, Verdict.UNBOUNDED),
        ("user aborted", 13, Verdict.INTERRUPTED),
        ("optimal with unscaled infeasibilities", 5, Verdict.OPTIMAL),
        ("integer infeasible", 103, Verdict.INFEASIBLE),
        ("PRIMAL_INFEASIBLE_CER", None, Verdict.INFEASIBLE),
        ("problem is solved [optimal]", None, Verdict.OPTIMAL),
        ("stopped (time limit reached)", None, Verdict.LIMIT),
        ("Interrupted by user", None, Verdict.INTERRUPTED),
        ("integer feasible", None, Verdict.FEASIBLE),
        ("Not Set", None, None),
        ("", None, None),
    ],
)
def test_without_gams_statuses_the_solvers_words_decide(text: str, code: int | None, verdict: Verdict | None) -> None:
    ending = solve_ending(Solve(1, lp_status=code, lp_status_text=text))
    assert (ending.verdict if ending else None) is verdict


#: HiGHS's own words for every way to end, and lines of its log that come with them.
HIGHS_WORDS = (
    *("Optimal", "Infeasible", "Unbounded", "Primal infeasible or unbounded", "Time limit reached"),
    *("Iteration limit reached", "Solution limit reached", "Memory limit reached", "Interrupted by user"),
    *("Solve error", "Presolve error", "Unknown", "Empty", ""),
)


@pytest.mark.parametrize("text", HIGHS_WORDS)
@pytest.mark.parametrize("model_type", ["LP", "MIP"])
@pytest.mark.parametrize("returncode", [None, 0, 1, 2, 3, -11, -9])
@pytest.mark.parametrize("ended", [True, False])
def test_what_is_said_of_highs_alone_speaks_of_no_gams_and_no_other_solver(
    text: str, model_type: str, returncode: int | None, ended: bool
) -> None:
    errors = (ErrorLine('Cannot read value "5" for option "nosuch"'),)
    last = with_gams_codes(
        Solve(1, solver="HIGHS", model_type=model_type, lp_status_text=text, objective=1.0, gap_rel=0.01), errors
    )
    for solved in (last, None):
        said = judge(solved, Findings(solver="HiGHS", ended=ended, other_errors=errors), returncode=returncode)
        words = f"{said.sentence} {said.next_step}".lower()
        assert not [word for word in ("gams", "cplex", "listing", "reslim", ".run", "optcr") if word in words], words


def test_an_option_that_highs_refuses_is_named() -> None:
    errors = (ErrorLine('Cannot read value "5" for option "nosuch"'),)
    said = judge(None, Findings(solver="HiGHS", other_errors=errors), returncode=3)

    assert said.verdict is Verdict.NOT_APPLIED
    words = 'HiGHS did not accept its options, and nothing was solved: Cannot read value "5" for option "nosuch".'
    assert said.sentence == words


@pytest.mark.parametrize(("solver", "file"), [("CPLEX", "Run once with `iis 1`"), ("GUROBI", "Solve it once by CPLEX")])
def test_the_next_step_names_an_option_that_the_solver_has(solver: str, file: str) -> None:
    infeasible = replace(solve(4, 1), solver=solver)

    assert judge(infeasible, ENDED).next_step.startswith(file)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("Normal completion", 0),
        ("Compilation error(s)", 2),
        ("Execution error(s)", 3),
        ("Terminated due to parameter errors", 6),
        ("Terminated due to a licensing error", 7),
        ("Something new", None),
        (None, None),
    ],
)
def test_the_return_code_of_gams_is_read_from_its_status_line(status: str | None, code: int | None) -> None:
    assert code_of_status(status) == code
