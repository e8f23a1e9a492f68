from __future__ import annotations

import random
import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.tasks.parsers.cases import Case, cases, events_of, prefixes, read_contents, reading_of
from times_doctor_tasks.contract.states import Verdict
from times_doctor_tasks.parsers.events import LogEvent
from times_doctor_tasks.parsers.gams.listing import read_listing
from times_doctor_tasks.parsers.gams.log import GamsLogReader
from times_doctor_tasks.parsers.gams.trace import read_trace
from times_doctor_tasks.parsers.highs.log import HighsLogReader
from times_doctor_tasks.parsers.lines import MAX_LINE_CHARS, LineBuffer
from times_doctor_tasks.parsers.progress.tracker import ProgressTracker

#: One log of each kind.
KINDS = (
    "cplex_d003_bar", "cplex_d006_sift", "cplex_d003_network", "cplex_d007_bar_t2", "fail_infeasible_feasopt",
    "fail_option_equals_and_comments", "fail_reslim_mip", "fail_times_dd_syntax", "fail_times_no_demand",
    "gurobi_d007_bar", "highs_d007_ipm_nox", "long_gurobi_mip", "long_mip_mkp_t2", "mosek_d007_dual",
    "own_bad_copt", "own_bad_highs", "own_infeas_iis", "own_many_ide", "own_many_sl0", "own_o_copt_iis",
    "own_o_gurobi_iis", "own_o_highs_mip", "own_o_xpress_mip", "own_quality", "sig_int_pg_loop", "xpress_d007_bar",
)  # fmt: skip
#: What files cut off may lead to, beside what the whole files say.
UNDECIDED = frozenset({Verdict.INTERRUPTED})

every_kind = pytest.mark.parametrize("name", KINDS)
#: Lines of real logs and listings, for text that is nearly right.
_LINES = sorted({line for name in KINDS for line in Case(name).log.split("\n")[-400:]})
_LISTING_LINES = sorted(
    {
        line
        for name in KINDS
        for line in (Case(name).content("listing.lst") or b"").decode("utf-8", "replace").split("\n")
    }
)


def _read(pieces: list[str]) -> list[LogEvent]:
    reader = GamsLogReader()
    events = [event for piece in pieces for event in reader.feed(piece)]
    return events + reader.close()


@every_kind
def test_any_chunking_of_a_log_gives_the_same_events(name: str) -> None:
    text = Case(name).log
    if len(text) > 200_000:
        text = text[:50_000] + text[-50_000:]
    whole = _read([text])
    generator = random.Random(name)
    for largest in (1, 7, 200, 5_000):
        short = text if largest > 1 else text[-20_000:]
        pieces = []
        place = 0
        while place < len(short):
            size = generator.randint(0 if largest > 1 else 1, largest)
            pieces.append(short[place : place + size])
            place += size
        assert _read(pieces) == (whole if short is text else _read([short]))


@every_kind
def test_line_ends_of_windows_change_nothing(name: str) -> None:
    text = Case(name).log
    assert _read([text.replace("\n", "\r\n")]) == list(events_of(name))


@every_kind
def test_a_cut_log_never_gives_another_verdict(name: str) -> None:
    whole = reading_of(name).verdict
    content = Case(name).content("log.txt") or b""
    for prefix in prefixes(content, 25):
        found = read_contents({"log.txt": prefix}, returncode=None).verdict
        assert found in UNDECIDED | {whole}, f"cut at byte {len(prefix)}"


