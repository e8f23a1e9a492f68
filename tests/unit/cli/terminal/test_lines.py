from __future__ import annotations

import pytest
from rich.text import Text

from times_doctor_cli.terminal.lines import wrapped


@pytest.mark.parametrize("width", [10, 30, 80])
def test_sentences_break_between_words_and_what_is_copied_stays_whole(width: int) -> None:
    path, command = "'/models of mine/a folder with a long name/case.run'", "`pip install --upgrade gamspy-base`"
    words = f"The user's file {path} isn't there: try {command}, or another."

    lines = [line.plain for line in wrapped(Text(words), width)]

    assert " ".join(lines) == words
    assert all(len(line) <= width or path in line or command in line for line in lines)
    assert sum(path in line for line in lines) == sum(command in line for line in lines) == 1


def test_blanks_before_a_sentence_stay() -> None:
    assert [line.plain for line in wrapped(Text("    pip install times-doctor"), 20)] == [
        "    pip install",
        "times-doctor",
    ]
    assert [line.plain for line in wrapped(Text(""), 20)] == [""]
