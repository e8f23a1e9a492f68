from __future__ import annotations

import errno
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

        monkeypatch.setattr("sys.argv", ["times-doctor", "scan", "x"])
        monkeypatch.setattr(stack_module, "start_stack", lambda: stack)
        monkeypatch.setattr("times_doctor_cli.main.run", fail)
        with pytest.raises(SystemExit) as ending:
            entry.main()
        return ending.value.code, stack.ends

    return run


def test_ctrl_c_while_the_program_is_loaded_ends_it_in_silence(
    end_with: Callable[[BaseException], tuple[object, int]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert end_with(KeyboardInterrupt()) == (130, 1)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_named(
    end_with: Callable[[BaseException], tuple[object, int]], capsys: pytest.CaptureFixture[str], number: int
) -> None:
    assert end_with(OSError(number, "No room", "/x/worker.json"))[0] == 5
    assert capsys.readouterr().err.startswith("Error: '/x/worker.json' cannot be written: No room. Free some space")


def test_a_folder_that_is_gone_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(SystemExit) as ending:
        entry.main()
    assert ending.value.code == 2
    assert "The folder you are in is gone" in capsys.readouterr().err


def test_the_list_of_commands_says_of_each_what_it_does_in_one_whole_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("times_doctor_cli.main._end_politely", lambda: None)  # the test's process keeps its signals
    assert run(["--help"], None) == 0
    listed = capsys.readouterr().out
    assert "..." not in listed.partition("Commands:")[2], "what a command does stands there whole"
