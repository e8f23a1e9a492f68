from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable

import pytest
from rich.console import Console

from tests.unit.cli.client.test_health import found
from tests.unit.cli.planning.test_hosts import CONTROL, make_card
from times_doctor_cli.entry import needs_local_stack
from times_doctor_cli.live.report_output import show_report
from times_doctor_cli.local.private_worker import NOT_ON_WINDOWS
from times_doctor_cli.scan.backends import private
from times_doctor_cli.terminal import console as terminal
from times_doctor_cli.views.checkup import checkup_view
from times_doctor_cli.views.hosts import hosts_view
from times_doctor_tasks.contract.errors import InfrastructureError
from times_doctor_tasks.contract.messages import Report, RunResult

#: Modules that Windows has not, and what a client imports. Third parties come first: they know Windows by themselves.
IMPORT_ALL = """
import pkgutil, sys, types
import celery.backends.redis, kombu.transport.redis, redis, rich.live, rich.progress, typer, webbrowser, getpass
import asyncio, ctypes, multiprocessing, shutil, subprocess, tempfile
sys.platform = "win32"
for name in ("fcntl", "resource", "termios", "pwd", "grp", "tty", "pty"):
    sys.modules[name] = None
sys.modules["msvcrt"] = types.ModuleType("msvcrt")
import times_doctor_cli, times_doctor_tasks
names = [
    module.name
    for package in (times_doctor_cli, times_doctor_tasks)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
]
for name in names:
    if not name.startswith("times_doctor_cli.local."):
        __import__(name)
from times_doctor_cli import submit_scan, watch, cancel, fetch
print(len(names))
"""


@pytest.mark.timeout(90)
def test_everything_a_client_imports_is_there_on_windows() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORT_ALL], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 100


def test_no_private_broker_is_started_on_windows() -> None:
    assert not needs_local_stack(["scan", "demo"], "win32")
    assert not needs_local_stack(["check"], "win32")


def test_a_local_scan_on_windows_names_the_two_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(InfrastructureError, match=r"docs/windows\.md") as caught:
        private(None).connect({})
    assert str(caught.value) == NOT_ON_WINDOWS
    assert "--queue" in NOT_ON_WINDOWS
    assert "WSL" in NOT_ON_WINDOWS


@pytest.fixture
def cp1252(monkeypatch: pytest.MonkeyPatch) -> Callable[[], tuple[Console, io.BytesIO]]:
    """A redirected console of a Western Windows."""

    def make() -> tuple[Console, io.BytesIO]:
        raw = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="cp1252", write_through=True))
        monkeypatch.setenv("COLUMNS", "80")
        return terminal.stdout_console(), raw

    return make


def test_reports_and_tables_show_on_a_console_without_unicode(
    cp1252: Callable[[], tuple[Console, io.BytesIO]],
    make_report: Callable[..., Report],
    make_result: Callable[..., RunResult],
) -> None:
    console, raw = cp1252()
    unicode = terminal.shows_unicode(console)
    assert not unicode
    show_report(make_report([make_result("dual", host="Rechner-ü"), make_result("\u0394-profil")]), console)
    console.print(hosts_view([CONTROL, make_card("h1", notes=("Größe ≥ 1 → voll",))], unicode=unicode))
    console.print(checkup_view(list(found(CONTROL, make_card("Δ")).values()), [], unicode=unicode))
    text = raw.getvalue().decode("cp1252")
    assert "cplex.dual" in text
    assert "Rechner-ü" in text
    assert "?-profil" in text


def test_a_json_document_is_ascii_whatever_the_console(
    cp1252: Callable[[], tuple[Console, io.BytesIO]],
) -> None:
    _, raw = cp1252()
    terminal.emit_json({"host": "Δ-rechner"})
    assert raw.getvalue().isascii()
