"""What only POSIX has stands in a few modules, so that a port is a second module beside each."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
#: Processes, signals between them and file locks; and the keyboard, which has its second class already.
SEAM = (
    "worker/times_doctor_worker/process/",
    "cli/times_doctor_cli/local/guard.py",
    "cli/times_doctor_cli/terminal/console.py",
)
#: Linux's own accounts of a machine, of which every reader does without where they are not.
READS_PROC = (*SEAM, "tasks/times_doctor_tasks/config/resources.py")
MODULES = {"fcntl", "termios", "tty", "pty", "pwd", "grp", "resource"}
OF_OS = {"fork", "forkpty", "setsid", "setpgid", "getpgid", "killpg", "posix_spawn", "waitpid", "WNOHANG", "pread"}
OF_OS |= {"pwrite", "getuid", "geteuid", "EX_OK"}
OF_SIGNAL = {"SIGHUP", "SIGKILL", "SIGCHLD", "SIGQUIT", "SIGPIPE", "SIGXFSZ", "pthread_sigmask"}
SOURCES = sorted(path for root in ("cli", "tasks", "worker") for path in (TOP / root).rglob("*.py"))
#: Without one of these a file has nothing to look for: parsing them all takes seconds.
HINT = re.compile(rf"\b(?:{'|'.join(sorted(MODULES | OF_OS | OF_SIGNAL))})\b|/proc/")


def posix_only(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            yield node.module
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            of = {"os": OF_OS, "signal": OF_SIGNAL}.get(node.value.id, set())
            if node.attr in of:
                yield f"{node.value.id}.{node.attr}"


def proc_files(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("/proc/"):
            yield node.value


def outside(seam: tuple[str, ...]) -> Iterator[tuple[str, ast.AST]]:
    """Name and tree of every file outside the seam that may have something to find."""
    for path in SOURCES:
        name = path.relative_to(TOP).as_posix()
        if not name.startswith(seam) and HINT.search(text := path.read_text("utf-8")):
            yield name, ast.parse(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import fcntl", ["fcntl"]),
        ("from resource import getrusage", ["resource"]),
        ("os.killpg(1, signal.SIGKILL)", ["os.killpg", "signal.SIGKILL"]),
        ("signal.signal(signal.SIGINT, f); getattr(signal, 'SIGHUP', None); import os", []),
    ],
)
def test_what_only_posix_has_is_seen(text: str, expected: list[str]) -> None:
    assert sorted(posix_only(ast.parse(text))) == expected


def test_what_only_posix_has_stands_behind_the_seam() -> None:
    assert {name: names for name, tree in outside(SEAM) if (names := sorted(set(posix_only(tree))))} == {}


def test_proc_is_read_in_few_places() -> None:
    assert {name: names for name, tree in outside(READS_PROC) if (names := sorted(proc_files(tree)))} == {}
