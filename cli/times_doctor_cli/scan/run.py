"""The journey of a scan: read the request, plan, submit, follow it live, collect and report its results."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from msgspec.structs import replace
from rich.console import Console

from times_doctor_cli.api import harvest_of_scan
from times_doctor_cli.client.session import Client
from times_doctor_cli.client.upload import upload
from times_doctor_cli.live.interrupts import NOTHING_STARTED, Signals
from times_doctor_cli.live.loop import ShowEnd, Shown
from times_doctor_cli.live.session import show_scan
from times_doctor_cli.planning.builder import (
    Prepared,
    engine_note,
    expectation,
    harvest_of,
    host_names,
    plan_scan,
    publish,
    warnings_of,
)
from times_doctor_cli.planning.request import ScanRequest
from times_doctor_cli.reports.harvest import Harvest
from times_doctor_cli.reports.local_history import keep_in_history
from times_doctor_cli.reports.local_scans import remember
from times_doctor_cli.run_folder.model import SearchLimits
from times_doctor_cli.scan.backends import Backend
from times_doctor_cli.scan.dry_run import ask_about_many, plan_to_look_at, show_plan
from times_doctor_cli.scan_state.board import Board
from times_doctor_cli.terminal.console import emit_json, say, stderr_console, stdout_console, words_console
from times_doctor_cli.terminal.progress_bar import shown_transfer
from times_doctor_tasks.analysis.history import records_of
from times_doctor_tasks.contract import exit_codes
from times_doctor_tasks.contract.clock import monotonic_s
from times_doctor_tasks.contract.errors import UsageError
from times_doctor_tasks.contract.messages import Report, ScanSpec
from times_doctor_tasks.contract.wording import counted, some_of


def run(request: ScanRequest, backend: Backend, environ: Mapping[str, str], *, dry_run: bool, as_json: bool) -> int:
    """Runs a scan and returns its exit code."""
    console = words_console(as_json=as_json)
    began_s = monotonic_s()
    limits = SearchLimits(are_strict=not dry_run)
    plan = partial(_plan, request, backend, environ, limits, console=console, began_s=began_s)
    try:
        if dry_run:
            return show_plan(plan_to_look_at(plan, request, environ), console, as_json=as_json)
        client, prepared = plan()
        ask_about_many(request, prepared)
        if prepared.why_these:
            say(prepared.why_these, console)
        if words := expectation(prepared):
            say(f"Expected: {words}.", console)
        for words in warnings_of(prepared):
            say(f"Warning: {words}", console)
        sending = "Copying the model" if backend.is_private else "Sending the model"
        with shown_transfer(sending, console, began_s=began_s, quiet=backend.is_private) as on_sent:
            upload(prepared.snapshot, client.blobs, on_sent)
    except KeyboardInterrupt:
        say(NOTHING_STARTED, stderr_console())
        return exit_codes.INTERRUPTED
    # Signals are noted from here on: a published scan ends in a report, or the user gets its id.
    with Signals() as signals:
        backend.on_submit()
        publish(client, prepared)
        if not backend.is_private:
            say(_submitted_words(prepared), console)
        if request.detach:
            return _detach(client, prepared.spec, as_json=as_json)
        return follow(
            client,
            prepared.spec,
            backend,
            harvest=harvest_of(prepared, request.trace),
            note=engine_note(prepared),
            as_json=as_json,
            signals=signals,
        )


def _plan(
    request: ScanRequest,
    backend: Backend,
    environ: Mapping[str, str],
    limits: SearchLimits,
    *,
    console: Console,
    began_s: float,
) -> tuple[Client, Prepared]:
    client = backend.connect(environ)
    with shown_transfer("Reading the model", console, began_s=began_s, quiet=True) as on_read:
        hosts = backend.call_hosts
        return client, plan_scan(client, request, call_hosts=hosts, environ=environ, on_read=on_read, limits=limits)


def follow(
    client: Client,
    spec: ScanSpec,
    backend: Backend,
    *,
    harvest: Harvest | None = None,
    note: str = "",
    as_json: bool = False,
    signals: Signals | None = None,
) -> int:
    """Shows a submitted scan until its report exists, then collects its results; returns the exit code.

    Without `harvest` it only watches: files go to RUN_DIR if this user started the scan on this machine, else nowhere.
    """
    place = harvest or harvest_of_scan(client, spec)
    if is_collected := harvest is not None or spec.client == client.me:
        _import_ending()
    shown = show_scan(
        client,
        spec,
        Board.of(spec, place.runs, note=note),
        words_console(as_json=as_json),
        can_detach=not backend.is_private,
        is_mine=harvest is not None,
        signals=signals,
        check=backend.check,
    )
    if shown.ending is ShowEnd.DETACHED:
        with contextlib.suppress(*([OSError] if shown.interrupted else [])):  # the terminal may be gone
            _detach(client, spec, as_json=as_json)
        return exit_codes.INTERRUPTED if shown.interrupted else exit_codes.OK
    if (report := client.report(spec.scan)) is None:
        say(f"Left scan {spec.scan} before its report existed; its runs were told to stop.", stderr_console())
        return exit_codes.INTERRUPTED
    place = _with_rounds(client, report, spec, place)
    if is_collected:
        _collect(client, report, backend, place, shown, as_json=as_json, signals=signals)
    else:
        _show_only(report, place, as_json=as_json)
    return exit_codes.of_report(report, interrupted=shown.interrupted)


def _with_rounds(client: Client, report: Report, spec: ScanSpec, place: Harvest) -> Harvest:
    """Adds the runs that were added after the scan was submitted."""
    if report.spec.runs == spec.runs:
        return place
    with client.answering():
        return replace(place, runs=client.store.runs(report.spec))


def _import_ending() -> None:
    """Imports for the end of the scan, while the first solves start."""
    import times_doctor_cli.gdx.auto_fetch
    import times_doctor_cli.live.report_output  # noqa: F401


def _collect(
    client: Client,
    report: Report,
    backend: Backend,
    place: Harvest,
    shown: Shown,
    *,
    as_json: bool,
    signals: Signals | None,
) -> None:
    """Fetches the files of a scan, writes its reports and shows the result."""
    from times_doctor_cli.live.report_output import show_results
    from times_doctor_cli.reports.collect import bring_results

    console = words_console(as_json=as_json)
    backend.on_report()
    if backend.is_private:
        remember(place.out)
        keep_in_history(records_of(report, place.runs, title=report.spec.model.title))
    # A user who has interrupted the scan does not wait for another machine.
    asks_gdx = backend.is_private or not shown.interrupted
    bring_gdx = backend.begin_gdx(client, report, place.out) if asks_gdx else None
    try:
        with shown_transfer("Fetching files", console, quiet=backend.is_private) as on_sent:
            report = bring_results(client, report, place, on_sent)
    except UsageError:
        # The files cannot be written: show the answer anyway, after hours of solving, then the error.
        show_results(report, place, console, as_json=as_json)
        say(f"Not all files are in {place.out}. {_still_there(report, backend)}", stderr_console())
        raise
    show_results(report, place, console, as_json=as_json)
    if bring_gdx is not None:
        bring_gdx(console, signals)


def _still_there(report: Report, backend: Backend) -> str:
    """Where the files of a scan are that could not be written."""
    if not backend.is_private:
        return f"Later: times-doctor fetch {report.scan} --out DIR"
    folders = sorted({str(Path(run.directory).parent) for run in report.runs if run.directory})
    return f"Logs and solutions of its runs stay in {some_of(folders, 2)}." if folders else "Its runs left none."


def _show_only(report: Report, place: Harvest, *, as_json: bool) -> None:
    """The report of another user's scan, whose files stay where they are."""
    from times_doctor_cli.live.report_output import show_results

    show_results(report, place, stdout_console(), as_json=as_json)
    if not as_json:
        say(f"\nIts files: times-doctor fetch {report.spec.scan}")


def _submitted_words(prepared: Prepared) -> str:
    spec = prepared.spec
    runs = counted(len(spec.runs) - len(spec.reused), "run")
    reused = f", {len(spec.reused)} taken from earlier scans" if spec.reused else ""
    return f"Scan {spec.scan}: {runs} for {host_names(prepared.fleet.fit)}{reused}"


def _detach(client: Client, spec: ScanSpec, *, as_json: bool) -> int:
    """Prints how to return to the scan."""
    if as_json:
        emit_json({"scan": spec.scan, "detached": True, "runs": spec.runs, "broker": client.shown_broker})
    else:
        say(_detached_words(spec))
    return exit_codes.OK


def _detached_words(spec: ScanSpec) -> str:
    """The next command after a scan is detached."""
    scan = spec.scan
    return (
        f"Scan {scan} is detached: it continues without this terminal.\n"
        f"  times-doctor watch {scan}     shows it again, from any machine\n"
        f"  times-doctor fetch {scan}     brings its files when it is over\n"
        f"  times-doctor cancel {scan}    stops it"
    )
