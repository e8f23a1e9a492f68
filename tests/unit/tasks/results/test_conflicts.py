from __future__ import annotations

from typing import Any

import pytest

from times_doctor_tasks.contract.states import Verdict
from times_doctor_tasks.parsers.solves.endings import Judgement
from times_doctor_tasks.parsers.solves.solve import Solve
from times_doctor_tasks.results.conflicts import conflict_lines, with_conflict
from times_doctor_tasks.results.run_reader import RunReading

_INFEASIBLE = "The model is infeasible: no solution meets all equations and bounds."
_EITHER = "The model is infeasible or unbounded: presolve proved one of the two but did not tell which."


def make_reading(verdict: Verdict = Verdict.INFEASIBLE, sentence: str = _INFEASIBLE) -> RunReading:
    return RunReading((Solve(number=1),), Judgement(verdict, sentence, "Look at what changed."))


def make_found(rows: int, bounds: int, *, minimal: bool = True, not_negative: int = 0) -> dict[str, Any]:
    return {
        "outcome": "conflict",
        "minimal": minimal,
        "row_count": rows,
        "bound_count": bounds,
        "not_negative_count": not_negative,
        "rows": [{"name": f"r{n}", "lower": 1.0, "upper": None} for n in range(rows)],
        "bounds": [{"name": f"x{n}", "lower": 9.0, "upper": 5.0} for n in range(bounds)],
    }


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (make_found(1, 0), "The model is infeasible: r0 >= 1 cannot hold."),
        (make_found(1, 0, not_negative=4), "The model is infeasible: r0 >= 1 cannot hold."),
        (make_found(2, 0), "The model is infeasible: r0 >= 1, r1 >= 1 cannot hold together."),
        (make_found(5, 0), "The model is infeasible: r0 >= 1, r1 >= 1, r2 >= 1 and 2 more cannot hold together."),
        (make_found(0, 1), "The model is infeasible: the lower bound of x0, 9, is above its upper bound, 5."),
        (make_found(1, 1), "The model is infeasible: r0 >= 1 with the bound 9 <= x0 <= 5 cannot hold together."),
        (
            {"outcome": "feasible", "discrete": True},
            "The model is infeasible with no conflict among the linear rows: it comes from integrality.",
        ),
        ({"outcome": "unproved", "limit_s": 60.0}, _INFEASIBLE),
        (
            {"outcome": "feasible", "discrete": False},
            f"{_INFEASIBLE} Without its costs HiGHS found a solution: it is a matter of tolerances.",
        ),
    ],
)
def test_the_sentence_names_what_cannot_hold(found: dict[str, Any], sentence: str) -> None:
    reading = with_conflict(make_reading(), found)
    assert (reading.verdict, reading.judgement.sentence) == (Verdict.INFEASIBLE, sentence)
    assert reading.conflict == reading.solves[-1].conflict == conflict_lines(found)


def test_a_set_that_is_not_the_smallest_is_said_to_be_none() -> None:
    reading = with_conflict(make_reading(), make_found(3, 0, minimal=False))
    assert "not all need to be part of it" in reading.judgement.next_step


def test_a_search_that_did_not_end_says_how_it_gets_more_time() -> None:
    reading = with_conflict(make_reading(), {"outcome": "unproved", "limit_s": 60.0})
    assert "No conflict was found in 60 s; --iis-seconds" in reading.judgement.next_step


def test_a_search_that_broke_off_is_not_said_to_have_used_its_time() -> None:
    reading = with_conflict(make_reading(), {"outcome": "unproved"})
    assert "broke off before it found one" in reading.judgement.next_step


def test_rows_with_a_solution_make_infeasible_or_unbounded_unbounded() -> None:
    found = {"outcome": "feasible", "discrete": False}
    assert with_conflict(make_reading(sentence=_EITHER), found).verdict is Verdict.UNBOUNDED
    assert with_conflict(make_reading(sentence=_EITHER), found | {"discrete": True}).verdict is Verdict.INFEASIBLE


@pytest.mark.parametrize("verdict", [verdict for verdict in Verdict if verdict is not Verdict.INFEASIBLE])
def test_only_an_infeasible_run_gains_a_conflict(verdict: Verdict) -> None:
    reading = make_reading(verdict)
    assert with_conflict(reading, make_found(2, 1)) == reading


def test_what_is_not_named_is_counted() -> None:
    found = make_found(2, 2, not_negative=7) | {"row_count": 300, "bound_count": 251}
    assert conflict_lines(found)[-3:] == (
        "and 298 more rows",
        "and 249 more bounds",
        "and 7 columns that cannot be negative",
    )
