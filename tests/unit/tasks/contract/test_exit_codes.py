from __future__ import annotations

import pytest

from times_doctor_tasks.contract import exit_codes
from times_doctor_tasks.contract.errors import BrokerUnavailable, SchemaMismatch, UsageError
from times_doctor_tasks.contract.messages import Comparison, ModelRef, Recommendation, Report, RunResult, ScanSpec
from times_doctor_tasks.contract.states import RunState, ScanMode, StopReason, Verdict

Ending = tuple[RunState, Verdict | None, StopReason | None]
MODEL = ModelRef(title="m", run_dir="/m", snapshot="0" * 64, driver="m.run")


def make_report(*runs: Ending, agree: bool = True) -> Report:
    spec = ScanSpec(scan="s", created_ms=0, mode=ScanMode.CHORD, model=MODEL, runs=tuple(map(str, range(len(runs)))))
    results = tuple(
        RunResult(
            scan="s",
            run=str(n),
            engine="gams",
            solver="cplex",
            profile="p",
            state=state,
            verdict=verdict,
            stop_reason=why,
        )
        for n, (state, verdict, why) in enumerate(runs)
    )
    nothing = Recommendation(run=None, reasons=())
    return Report(
        scan="s", spec=spec, runs=results, comparison=Comparison(agree=agree), recommendation=nothing, created_ms=0
    )


OPTIMAL = (RunState.DONE, Verdict.OPTIMAL, None)
INFEASIBLE = (RunState.DONE, Verdict.INFEASIBLE, None)
FAILED = (RunState.FAILED, Verdict.SOLVER_FAILURE, None)
TIMED_OUT = (RunState.DONE, Verdict.LIMIT, StopReason.TIMEOUT)
BEATEN = (RunState.CANCELLED, Verdict.INTERRUPTED, StopReason.BEATEN)
CANCELLED = (RunState.CANCELLED, None, StopReason.USER)
LOST = (RunState.LOST, None, StopReason.HOST_LOST)


def test_all_optimal_is_zero() -> None:
    assert exit_codes.of_report(make_report(OPTIMAL, OPTIMAL)) == 0


@pytest.mark.parametrize("bad", [FAILED, TIMED_OUT, CANCELLED, LOST])
def test_a_run_that_failed_was_lost_or_ran_out_is_three(
    bad: tuple[RunState, Verdict | None, StopReason | None],
) -> None:
    assert exit_codes.of_report(make_report(OPTIMAL, bad)) == 3


def test_a_run_beaten_in_a_race_is_no_failure() -> None:
    assert exit_codes.of_report(make_report(OPTIMAL, BEATEN)) == 0


def test_no_optimal_run_is_four() -> None:
    assert exit_codes.of_report(make_report(INFEASIBLE, INFEASIBLE)) == 4


def test_disagreement_comes_before_failure_and_interruption_before_all() -> None:
    report = make_report(OPTIMAL, FAILED, agree=False)
    assert exit_codes.of_report(report) == 6
    assert exit_codes.of_report(report, interrupted=True) == 130


def test_errors_map_to_who_must_act() -> None:
    assert exit_codes.of_error(UsageError("x")) == 2
    assert exit_codes.of_error(BrokerUnavailable("u", "w")) == 5
    assert exit_codes.of_error(SchemaMismatch("x")) == 5
