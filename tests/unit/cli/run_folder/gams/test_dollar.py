from __future__ import annotations

import random
from pathlib import Path

import pytest

from times_doctor_cli.run_folder.gams import dollar
from times_doctor_cli.run_folder.gams.dollar import dollar_lines, gdx_loads, name_text, split_directive
from times_doctor_cli.run_folder.hash_cache import FileUnreadable


def lines_of(path: Path, content: bytes) -> list[tuple[int, str]]:
    path.write_bytes(content)
    return [(line.number, line.text) for line in dollar_lines(path)]


def test_only_a_dollar_in_column_one_or_two_behind_blanks_count(tmp_path: Path) -> None:
    content = (
        b"$include a.dd\n $include no.dd\n*$include no.dd\nX = 1$YES;\n$ include b.dd\n"
        b" \t$$include c.dd\nx $$include no.dd\n$$include d.dd\n%a%%b%$include e.dd\nx%a%$include no.dd\n5%$a\n"
    )
    assert lines_of(tmp_path / "x", content) == [
        (1, "include a.dd"),
        (5, " include b.dd"),
        (6, "$include c.dd"),
        (8, "$include d.dd"),
        (9, "include e.dd"),
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"\n", []),
        (b"$include a", [(1, "include a")]),
        (b"\xef\xbb\xbf$include a\r\n", [(1, "include a")]),
        (b"\r\n\r\n$include a\r\nx\r\n$b", [(3, "include a"), (5, "b")]),
        (b"$caf\xe9.dd\n", [(1, "caf\xe9.dd")]),
        (b"x" * 27_000 + b"\n$include a\n", [(2, "include a")]),
        (b"\x00\xff\n$include a\n", [(2, "include a")]),
    ],
)
def test_line_ends_encodings_and_long_lines_do_not_matter(
    tmp_path: Path, content: bytes, expected: list[tuple[int, str]]
) -> None:
    assert lines_of(tmp_path / "x", content) == expected


def test_lines_are_found_wherever_the_chunks_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(7)
    for size in (1, 2, 3, 7):
        monkeypatch.setattr(dollar, "_CHUNK_BYTES", size)
        for _ in range(60):
            content = b"".join(rng.choice([b"\n", b"$", b"a", b"\r\n", b"\n$x", b" ", b"\n $$"]) for _ in range(20))
            expected = [
                (number, line.lstrip().rstrip(b"\r")[1:].decode())
                for number, line in enumerate(content.split(b"\n"), 1)
                if line.startswith(b"$") or line.lstrip().startswith(b"$$")
            ]
            assert lines_of(tmp_path / "x", content) == expected


def test_a_line_without_end_is_no_dollar_line(tmp_path: Path) -> None:
    assert lines_of(tmp_path / "x", b"$" + b"x" * 10_000_000 + b"\n$include a\n") == [(2, "include a")]


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileUnreadable, match=r"gone\.dd"):
        dollar_lines(tmp_path / "gone.dd")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("include a.dd", ("include", "a.dd")),
        ("   BATINCLUDE\ta.dd  x ", ("batinclude", "a.dd  x")),
        ("ifThenI.one %x%==y", ("iftheni", "%x%==y")),
        ("$include twice", ("include", "twice")),
        ("", ("", "")),
        ("%MX% SETGLOBAL MX", ("", "")),
    ],
)
def test_keyword_and_rest_are_split(text: str, expected: tuple[str, str]) -> None:
    assert split_directive(text) == expected


def test_loads_at_run_time_are_found_with_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "x.gms"
    path.write_text(
        "* execute_load 'comment.gdx';\nparameter y;\nexecute_load 'first.gdx', y=x;\n"
        'EXECUTE_LOADPOINT "second";\nif(1, execute_load third y; );\n'
    )
    assert [(load.number, load.written) for load in gdx_loads(path)] == [
        (3, "first.gdx"),
        (4, "second"),
        (5, "third"),
    ]


def test_names_are_read_as_utf8_else_as_windows_wrote_them() -> None:
    assert name_text("Été.dd".encode().decode("latin-1")) == "Été.dd"
    assert name_text("Été.dd".encode("cp1252").decode("latin-1")) == "Été.dd"
