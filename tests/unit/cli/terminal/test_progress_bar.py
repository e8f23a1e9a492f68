from __future__ import annotations

import io

from rich.console import Console

from times_doctor_cli.terminal.progress_bar import WORTH_A_BAR_BYTES, WORTH_A_BAR_S, shown_transfer

LARGE = 100 * WORTH_A_BAR_BYTES


def make_console(*, terminal: bool) -> Console:
    return Console(file=io.StringIO(), width=80, force_terminal=terminal, color_system=None)


def shown(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_bar_shows_once_the_screen_was_empty_for_a_while() -> None:
    console, clock_s = make_console(terminal=True), [10.0]
    with shown_transfer("Reading", console, clock=lambda: clock_s[0]) as on_sent:
        on_sent(1_000_000, LARGE)
        assert shown(console) == ""
        clock_s[0] += WORTH_A_BAR_S
        on_sent(500_000_000, LARGE)
    assert "Reading" in shown(console)
    assert "500.0 MB of 800.0 MB" in shown(console)


def test_a_second_transfer_of_the_same_wait_shows_at_once() -> None:
    console = make_console(terminal=True)
    with shown_transfer("Copying", console, began_s=5.0, clock=lambda: 5.0 + WORTH_A_BAR_S) as on_sent:
        on_sent(1, LARGE)
    assert "Copying" in shown(console)


def test_what_is_small_is_not_shown() -> None:
    console = make_console(terminal=True)
    with shown_transfer("Reading", console, began_s=0.0, clock=lambda: 100.0) as on_sent:
        on_sent(1, WORTH_A_BAR_BYTES - 1)
    assert shown(console) == ""


def test_without_a_terminal_it_is_one_line_or_none() -> None:
    console = make_console(terminal=False)
    with shown_transfer("Sending", console) as on_sent:
        on_sent(1, LARGE)
        on_sent(2, LARGE)
    assert shown(console) == "Sending: 800.0 MB\n"

    console = make_console(terminal=False)
    with shown_transfer("Reading", console, quiet=True) as on_sent:
        on_sent(1, LARGE)
    assert shown(console) == ""
