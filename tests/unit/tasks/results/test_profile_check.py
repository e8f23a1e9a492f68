from __future__ import annotations

from typing import Any

import msgspec
import pytest

from times_doctor_tasks.contract.messages import RunSpec
from times_doctor_tasks.contract.states import Verdict
from times_doctor_tasks.parsers.solves.endings import Judgement
from times_doctor_tasks.parsers.solves.solve import Solve
from times_doctor_tasks.results.profile_check import Statement, find_statements, judge_application
from times_doctor_tasks.results.run_reader import RunReading

OPTIMAL = Judgement(Verdict.OPTIMAL, "Optimal.", "Nothing to do.")


def make_run(solver: str = "cplex", engine: str = "gams", options: str = "lpmethod 2\n") -> RunSpec:
    return RunSpec(scan="s", run="r", index=0, engine=engine, solver=solver, profile="p", options=options)


def make_reading(solver: str = "CPLEX", **fields: Any) -> RunReading:
    known: dict[str, Any] = {"complete": True, "solves": (Solve(number=1, solver=solver, ended=True),)}
    return RunReading(judgement=OPTIMAL, **known | fields)


def test_a_profile_whose_options_are_echoed_was_applied() -> None:
    assert judge_application(make_run(), make_reading(options_set=(("lpmethod", "2"),)), []).applied is True


def test_another_solver_than_asked_for_is_named_with_the_statement_that_chose_it() -> None:
    statements = [Statement("m.run:7", "OPTION LP=CBC;")]
    answer = judge_application(make_run(), make_reading("CBC"), statements)
    assert answer.applied is False
    assert "CBC, not CPLEX" in answer.why
    assert "m.run:7" in answer.why
    assert "Remove" in answer.next_step


def test_cplex_that_echoes_nothing_has_read_nothing() -> None:
    assert judge_application(make_run(), make_reading(), []).applied is False


def test_a_run_that_was_killed_is_not_accused_of_what_it_had_no_time_to_say() -> None:
    assert judge_application(make_run(), make_reading(complete=False), []).applied is None


@pytest.mark.parametrize(
    "solve",
    [Solve(number=1), Solve(number=1, solver="CPLEX"), Solve(number=1, solver="CPLEX", ended=True, aborted=True)],
    ids=["while GAMS generates", "as the solver starts", "in the model's own statements"],
)
def test_a_run_that_was_interrupted_before_its_solver_printed_anything_is_not_accused(solve: Solve) -> None:
    assert judge_application(make_run(), make_reading(solves=(solve,)), []).applied is None


def test_a_solver_that_never_echoes_is_not_accused() -> None:
    assert judge_application(make_run("mosek"), make_reading("MOSEK"), []).applied is None


def test_a_profile_of_comments_only_cannot_be_unread() -> None:
    assert judge_application(make_run(options="* nothing\n"), make_reading(), []).applied is None


def test_an_ignored_option_is_quoted() -> None:
    reading = make_reading(options_set=(("lpmethod", "2"),), options_ignored=(("nosuch 3", "invalid option name"),))
    answer = judge_application(make_run(), reading, [])
    assert answer.applied is False
    assert answer.why == "The solver ignored options of this profile: 'nosuch 3' (invalid option name)."


def test_who_wrote_an_ignored_option_learns_where_to_correct_it() -> None:
    reading = make_reading(options_ignored=(("lpmethod 99", "Value '99' is not supported."),))
    mine = msgspec.structs.replace(make_run(), origin="my/a.opt")
    assert judge_application(mine, reading, []).why.endswith("(Value '99' is not supported).")
    assert judge_application(mine, reading, []).next_step.startswith("Correct them in 'my/a.opt'")
    assert "--opt-file" in judge_application(make_run(), reading, []).next_step


def test_nothing_is_said_of_a_run_that_never_solved() -> None:
    assert judge_application(make_run(), RunReading(solves=(), judgement=OPTIMAL), []).applied is None


def test_highs_alone_refuses_what_it_does_not_know_so_what_solved_was_applied() -> None:
    assert judge_application(make_run("highs", "highs"), make_reading("HIGHS"), []).applied is True


def test_statements_are_found_in_any_spelling_but_not_in_comments() -> None:
    lines = [
        "Option Lp = cbc ;",
        " option reslim=9, lp=xpress;",
        "* option lp=cbc;",
        "model.OptFile=0;",
        "x.optfile = 1;",
    ]
    assert [s.place for s in find_statements("m.gms", lines)] == ["m.gms:1", "m.gms:2", "m.gms:4"]