@every_kind
def test_cut_files_together_never_give_another_verdict(name: str) -> None:
    case = Case(name)
    whole = reading_of(name).verdict
    contents = {file: case.content(file) or b"" for file in ("log.txt", "listing.lst", "trace.txt")}
    for place in range(1, 12):
        cut = {file: content[: len(content) * place // 12] for file, content in contents.items()}
        found = read_contents(dict(cut), returncode=None).verdict
        assert found in UNDECIDED | {whole}, f"cut at {place}/12"


@pytest.mark.parametrize("name", [name for name in cases(own=False) if name.startswith(("fail_", "sig_"))])
def test_a_log_cut_near_its_end_never_gives_another_verdict(name: str) -> None:
    case = Case(name)
    content = case.content("log.txt") or b""
    whole = reading_of(name).verdict
    allowed = UNDECIDED | {whole, read_contents({"log.txt": content}, returncode=None).verdict}
    for left in (1, 2, 30, 80, 150, 300, 700, 1500):
        found = read_contents({"log.txt": content[:-left]}, returncode=None).verdict
        assert found in allowed, f"{left} bytes cut"


@every_kind
def test_a_cut_listing_or_trace_beside_a_whole_log_changes_nothing(name: str) -> None:
    case = Case(name)
    whole = reading_of(name)
    log = case.content("log.txt")
    listing, trace = (case.content(file) or b"" for file in ("listing.lst", "trace.txt"))
    from_log = read_contents({"log.txt": log}, returncode=None).verdict
    for place in range(1, 8):
        contents = {
            "log.txt": log,
            "listing.lst": listing[: len(listing) * place // 8],
            "trace.txt": trace[: len(trace) * place // 8],
        }
        found = read_contents(contents, returncode=case.meta["returncode"]).verdict
        assert found in {whole.verdict, from_log}, f"cut at {place}/8"


@every_kind
def test_a_model_status_cut_in_its_middle_is_not_another_one(name: str) -> None:
    content = Case(name).content("listing.lst") or b""
    whole = reading_of(name).verdict
    for match in re.finditer(rb"\*{4} (?:MODEL STATUS|SOLVER STATUS|OBJECTIVE VALUE) +\S", content):
        found = read_contents({"listing.lst": content[: match.end()]}, returncode=0).verdict
        assert found in UNDECIDED | {whole}


@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=3_000))
def test_any_bytes_are_read_without_an_error(content: bytes) -> None:
    reading = read_contents(dict.fromkeys(("log.txt", "listing.lst", "trace.txt"), content), returncode=0)
    assert reading.verdict is not Verdict.OPTIMAL


@settings(max_examples=150, deadline=None)
@given(
    lines=st.lists(st.one_of(st.sampled_from(_LINES), st.text(max_size=60)), max_size=60),
    cut=st.integers(min_value=0, max_value=4_000),
)
def test_real_lines_in_any_order_are_read_without_an_error(lines: list[str], cut: int) -> None:
    text = "\n".join(lines)
    events = _read([text[:cut], text[cut:]])
    assert events == _read([text])
    highs = HighsLogReader()
    parts = highs.feed(text[:cut]) + highs.feed(text[cut:]) + highs.close()
    other = HighsLogReader()
    assert parts == other.feed(text) + other.close()
    tracker = ProgressTracker()
    for moment, event in enumerate(events):
        tracker.update([event], now_s=float(moment))
        progress = tracker.progress
        assert progress is None or progress.fraction is None or 0.0 <= progress.fraction <= 1.0
    assert len(tracker.curve) <= 200


@settings(max_examples=100, deadline=None)
@given(lines=st.lists(st.one_of(st.sampled_from(_LISTING_LINES), st.text(max_size=60)), max_size=80))
def test_real_listing_lines_in_any_order_are_read_without_an_error(lines: list[str]) -> None:
    read_listing(lines)
    read_trace("\n".join(lines))


@settings(max_examples=100, deadline=None)
@given(text=st.text(alphabet="ab\r\n", max_size=200), cuts=st.lists(st.integers(0, 200), max_size=6))
def test_lines_do_not_depend_on_the_pieces(text: str, cuts: list[int]) -> None:
    whole = LineBuffer().feed(text)
    places = sorted({0, len(text), *(min(cut, len(text)) for cut in cuts)})
    buffer = LineBuffer()
    pieces = [buffer.feed(text[start:end]) for start, end in pairwise(places)]
    assert [line for piece in pieces for line in piece] == whole
    assert whole == [line.removesuffix("\r") for line in text.split("\n")[:-1]]


def test_a_line_of_any_length_is_held_in_bounded_space() -> None:
    buffer = LineBuffer()
    for _ in range(400):
        assert buffer.feed("x" * 1_000) == []
    [line] = buffer.feed("end\n")
    assert line == "x" * MAX_LINE_CHARS
    assert LineBuffer().feed("y" * 27_000 + "\n") == ["y" * 27_000]
