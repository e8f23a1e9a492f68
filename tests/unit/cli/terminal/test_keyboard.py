from __future__ import annotations

import os
import pty
import select
import signal
import sys
import termios
from collections.abc import Iterator

import pytest

from tests.conftest import wait_until

_PROGRAM = """
import time
from times_doctor_cli.terminal.console import keyboard
with keyboard() as keys:
    print("held", flush=True)
    typed = ""
    while not typed:
        typed = keys.read()
        time.sleep(0.02)
print("typed", typed, flush=True)
"""


@pytest.fixture
def held() -> Iterator[tuple[int, int]]:
    """A process that holds the keyboard of a terminal: its pid, and the terminal's other end."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", _PROGRAM])
    assert "held" in _shown(terminal, "held")
    yield pid, terminal
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(terminal)


def _shown(terminal: int, word: str) -> str:
    """What is shown until `word` is."""
    shown = ""
    while word not in shown and select.select([terminal], [], [], 30)[0]:
        shown += os.read(terminal, 4096).decode()
    return shown


def _echoes(terminal: int) -> bool:
    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)


@pytest.mark.timeout(60)
def test_ctrl_z_gives_the_terminal_back_until_the_table_comes_back(held: tuple[int, int]) -> None:
    pid, terminal = held
    assert not _echoes(terminal)
    os.write(terminal, b"\x1a")
    wait_until(lambda: os.waitpid(pid, os.WUNTRACED | os.WNOHANG)[0] == pid, timeout_s=30, what="it has stopped")
    assert _echoes(terminal)
    assert "\x1b[?25h" in _shown(terminal, "\x1b[?25h")
    os.kill(pid, signal.SIGCONT)
    wait_until(lambda: not _echoes(terminal), timeout_s=30, what="the keyboard is held again")
    os.write(terminal, b"x")
    assert "\x1b[?25l" in _shown(terminal, "typed x")
