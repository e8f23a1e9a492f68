from __future__ import annotations

from times_doctor_cli.terminal.signs import printable
from times_doctor_cli.terminal.units import verdict_words
from times_doctor_tasks.contract.states import Verdict


def test_short_verdicts_fit_their_column() -> None:
    assert max(len(verdict_words(verdict, short=True)) for verdict in Verdict) <= 11


def test_bidirectional_and_zero_width_letters_are_made_visible() -> None:
    assert printable("a\u202eb\u200bc") == "a?b?c"
