from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.unit.tasks.parsers.cases import FILES, Case, cases, read_contents, reading_of
from times_doctor_tasks.contract.states import Verdict
from times_doctor_tasks.parsers.lines import left_out
from times_doctor_tasks.results import log_text
from times_doctor_tasks.results.log_text import lines_of, pieces
from times_doctor_tasks.results.long_files import ends, spans
from times_doctor_tasks.results.profile_check import judge_application
from times_doctor_tasks.results.run_reader import RunReading, read_native_run
from times_doctor_tasks.testing.documents import make_run_spec

HIGHS = Path(__file__).parents[3] / "data" / "highs_logs"
FLOOD = "* a line that a model writes again and again with DISPLAY or PUT\n"


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_text, "WHOLE_BYTES", 200_000)
    monkeypatch.setattr(log_text, "END_BYTES", 60_000)
    monkeypatch.setattr(log_text, "LISTING_BYTES", 200_000)
    monkeypatch.setattr(log_text, "LISTING_END_BYTES", 60_000)


def written(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("size", [0, 1, 99, 100])
def test_a_file_within_its_bound_is_read_whole(tmp_path: Path, size: int) -> None:
    path = written(tmp_path / "a", "x" * size)
    assert ends(path, whole_bytes=100, end_bytes=10) == b"x" * size


def test_both_ends_are_cut_where_a_line_begins(tmp_path: Path) -> None:
    path = written(tmp_path / "a", "".join(f"line {number:02}\n" for number in range(50)))
    assert (
        ends(path, whole_bytes=100, end_bytes=20)
        == b"line 00\nline 01\nline 02\n\n%b\nline 48\nline 49\n" % left_out(400 - 5 * 8).encode()
    )


def test_ends_that_hold_no_line_are_cut_where_they_are(tmp_path: Path) -> None:
    path = written(tmp_path / "a", "x" * 500)
    with path.open("rb") as file:
        assert spans(file, whole_bytes=100, end_bytes=10) == [(0, 10), (490, 500)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le"])
@pytest.mark.usefixtures("short")
def test_the_ends_of_a_flood_keep_their_encoding(tmp_path: Path, encoding: str) -> None:
    text = "--- Job a Start\n" + "".join(f"--- {number} für\n" for number in range(40_000))
    read = "".join(pieces(written(tmp_path / "a", text, encoding)))
    head, gap, tail = read.partition("\n*** ")
    assert gap
    assert text.startswith(head)
    assert text.endswith(tail.partition("***\n")[2])
    assert "�" not in read


@pytest.mark.usefixtures("short")
def test_a_line_ahead_of_each_is_taken_off_both_ends(tmp_path: Path) -> None:
    text = "".join(f"12:00:{number % 60:02} --- Executing {number}\n" for number in range(20_000))
    lines = list(lines_of(written(tmp_path / "a", text)))
    assert lines[0] == "--- Executing 0"
    assert lines[-1] == "--- Executing 19999"


def without_middle(content: bytes | None, begin: float, end: float) -> bytes | None:
    if content is None:
        return None
    lines = content.split(b"\n")
    first, last = int(len(lines) * begin), int(len(lines) * end)
    gone = b"\n".join(lines[first:last])
    return b"\n".join([*lines[:first], left_out(len(gone) + 1).encode(), *lines[last:]])


def gapped(case: Case, begin: float, end: float) -> RunReading:
    contents = {file: case.content(file) for file in FILES}
    texts = {file: without_middle(contents[file], begin, end) for file in FILES[:2]}
    return read_contents(contents | texts, returncode=case.meta.get("returncode"))


@pytest.mark.parametrize("name", cases(own=True) + cases(own=False))
def test_where_nothing_of_interest_is_left_out_the_verdict_stays(name: str) -> None:
    for place in (0.2, 0.8):
        assert gapped(Case(name), place, place).verdict is reading_of(name).verdict


@pytest.mark.parametrize("name", cases(own=True) + cases(own=False))
def test_a_missing_middle_is_no_fault_of_the_run(name: str) -> None:
    for span in ((0.3, 0.6), (0.1, 0.9)):
        found, whole = gapped(Case(name), *span), reading_of(name)
        assert not any("another job" in message for message in found.messages)
        assert found.left_out_bytes
        assert found.verdict in (whole.verdict, Verdict.NO_SOLVE, Verdict.FEASIBLE, Verdict.EXECUTION_ERROR)
        if found.verdict is Verdict.NO_SOLVE and found.verdict is not whole.verdict:
            assert "were left out" in found.judgement.sentence


def test_a_gap_is_told_and_silence_about_options_is_no_proof() -> None:
    reading = gapped(Case("cplex_d005_bar"), 0.1, 0.9)
    assert reading.messages[0].startswith("Of the log ")
    assert (reading.verdict, reading.options_set) == (Verdict.OPTIMAL, ())
    run = make_run_spec("bar", solver="cplex")
    assert judge_application(run, reading, []).applied is None
    assert judge_application(run, replace(reading, left_out_bytes=0), []).applied is False


@pytest.mark.usefixtures("short")
def test_a_flooded_log_of_highs_is_read_by_its_ends(tmp_path: Path) -> None:
    text = (HIGHS / "inf.log").read_text("utf-8")
    head, mark, tail = text.partition("Presolving model\n")
    log = written(tmp_path / "run.log", head + mark + FLOOD * 6_000 + tail)
    reading = read_native_run(log)
    assert reading.verdict is read_native_run(HIGHS / "inf.log").verdict is Verdict.INFEASIBLE
    assert 0 < log.stat().st_size - reading.left_out_bytes < 130_000
