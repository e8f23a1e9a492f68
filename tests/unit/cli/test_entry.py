from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from times_doctor_cli import entry
from times_doctor_cli.local import stack as stack_module
from times_doctor_cli.local.stack import LocalStack
from times_doctor_cli.main import run


class NoStack(LocalStack):
    def __init__(self) -> None:
        super().__init__("/nowhere", 0, -1)
        self.ends = 0

    def end(self) -> None:
        self.ends += 1


@pytest.fixture
def end_with(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], tuple[object, int]]:
    """Runs `scan` with a program that raises an error; the exit code, and how often the stack was taken down."""

    def run(error: BaseException) -> tuple[object, int]:
        stack = NoStack()

        def fail(arguments: list[str], stack: LocalStack | None) -> int:
            raise error

        monkeypatch.setattr(stack_module, "start_stack", lambda: stack)
        monkeypatch.setattr("times_doctor_cli.main.run", fail)
        return entry.ending_of(["scan", "x"]), stack.ends

    return run


def test_ctrl_c_while_the_program_is_loaded_ends_it_in_silence(
    end_with: Callable[[BaseException], tuple[object, int]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert end_with(KeyboardInterrupt()) == (130, 1)
    assert capsys.readouterr() == ("", "")


def test_a_second_ctrl_c_while_the_first_one_ends_the_local_worker_ends_it_in_silence() -> None:
    program = """
from times_doctor_cli import entry
from times_doctor_cli.local import stack
class Hasty:
    def end(self): raise KeyboardInterrupt
def interrupted(*_): raise KeyboardInterrupt
stack.start_stack = Hasty
import times_doctor_cli.main
times_doctor_cli.main.run = interrupted
entry.main()
"""
    done = subprocess.run([sys.executable, "-c", program, "scan", "x"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_named(
    end_with: Callable[[BaseException], tuple[object, int]], capsys: pytest.CaptureFixture[str], number: int
) -> None:
    assert end_with(OSError(number, "No room", "/x/worker.json"))[0] == 5
    assert capsys.readouterr().err.startswith("Error: '/x/worker.json' cannot be written: No room. Free some space")


@pytest.mark.parametrize("command", ["report", "diagnose", "apply", "history"])
def test_a_path_that_no_disk_can_hold_is_wrong_usage(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.ending_of([command, "n" * 300]) == 2
    said = capsys.readouterr().err
    assert "nnn" in said
    assert "Free some space" not in said


def test_an_error_of_a_file_names_it_and_is_no_full_disk(
    end_with: Callable[[BaseException], tuple[object, int]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert end_with(OSError(errno.ENAMETOOLONG, "File name too long", "n" * 5_000))[0] == 2
    said = capsys.readouterr().err
    assert "cannot be read or written: File name too long. Name another path" in said
    assert len(said) < 700


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["scan", ""], "The argument after 'scan' is empty."),
        (["report", "last", "--trace", ""], "The argument after '--trace' is empty."),
        (["fetch", "last", "--out="], "The value of --out is empty."),
        ([""], "The argument after 'times-doctor' is empty."),
    ],
)
def test_an_empty_argument_is_refused_before_anything_is_started(
    arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stack_module, "start_stack", lambda: pytest.fail("nothing is to be started"))
    assert entry.ending_of(arguments) == 2
    assert f"Error: {said} Expected a value" in capsys.readouterr().err


def test_values_that_only_end_like_an_empty_one_are_passed_on(
    end_with: object, capsys: pytest.CaptureFixture[str]
) -> None:
    assert entry.ending_of(["profiles", "--help"]) == 0
    assert entry._empty_one(["scan", "x", "--gams-arg", "NAME=", "--out", " "]) == ""


def test_a_folder_that_is_gone_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert entry.ending_of(["list"]) == 2
    assert "The folder you are in is gone" in capsys.readouterr().err


def test_the_list_of_commands_says_of_each_what_it_does_in_one_whole_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("times_doctor_cli.main._end_politely", lambda: None)  # the test's process keeps its signals
    assert run(["--help"], None) == 0
    listed = capsys.readouterr().out
    assert "..." not in listed.partition("Commands:")[2], "what a command does stands there whole"


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_the_help_is_the_programs_own_though_it_is_shown_at_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("times_doctor_cli.main._end_politely", lambda: None)
    assert run(["--help"], None) == 0
    live = capsys.readouterr().out
    shown = subprocess.run([*PROGRAM, "--help"], capture_output=True, text=True, timeout=60)
    assert shown.stdout == live, "`make help-text` writes it anew"


PROGRAM = [sys.executable, "-c", "from times_doctor_cli.entry import main; main()"]


@pytest.mark.parametrize(
    ("words", "code"), [(["--version"], 0), (["--help"], 0), (["profiles"], 0), (["nosuch"], 2), (["status"], 2)]
)
def test_the_program_leaves_with_its_code_and_everything_said(words: list[str], code: int) -> None:
    done = subprocess.run([*PROGRAM, *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == code
    assert done.stdout if code == 0 else done.stderr


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["profiles"]])
def test_a_full_disk_under_the_output_is_said(words: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*PROGRAM, *words], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert (done.returncode, done.stderr[:6]) == (5, "Error:")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["profiles"]])
def test_a_reader_that_has_gone_ends_it_in_silence(words: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*PROGRAM, *words], stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize(("is_terminal", "lines"), [(True, 2), (False, 1)])
def test_a_long_error_breaks_between_words_on_a_terminal_only(
    is_terminal: bool, lines: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: is_terminal)
    assert entry.ending_of(["scan", ""]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == lines
    assert "a variable of your shell" in " ".join(said.split())
