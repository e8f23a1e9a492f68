from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from times_doctor_cli.views.reading import reading_view
from times_doctor_tasks.contract.states import Verdict
from times_doctor_tasks.parsers.solves.endings import Judgement
from times_doctor_tasks.parsers.solves.solve import Solve
from times_doctor_tasks.results.run_reader import RunReading

_NEXT = {Verdict.OPTIMAL: "Nothing to do."}


def screen(reading: RunReading, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(reading_view(reading, width=width, unicode=True))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def make_solve(number: int) -> Solve:
    return Solve(
        number=number, model="TIMES", verdict=Verdict.OPTIMAL, objective=6407967.45621011, iterations=1026, rows=981
    )


def make_reading(verdict: Verdict = Verdict.OPTIMAL, solves: int = 1, **fields: object) -> RunReading:
    judgement = Judgement(verdict, f"{verdict.value.capitalize()} (a sentence).", _NEXT.get(verdict, "Do that."))
    return RunReading(solves=tuple(map(make_solve, range(1, solves + 1))), judgement=judgement, **fields)  # type: ignore[arg-type]


def test_a_run_that_is_well_is_told_in_its_sentence_and_its_solves() -> None:
    text = screen(make_reading(gams_version="54.6.1"))
    assert text.startswith("Optimal (a sentence).")
    assert "Nothing to do" not in text
    assert "1 TIMES optimal 6407967.45621011" in text


def test_a_run_that_is_not_well_says_what_to_do() -> None:
    assert "Next: Do that." in screen(make_reading(Verdict.INFEASIBLE))


def test_of_many_solves_the_last_ones_are_shown_and_the_others_counted() -> None:
    text = screen(make_reading(solves=120))
    assert "100 earlier solves are not shown" in text
    assert "120 TIMES" in text
    assert "\n100 TIMES" not in text


@pytest.mark.parametrize("width", [60, 80, 140])
def test_nothing_is_wider_than_the_terminal(width: int) -> None:
    reading = make_reading(messages=("x" * 300,), conflict=tuple(f"lower: VAR({n}) > 1" for n in range(50)))
    assert max(map(len, screen(reading, width).splitlines())) <= width


def test_a_reading_that_was_cut_says_so(tmp_path: Path) -> None:
    assert "end in the middle" in screen(make_reading(complete=False))
