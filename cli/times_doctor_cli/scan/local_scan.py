"""A scan on this machine, step by step: the private stack beside, the same road as any other scan."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.console import Console

from times_doctor_cli import exit_codes
from times_doctor_cli.client.session import Client
from times_doctor_cli.live.interrupts import NOTHING_STARTED, Signals
from times_doctor_cli.live.session import show_scan
from times_doctor_cli.local.private_worker import (
    NO_SERVER,
    NOT_ON_WINDOWS,
    local_worker_plan,
    private_client,
    wait_for_worker,
    write_plan,
)
from times_doctor_cli.planning.builder import (
    Prepared,
    engine_note,
    harvest_of,
    look_at,
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
from times_doctor_tasks.blob_store.transfer_progress import OnSent
from times_doctor_tasks.config.settings import Settings
from times_doctor_tasks.contract.clock import monotonic_s
from times_doctor_tasks.contract.errors import LocalStackFailed, UsageError

if TYPE_CHECKING:
    from times_doctor_cli.local.stack import LocalStack


def run_local_scan(
    request: ScanRequest, stack: LocalStack | None, environ: Mapping[str, str], *, dry_run: bool, as_json: bool
) -> int:
    """Runs a scan on this machine and returns its exit code."""
    console = stderr_console() if as_json else stdout_console()
    if stack is None:
        raise LocalStackFailed(NOT_ON_WINDOWS if sys.platform == "win32" else NO_SERVER)
    settings = Settings.load(environ)
    request = request.with_configured(settings)
    client = private_client(settings, stack)
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
        from times_doctor_cli.live.report_output import show_results
        from times_doctor_cli.planning.runtime_estimates import expected_runtimes
        from times_doctor_cli.reports.collect import bring_results

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
    write_plan(stack, local_worker_plan(request, settings, stack.broker_url, engine))
    snapshot = take_snapshot(run_dir, HashCache(settings.cache_dir, run_dir.root), on_read)
    import times_doctor_tasks.celery_app.canvas  # noqa: F401  # Celery, for the submit: loaded while the worker still starts

    fleet = Fleet.here(wait_for_worker(client, stack)[0], engine)
    prepared = prepare(request, settings, run_dir, snapshot, fleet, now_ms=client.now_ms())
    if request.resume:
        earlier = earlier_in(prepared.out.parent)
        prepared = with_reused(prepared, reuse(prepared.spec, prepared.runs, fleet, earlier))
    return prepared
