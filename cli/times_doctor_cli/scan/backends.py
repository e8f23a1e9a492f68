"""Where a scan runs: the private stack of this machine, or a team's broker and hosts. `run` is the same for both."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import msgspec
from rich.console import Console

from times_doctor_cli.api import connect
from times_doctor_cli.client.session import Client
from times_doctor_cli.live.interrupts import Signals
from times_doctor_cli.local import private_worker
from times_doctor_cli.planning.builder import CallHosts
from times_doctor_cli.planning.hosts import Fleet, call_team
from times_doctor_cli.planning.request import ScanRequest
from times_doctor_cli.terminal.console import say, stderr_console
from times_doctor_tasks.config.settings import Settings
from times_doctor_tasks.contract.errors import LocalStackFailed
from times_doctor_tasks.contract.messages import Report

if TYPE_CHECKING:
    from times_doctor_cli.local.stack import LocalStack

BringGdx: TypeAlias = Callable[[Console, Signals | None], None]


def _nothing() -> None:
    """Does nothing for a team's hosts."""


class Backend(msgspec.Struct, frozen=True):
    """The differences between the two places."""

    is_private: bool
    """Broker and worker end with this process: the scan cannot be detached."""
    connect: Callable[[Mapping[str, str]], Client]
    """Makes a client of its broker from the environment."""
    call_hosts: CallHosts
    begin_gdx: Callable[[Client, Report, Path], BringGdx]
    """Requests the recommended run's GDX. Call the returned function once the report is shown to fetch it."""
    on_submit: Callable[[], None] = _nothing
    """Called before the scan's first message is sent."""
    check: Callable[[], None] = _nothing
    """Raises if the scan cannot go on."""
    on_report: Callable[[], None] = _nothing
    """Called after the report was read: from here on only the store is needed."""


def team() -> Backend:
    """A team's broker, and its hosts."""
    return Backend(False, lambda environ: connect(environ=environ, who="--queue"), call_team, _ask_its_host)


def private(stack: LocalStack | None) -> Backend:
    """The private broker and worker of this scan, started by `entry`; if it did not, `connect` says why."""
    if stack is None:
        return Backend(True, _cannot_start, call_team, _keep_here)

    def call_worker(client: Client, request: ScanRequest, engine: str) -> Callable[[], Fleet]:
        plan = private_worker.local_worker_plan(request, client.settings, stack.broker_url, engine)
        private_worker.write_plan(stack, plan)

        def wait() -> Fleet:
            import times_doctor_tasks.celery_app.canvas  # noqa: F401  # for the submit: while the worker still starts

            return Fleet.here(private_worker.wait_for_worker(client, stack)[0], engine)

        return wait

    def on_submit() -> None:
        stack.is_solving = True

    def on_report() -> None:
        stack.is_solving = False
        stack.end()

    def connect_here(environ: Mapping[str, str]) -> Client:
        return private_worker.private_client(Settings.load(environ), stack)

    return Backend(True, connect_here, call_worker, _keep_here, on_submit, stack.check, on_report)


def _cannot_start(_: Mapping[str, str]) -> Client:
    raise LocalStackFailed(private_worker.NOT_ON_WINDOWS if sys.platform == "win32" else private_worker.NO_SERVER)


def _ask_its_host(client: Client, report: Report, out: Path) -> BringGdx:
    from times_doctor_cli.gdx.auto_fetch import Unasked
    from times_doctor_cli.live.gdx_progress import finish_shown

    unasked = Unasked(client, report, out)
    unasked.begin()  # its host sends it while we fetch the other files

    def finish(console: Console, signals: Signals | None) -> None:
        def is_told_to_end() -> bool:
            return signals is not None and (signals.must_end or signals.take_presses() > 0)

        finish_shown(unasked, console, console, is_told_to_end)

    return finish


def _keep_here(_: Client, report: Report, out: Path) -> BringGdx:
    from times_doctor_cli.gdx.auto_fetch import keep_recommended_here

    def keep(_: Console, __: Signals | None) -> None:
        if words := keep_recommended_here(report, out):
            say(f"Warning: {words}", stderr_console())

    return keep
