from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from times_doctor_tasks.contract.states import Verdict
from times_doctor_tasks.results.run_files import find_run_files
from times_doctor_tasks.results.run_reader import read_run

_FIELD = Path("tests/data/field").resolve()
_ANSWERS = [
    ("licence_log_without_start/run.log", Verdict.LICENCE, "No license specified"),
    ("listing_alone_compile_error/plan.lst", Verdict.COMPILE_ERROR, "Unknown symbol (C:\\work\\plan.gms, line 3)"),
    ("compile_error_wrapped_name/long.log", Verdict.COMPILE_ERROR, "long folder name\\runs\\case_a.gms, line 3)"),
    ("compile_error_wrapped_name/long.lst", Verdict.COMPILE_ERROR, "long folder name\\runs\\case_a.gms, line 3)"),
    ("log_and_listing_of_two_jobs/first.lst", Verdict.OPTIMAL, "Optimal (objective 42)."),
    ("log_and_listing_of_two_jobs/second.log", Verdict.COMPILE_ERROR, "Unknown symbol (C:\\work\\second.gms)"),
    ("earlier_solve_infeasible/steps.lst", Verdict.OPTIMAL, "1 of 2 solves was infeasible"),
]
#: How people hand a log on: what stands before each line of it.
_BEFORE = {
    "as written": "",
    "indented": "    ",
    "quoted in a mail": "> ",
    "quoted twice": "> > ",
    "build server": "2026-11-28T09:00:{:02}.1234567Z ",
    "logging": "2026-11-28 09:00:{:02},123 - INFO - ",
    "container": "gams-1  | ",
    "colours": "\x1b[0m\x1b[32m",
    "colours and time": "\x1b[2m09:00:{:02}\x1b[0m ",
    "NUL bytes": "\0",
}


@pytest.mark.parametrize(("file", "verdict", "words"), _ANSWERS)
def test_a_log_or_a_listing_alone_says_how_its_run_ended(
    tmp_path: Path, file: str, verdict: Verdict, words: str
) -> None:
    alone = Path(shutil.copy(_FIELD / file, tmp_path))
    reading = read_run(find_run_files(alone))
    assert reading.verdict is verdict
    assert words.replace(", line 3)", "") in reading.judgement.sentence


@pytest.mark.parametrize(("file", "verdict", "words"), _ANSWERS)
def test_a_log_beside_others_is_read_with_its_own_and_no_other(file: str, verdict: Verdict, words: str) -> None:
    reading = read_run(find_run_files(_FIELD / file))
    assert reading.verdict is verdict
    assert words in reading.judgement.sentence


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("before", _BEFORE.values(), ids=_BEFORE)
@pytest.mark.parametrize(("file", "verdict", "words"), [_ANSWERS[0], _ANSWERS[1], _ANSWERS[3], _ANSWERS[6]])
def test_a_pasted_or_redirected_log_reads_as_the_log_itself(
    tmp_path: Path, file: str, verdict: Verdict, words: str, before: str, end: str, encoding: str
) -> None:
    pasted = tmp_path / Path(file).name
    lines = (_FIELD / file).read_text().splitlines()
    text = "".join((before.format(n) + line).rstrip() + end for n, line in enumerate(lines))
    pasted.write_bytes(text.encode(encoding))
    reading = read_run(find_run_files(pasted))
    assert reading.verdict is verdict
    assert words in reading.judgement.sentence


@pytest.mark.parametrize("newest", ["first.lst", "second.log"])
def test_of_two_jobs_in_a_folder_the_newest_is_read_and_the_other_named(tmp_path: Path, newest: str) -> None:
    other = {"first.lst": "second.log", "second.log": "first.lst"}[newest]
    for name, age in ((newest, 2_000), (other, 1_000)):
        os.utime(shutil.copy(_FIELD / "log_and_listing_of_two_jobs" / name, tmp_path), (age, age))
    reading = read_run(find_run_files(tmp_path))
    assert reading.verdict is (Verdict.OPTIMAL if newest == "first.lst" else Verdict.COMPILE_ERROR)
    assert "After it" not in reading.judgement.sentence
    assert f"{other} is of another job" in reading.messages[0]


def test_a_listing_of_an_earlier_run_is_not_read_with_the_log_of_the_same_name(tmp_path: Path) -> None:
    text = (_FIELD / "compile_error_wrapped_name" / "long.lst").read_text()
    shutil.copy(_FIELD / "compile_error_wrapped_name" / "long.log", tmp_path)
    (tmp_path / "long.lst").write_text(text.replace("10/01/24 09:00:00", "09/30/24 17:12:01"))
    files = find_run_files(tmp_path / "long.log")
    assert (files.listing, files.of_another_job) == (None, tmp_path / "long.lst")


def test_the_next_step_after_solves_without_a_solution_names_them() -> None:
    judgement = read_run(find_run_files(_FIELD / "earlier_solve_infeasible" / "steps.lst")).judgement
    assert "solve 1 step" in judgement.next_step
    assert "Nothing to do" not in judgement.next_step


@pytest.mark.parametrize(
    ("file", "first", "last", "verdict", "words"),
    [
        ("listing_alone_compile_error/plan.lst", 5, 16, Verdict.COMPILE_ERROR, "Unknown symbol (line 3)"),
        ("listing_alone_compile_error/plan.lst", 8, 99, Verdict.COMPILE_ERROR, "Unknown symbol"),
        ("earlier_solve_infeasible/steps.lst", 10, 14, Verdict.INTERRUPTED, "The model is infeasible"),
        ("earlier_solve_infeasible/steps.lst", 27, 99, Verdict.OPTIMAL, "Optimal"),
        ("licence_log_without_start/run.log", 2, 3, Verdict.LICENCE, "licence does not allow this run"),
    ],
)
def test_a_piece_of_a_listing_or_log_says_what_it_can(  # the table's columns
    tmp_path: Path, file: str, first: int, last: int, verdict: Verdict, words: str
) -> None:
    piece = tmp_path / "from_a_forum.txt"
    piece.write_text("".join((_FIELD / file).read_text().splitlines(keepends=True)[first:last]))
    reading = read_run(find_run_files(piece))
    assert reading.verdict is verdict
    assert words in reading.judgement.sentence


@pytest.mark.parametrize(
    ("last", "verdict", "objective"),
    [
        ("Optimal objective  3.221616953e+06", Verdict.OPTIMAL, 3221616.953),
        ("Optimal objective  3.221616953e+0", Verdict.INTERRUPTED, None),
        ("Optimal objective  3.2216", Verdict.INTERRUPTED, None),
        ("Infeasible model", Verdict.INFEASIBLE, None),
        ("Unbounded model", Verdict.UNBOUNDED, None),
    ],
)
@pytest.mark.parametrize("before", ["", "> "])
def test_a_last_line_without_its_end_counts_where_a_cut_cannot_have_made_it(
    tmp_path: Path, last: str, verdict: Verdict, objective: float | None, before: str
) -> None:
    pasted = tmp_path / "pasted.log"
    lines = ["Gurobi Optimizer version 12.0.1 build v12.0.1rc0 (linux64)", "", "Thread count: 2 physical cores", ""]
    lines += ["Optimize a model with 3 rows, 6 columns and 9 nonzeros", "Model fingerprint: 0x57d3a9d5", "", last]
    pasted.write_text("\n".join(before + line for line in lines))
    reading = read_run(find_run_files(pasted))
    assert (reading.verdict, reading.solves[-1].objective) == (verdict, objective)
