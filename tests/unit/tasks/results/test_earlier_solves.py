from __future__ import annotations

import pytest

from times_doctor_tasks.contract.states import Verdict
from times_doctor_tasks.parsers.solves.endings import Judgement
from times_doctor_tasks.parsers.solves.solve import Solve
from times_doctor_tasks.results.earlier_solves import with_earlier_solves

_LAST = Judgement(Verdict.OPTIMAL, "Optimal.", "Nothing to do.")


def make_solves(*verdicts: Verdict | None) -> list[Solve]:
    return [Solve(number, verdict=verdict) for number, verdict in enumerate(verdicts, start=1)]


@pytest.mark.parametrize(
    ("verdicts", "words"),
    [
        ([Verdict.OPTIMAL] * 227 + [Verdict.INFEASIBLE] * 24 + [Verdict.OPTIMAL], "24 of 252 solves were infeasible."),
        ([Verdict.LIMIT, Verdict.OPTIMAL], "1 of 2 solves ended at a limit."),
        ([Verdict.INFEASIBLE, Verdict.UNBOUNDED, Verdict.INFEASIBLE, Verdict.OPTIMAL], "2 of 4 solves were infeasible"),
        ([Verdict.SOLVER_FAILURE, Verdict.OPTIMAL], "1 of 2 solves ended with: solver failure."),
    ],
)
def test_the_headline_says_how_many_solves_gave_no_solution(verdicts: list[Verdict], words: str) -> None:
    judged = with_earlier_solves(_LAST, make_solves(*verdicts))
    assert judged.verdict is Verdict.OPTIMAL
    assert words in judged.sentence


@pytest.mark.parametrize(
    "verdicts",
    [
        [],
        [Verdict.INFEASIBLE],
        [Verdict.OPTIMAL, Verdict.FEASIBLE],
        [Verdict.OPTIMAL, Verdict.INFEASIBLE],
        [None, None],
    ],
)
def test_nothing_is_added_where_only_the_last_solve_failed(verdicts: list[Verdict | None]) -> None:
    assert with_earlier_solves(_LAST, make_solves(*verdicts)) == _LAST
