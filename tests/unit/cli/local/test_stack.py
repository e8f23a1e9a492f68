from __future__ import annotations

import os
import signal
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # has no stubs of its own
import pytest

from tests.conftest import wait_until
from times_doctor_cli.local import guard
from times_doctor_cli.local import stack as stack_module
from times_doctor_cli.local.server_binary import find_server
from times_doctor_cli.local.stack import LocalStack, start_stack
from times_doctor_tasks.contract.errors import LocalStackFailed

pytestmark = pytest.mark.server

MakeStack = Callable[..., LocalStack]
IDLE = "import sys; sys.stdin.read()"


def script(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def make_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeStack]:
    made: list[LocalStack] = []

    def make(server: Path | None = None, worker: str = IDLE) -> LocalStack:
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(sockets))
        monkeypatch.setattr(stack_module, "find_server", lambda: str(server) if server else find_server())
        monkeypatch.setattr(guard, "worker_argv", lambda folder: [sys.executable, "-c", worker, folder])
        stack = start_stack()
        assert stack is not None
        made.append(stack)
        return stack

    sockets = tmp_path / "r"
    sockets.mkdir()
    if len(str(sockets)) > 80:
        monkeypatch.setattr(stack_module, "MAX_SOCKET_PATH", 200)
    yield make
    for stack in made:
        stack.end()
    assert list(sockets.iterdir()) == []


def guard_of(stack: LocalStack) -> psutil.Process:
    return next(p for p in psutil.Process().children() if p.pid == stack._guard_pid)


def programs(keeper: psutil.Process) -> list[psutil.Process]:
    """Server and worker, once each is more than a fork of the guard."""
    return [p for p in sorted(keeper.children(), key=lambda p: p.pid) if p.exe() != keeper.exe() or IDLE in p.cmdline()]


def wait_for_failure(stack: LocalStack) -> str:
    said: list[str] = []

    def has_failed() -> bool:
        try:
            stack.check()
        except LocalStackFailed as error:
            said.append(str(error))
        return bool(said)

    wait_until(has_failed, what="the stack says that it failed")
    return said[0]


def test_a_server_that_ends_at_once_is_told_with_its_last_words(make_stack: MakeStack, tmp_path: Path) -> None:
    server = script(tmp_path, "server", "#!/bin/sh\necho 'FATAL CONFIG FILE ERROR'\nexit 1\n")
    stack = make_stack(server)
    assert "FATAL CONFIG FILE ERROR" in wait_for_failure(stack)
    with pytest.raises(LocalStackFailed, match="private broker"):
        stack.worker_deaths()


def test_a_server_that_is_no_program_is_told_so(make_stack: MakeStack, tmp_path: Path) -> None:
    server = script(tmp_path, "server", "garbage\n")
    assert f"{server} cannot be started: Exec format error" in wait_for_failure(make_stack(server))


def test_a_server_killed_later_takes_the_worker_along_and_is_told(make_stack: MakeStack) -> None:
    stack = make_stack()
    keeper = guard_of(stack)
    wait_until(lambda: len(programs(keeper)) == 2, what="server and worker run")
    stack.check()
    server, _ = programs(keeper)
    server.kill()
    assert "has ended, and the scan with it" in wait_for_failure(stack)
    wait_until(lambda: not keeper.children(), what="the worker has ended, too")


def test_a_worker_that_dies_is_started_again_and_counted(make_stack: MakeStack) -> None:
    stack = make_stack(worker="")
    wait_until(lambda: stack.worker_deaths() >= 2, what="two workers died")


def test_a_killed_guard_leaves_neither_server_nor_folder(make_stack: MakeStack) -> None:
    stack = make_stack()
    keeper = guard_of(stack)
    wait_until(lambda: len(programs(keeper)) == 2, what="server and worker run")
    children = programs(keeper)
    os.kill(keeper.pid, signal.SIGKILL)
    assert "the scan with it" in wait_for_failure(stack)
    stack.end()
    wait_until(lambda: not any(p.is_running() for p in children), what="server and worker have ended")
    assert not Path(stack.folder).exists()


def test_a_private_folder_with_a_space_in_its_path_serves(
    make_stack: MakeStack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "a b").mkdir()
    monkeypatch.setattr(os, "mkdir", refuse_below(tmp_path / "r", os.mkdir))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "a b"))
    stack = make_stack()
    wait_until(lambda: Path(stack.socket).exists(), what="the server listens")


def test_the_private_folder_is_ours_alone_and_elsewhere_where_it_cannot_be_made(
    make_stack: MakeStack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "mkdir", refuse_below(tmp_path / "r", os.mkdir))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    stack = make_stack()
    assert Path(stack.folder).parent == tmp_path
    assert stat.S_IMODE(Path(stack.folder).stat().st_mode) == 0o700


def test_nowhere_to_put_a_socket_is_an_error_with_a_way_out(
    make_stack: MakeStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "mkdir", refuse_below(Path("/"), os.mkdir))
    with pytest.raises(SystemExit, match="TMPDIR=DIR"):
        make_stack()


def test_a_full_disk_is_passed_over(make_stack: MakeStack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    full = tmp_path / "r"
    statvfs = os.statvfs
    monkeypatch.setattr(
        os,
        "statvfs",
        lambda path: os.statvfs_result((4096, 4096, 9, 0, 0, 9, 9, 9, 0, 255)) if path == str(full) else statvfs(path),
    )
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert Path(make_stack().folder).parent == tmp_path


def refuse_below(folder: Path, mkdir: Callable[[str, int], None]) -> Callable[[str, int], None]:
    def make(path: str, mode: int) -> None:
        if Path(path).is_relative_to(folder):
            raise PermissionError(13, "Permission denied", path)
        mkdir(path, mode)

    return make
