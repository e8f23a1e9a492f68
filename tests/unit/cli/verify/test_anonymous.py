from __future__ import annotations

from pathlib import Path

import pytest

from times_doctor_cli.verify.anonymous import anonymous, words_of, words_of_files
from times_doctor_cli.verify.record import HEAD_CHARS, TAIL_CHARS, cut

KNOWN = words_of(["Infeasibility row  conflict LP status optimal Iteration model file"])


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Infeasibility row 'EQG_COMBAL(REG1,2030,ELC)':  0 >= 3.", "Infeasibility row '@(@,2030,@)':  0 >= 3."),
        ("--- base_case.dd(1204) 3 Mb", "--- @.dd(1204) 3 Mb"),
        ("Logging to /home/li/models/x.log now", "Logging to @path now"),
        (r"file C:\Users\li\x.run(3)", "file @path(3)"),
        ("Iteration log: LP status(1): optimal", "Iteration log: LP status(1): optimal"),
    ],
)
def test_names_and_paths_go_and_a_solvers_words_stay(line: str, expected: str) -> None:
    secret = words_of(["EQG_COMBAL REG1 ELC base_case optimal"])
    assert anonymous(line, secret=secret, known=KNOWN) == expected


def test_the_words_of_files_are_those_of_content_and_name(tmp_path: Path) -> None:
    (tmp_path / "My_Case.dd").write_bytes("SET R / 'Süd' /;\r\n".encode("latin-1"))
    assert words_of_files([tmp_path / "My_Case.dd"]) == {"my_case", "dd", "set", "r", "süd"}


def test_a_long_text_keeps_whole_lines_of_its_head_and_tail() -> None:
    text = "".join(f"line {number}\n" for number in range(20_000))
    kept = cut(text)
    assert kept.startswith("line 0\n")
    assert kept.endswith("line 19999\n")
    assert len(kept) <= HEAD_CHARS + TAIL_CHARS + 100
    assert "characters left out" in kept
    assert set(kept.splitlines()) - set(text.splitlines()) == {
        line for line in kept.splitlines() if "characters left out" in line
    }


def test_a_short_text_is_kept_as_it_is() -> None:
    assert cut("a\nb") == "a\nb"
