from __future__ import annotations

import pytest

from times_doctor_tasks.contract.messages import RunResult, RunSpec, encode
from times_doctor_tasks.contract.states import RunState, StopReason, Verdict
from times_doctor_tasks.parsers.progress.tracker import ProgressTracker
from times_doctor_tasks.parsers.solves.endings import Judgement
from times_doctor_tasks.parsers.solves.solve import Solve
from times_doctor_tasks.results.profile_check import Application
from times_doctor_tasks.results.run_reader import RunReading
from times_doctor_worker.execution.result_builder import Facts, final_state, solved, unsolved, with_canceller

RUN = RunSpec(scan="s", run="cplex.p", index=0, engine="gams", solver="cplex", profile="p", options="")


def result_of(
    *solves: Solve, verdict: Verdict = Verdict.OPTIMAL, stop: StopReason | None = None, applied: bool | None = True
) -> RunResult:
    facts = Facts(attempt=1, host="h", claimed_ms=0, stop_reason=stop)
    reading = RunReading(solves=solves, judgement=Judgement(verdict, "A sentence.", "A step."))
    return solved(RUN, facts, reading, ProgressTracker(), Application(applied, "" if applied else "Other solver."))


def test_the_last_solve_is_the_runs_answer_and_the_others_are_kept() -> None:
    result = result_of(Solve(number=1, objective=1.0), Solve(number=2, objective=2.0, model_status=1))
    assert result.objective == 2.0
    assert [record.objective for record in result.solves] == [1.0, 2.0]
    assert result.solve_count == 2


@pytest.mark.parametrize("model_status", [6, 13, 14])
def test_an_objective_that_belongs_to_no_solution_is_not_shown(model_status: int) -> None:
    result = result_of(Solve(number=1, objective=0.0, model_status=model_status), verdict=Verdict.LIMIT)
    assert result.objective is None
    assert result.solves[0].objective == 0.0


def test_a_profile_that_was_not_applied_says_so_before_anything_else() -> None:
    result = result_of(Solve(number=1, objective=1.0), applied=False)
    assert (result.verdict, result.state, result.sentence) == (Verdict.NOT_APPLIED, RunState.DONE, "Other solver.")


@pytest.mark.parametrize("verdict", [Verdict.LICENCE, Verdict.INTERRUPTED, Verdict.SOLVER_FAILURE])
def test_a_run_that_broke_or_was_killed_is_not_excused_by_its_profile(verdict: Verdict) -> None:
    result = result_of(verdict=verdict, applied=False)
    assert (result.verdict, result.state) == (verdict, RunState.FAILED)


@pytest.mark.parametrize(
    ("sentence", "named"),
    [
        ("Cancelled by a user. It kept 3 nodes.", r"Cancelled by anna\1@pc. It kept 3 nodes."),
        ("Cancelled before the solver started.", r"Cancelled by anna\1@pc before the solver started."),
    ],
)
def test_who_cancelled_a_run_stands_in_its_sentence(sentence: str, named: str) -> None:
    result = unsolved(RUN, Facts(attempt=1, host="h", claimed_ms=0), state=RunState.CANCELLED, sentence=sentence)
    assert with_canceller(result, "") is result
    by = with_canceller(result, r"anna\1@pc")
    assert (by.stopped_by, by.sentence) == (r"anna\1@pc", named)


@pytest.mark.parametrize(
    ("verdict", "stop", "state"),
    [
        (Verdict.OPTIMAL, None, RunState.DONE),
        (Verdict.INFEASIBLE, None, RunState.DONE),
        (Verdict.LIMIT, StopReason.TIMEOUT, RunState.DONE),
        (Verdict.INTERRUPTED, StopReason.USER, RunState.CANCELLED),
        (Verdict.OPTIMAL, StopReason.BEATEN, RunState.CANCELLED),
        (Verdict.INTERRUPTED, None, RunState.FAILED),
        (Verdict.LIMIT, StopReason.OUT_OF_MEMORY, RunState.FAILED),
        (Verdict.LIMIT, StopReason.LOG_TOO_LARGE, RunState.FAILED),
        (Verdict.COMPILE_ERROR, None, RunState.FAILED),
        (Verdict.NO_SOLVE, None, RunState.FAILED),
    ],
)
def test_a_verdict_and_a_reason_make_a_state(verdict: Verdict, stop: StopReason | None, state: RunState) -> None:
    assert final_state(verdict, stop) is state


def test_what_the_processes_used_and_waited_for_goes_into_the_result() -> None:
    facts = Facts(attempt=1, host="alpha", claimed_ms=0, cpu_s=1.23456, run_delay_s=0.5, load_1m=7.0)

    result = unsolved(RUN, facts, state=RunState.FAILED, sentence="It broke.")

    assert (result.cpu_s, result.run_delay_s, result.load_1m) == (1.2346, 0.5, 7.0)


def test_what_a_model_writes_at_length_is_kept_short() -> None:
    long = "x" * 100_000
    reading = RunReading(
        solves=(),
        judgement=Judgement(Verdict.EXECUTION_ERROR, long, long),
        messages=(long,) * 500,
        options_ignored=((long, long),) * 5_000,
        conflict=(long,) * 5_000,
    )
    result = solved(RUN, Facts(attempt=1, host="h", claimed_ms=0), reading, ProgressTracker(), Application(None))
    assert len(encode(result)) < 3_000_000
    assert result.sentence == "x" * 2_000 + " ..."
