from __future__ import annotations

import io
import json
import os
import re
import select
import sys

import pytest
from rich.console import Console

from tests.conftest import wait_until
from tests.unit.cli.scans import make_result
from tests.unit.cli.views.test_report import make_four_runs, make_report
from times_doctor_cli.terminal.console import (
    _PosixKeyboard,
    emit_json,
    fail,
    keyboard,
    show,
    shows_frames,
    shows_unicode,
)
from times_doctor_cli.views.plan import PlanFact, PlanView, plan_view
from times_doctor_cli.views.report import ReportFiles, report_view
from times_doctor_tasks.contract.errors import UsageError


def make_console(encoding: str, *, terminal: bool = True, term: str = "xterm") -> tuple[Console, io.BytesIO]:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, errors="replace", write_through=True)
    return Console(file=file, force_terminal=terminal, width=80, _environ={"TERM": term}, legacy_windows=False), raw


@pytest.mark.parametrize(
    ("encoding", "expected"), [("utf-8", True), ("UTF8", True), ("cp1252", False), ("ascii", False)]
)
def test_unicode_is_shown_where_the_encoding_has_it(
    encoding: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LC_ALL", raising=False)
    assert shows_unicode(make_console(encoding)[0]) is expected
    monkeypatch.setenv("LC_ALL", "C")
    assert not shows_unicode(make_console(encoding)[0])


def test_dumb_terminals_and_pipes_get_no_frames() -> None:
    assert shows_frames(make_console("utf-8")[0])
    assert not shows_frames(make_console("utf-8", term="dumb")[0])
    assert not shows_frames(make_console("utf-8", terminal=False)[0])


def test_an_error_names_the_thing_and_the_next_step() -> None:
    class NoSuchFolder(UsageError):
        hint = "times-doctor scan FOLDER"

    console, raw = make_console("cp1252")
    fail(NoSuchFolder("There is no folder '[demo]/双\x1b[2J': " + "x" * 100), console)

    text = re.sub(r"\x1b\[[0-9;]*m", "", raw.getvalue().decode("cp1252"))
    assert text == f"Error: There is no folder '[demo]/??[2J':\n{'x' * 100}\ntimes-doctor scan FOLDER\n"


def test_json_is_one_ascii_document_without_nan(capsys: pytest.CaptureFixture[str]) -> None:
    emit_json({"name": "双😀", "objective": float("nan"), "result": make_result("cplex.dual")})

    text = capsys.readouterr().out
    assert text.isascii()
    assert json.loads(text)["name"] == "双😀"
    assert '"objective": null' in text
    assert '"verdict": "optimal"' in text


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo terminals")
def test_keyboard_is_held_without_echo_and_given_back() -> None:
    import pty
    import termios

    person, terminal = pty.openpty()
    before = termios.tcgetattr(terminal)
    typed = io.StringIO()

    def comes(text: str) -> bool:
        typed.write(keys.read())
        return typed.getvalue() == text

    with _PosixKeyboard(terminal) as keys:
        assert not termios.tcgetattr(terminal)[3] & (termios.ECHO | termios.ICANON)
        assert termios.tcgetattr(terminal)[3] & termios.ISIG
        first, second = "1,ü".encode()[:3], "1,ü".encode()[3:]
        os.write(person, first)
        wait_until(lambda: comes("1,"))
        os.write(person, second)
        wait_until(lambda: comes("1,ü"))
        os.write(person, b"gone")
        wait_until(lambda: select.select([terminal], [], [], 0)[0])
        keys.discard()
        assert keys.read() == ""
    assert termios.tcgetattr(terminal) == before
    os.close(person)
    assert keys.read() == ""
    os.close(terminal)


def test_nobody_types_where_stdin_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("a\n"))
    with keyboard() as keys:
        assert keys is None


def test_a_path_longer_than_the_terminal_is_not_cut_off() -> None:
    folder = "/".join(["times_doctor_out"] * 8)
    console = Console(file=(screen := io.StringIO()), width=80, force_terminal=True, color_system=None)
    report = make_report(*make_four_runs())

    show(report_view(report, width=80, unicode=True, files=ReportFiles(folder)), console)
    show(plan_view(PlanView((PlanFact("driver", folder),), (), ()), width=80, unicode=True), console)
    fail(UsageError(f"There is no folder {folder!r}."), console)

    assert screen.getvalue().count(folder) == 3
