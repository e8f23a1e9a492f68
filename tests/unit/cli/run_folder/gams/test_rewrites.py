from __future__ import annotations

import pytest

from tests.unit.cli.run_folder.conftest import Look
from times_doctor_cli.run_folder.gams.rewrites import rewritten_content
from times_doctor_cli.run_folder.model import Rewrite


@pytest.mark.parametrize(
    ("line", "file", "after"),
    [
        (r"$include sub\x.dd", "case/Sub/X.dd", "$include sub/x.dd"),
        (r'$batinclude "..\data\x.dd" a "b c"', "Data/x.dd", '$batinclude "../data/x.dd" a "b c"'),
        (r"$include .\x.dd", "case/x.dd", "$include x.dd"),
        ("$include Sub/X.dd", "case/sub/x.dd", "$include sub/x.dd"),
        ("$include sub/X.dd", "case/sub/x.dd", None),
        ("$include X.DD", "case/x.dd", None),
        ("$include ../data/X.dd", "data/x.dd", None),
        (r"$if exist sub\x.dd $include sub\x.dd", "case/sub/x.dd", "$if exist sub/x.dd $include sub/x.dd"),
        (r"$include sub\my x.dd", "case/sub/my x.dd", '$include "sub/my x.dd"'),
        (r"$include Sub\%unknown%_X.dd", "case/sub/a_x.dd", "$include sub/%unknown%_X.dd"),
        (r"$gdxin sub\x.gdx", "case/sub/x.gdx", "$gdxin sub/x.gdx"),
        (r"execute_load 'sub\x.gdx' y;", "case/sub/x.gdx", "execute_load 'x.gdx' y;"),
        (r"$set q ..\data\ ", "data/x.dd", None),
    ],
)
def test_only_lines_that_would_not_open_their_file_are_rewritten(
    look_at: Look, line: str, file: str, after: str | None
) -> None:
    run = look_at({"case/case.run": f"* first\r\n{line}\r\n", file: ""})
    expected = [] if after is None else [(2, line, after)]
    assert [(r.line, r.before, r.after) for r in run.rewrites] == expected


def test_a_folder_in_a_variable_is_rewritten_where_it_is_set(look_at: Look) -> None:
    driver = "$set dir ..\\Data\\\n$include %dir%x.dd\n$include %dir%%unknown%.dd\n"
    run = look_at({"case/case.run": driver, "data/x.dd": "", "data/y.dd": ""})
    assert [(r.line, r.after) for r in run.rewrites] == [(1, "$set dir ../data/"), (2, "$include ../data/x.dd")]


def test_a_value_that_is_no_path_of_the_model_is_left_alone(look_at: Look) -> None:
    assert look_at({"case/case.run": "$set regex a\\b\n$set tmp C:\\temp\n"}).rewrites == ()


def test_line_ends_and_other_bytes_stay_as_they_are() -> None:
    content = b"\xef\xbb\xbf* caf\xe9\r\n$include sub\\x.dd\r\nlast\n\n"
    rewrites = [Rewrite("model/a.run", 2, "$include sub\\x.dd", "$include sub/x.dd")]
    assert rewritten_content(content, rewrites) == b"\xef\xbb\xbf* caf\xe9\r\n$include sub/x.dd\r\nlast\n\n"


@pytest.mark.parametrize("content", [b"$include other.dd\n", b""])
def test_a_file_that_changed_since_the_look_is_not_rewritten(content: bytes) -> None:
    assert rewritten_content(content, [Rewrite("a", 1, "$include sub\\x.dd", "")]) is None
    assert rewritten_content(content, [Rewrite("a", 9, "$include sub\\x.dd", "")]) is None
