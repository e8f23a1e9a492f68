"""A scan over the team's hosts, step by step."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console

from times_doctor_cli import exit_codes
from times_doctor_cli.api import connect, prepare_scan, publish, send_model
from times_doctor_cli.client.session import Client
from times_doctor_cli.live.interrupts import NOTHING_STARTED, Signals
from times_doctor_cli.planning.builder import Prepared, engine_note, harvest_of, host_names, warnings_of
from times_doctor_cli.planning.request import ScanRequest
from times_doctor_cli.scan.dry_run import ask_about_many, show_plan
from times_doctor_cli.scan.following import detached_words, follow
from times_doctor_cli.terminal.console import emit_json, say, stderr_console, stdout_console
from times_doctor_cli.terminal.progress_bar import shown_transfer


def run_queue_scan(request: ScanRequest, environ: Mapping[str, str], *, dry_run: bool, as_json: bool) -> int:
    """Runs a scan over the team's hosts and returns its exit code."""
    console = stderr_console() if as_json else stdout_console()
    try:
        client = connect(environ=environ, who="--queue")
        with shown_transfer("Reading the model", console, quiet=True) as on_read:
            prepared = prepare_scan(client, request, environ=environ, on_read=on_read)
        if dry_run:
            return show_plan(prepared, console, as_json=as_json)
        ask_about_many(request, prepared)
        for words in warnings_of(prepared):
            say(f"Warning: {words}", console)
        with shown_transfer("Sending the model", console) as on_sent:
            send_model(client, prepared, on_sent)
    except KeyboardInterrupt:
        say(NOTHING_STARTED, stderr_console())
        return exit_codes.INTERRUPTED
    # Noted from here on: a scan whose first message has left ends in a report, or is handed over with its id.
    with Signals() as signals:
        publish(client, prepared)
        say(_submitted_words(prepared), console)
        if request.detach:
            return _detach(client, prepared, console, as_json=as_json)
        return follow(
            client,
            prepared.spec,
            console,
            harvest=harvest_of(prepared, request.trace),
            note=engine_note(prepared.fleet),
            is_mine=True,
            as_json=as_json,
            signals=signals,
        )


def _detach(client: Client, prepared: Prepared, console: Console, *, as_json: bool) -> int:
    if as_json:
        emit_json({"scan": prepared.spec.scan, "runs": list(prepared.spec.runs), "broker": client.shown_broker})
    else:
        say(detached_words(prepared.spec), console)
    return exit_codes.OK


def _submitted_words(prepared: Prepared) -> str:
    spec = prepared.spec
    amount = len(spec.runs) - len(spec.reused)
    runs = f"{amount} run{'' if amount == 1 else 's'}"
    reused = f", {len(spec.reused)} taken from earlier scans" if spec.reused else ""
    return f"Scan {spec.scan}: {runs} for {host_names(prepared.fleet.fit)}{reused}"
