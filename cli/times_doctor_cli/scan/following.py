"""A submitted scan until its report: shown, then fetched where its folder is at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console

from times_doctor_cli import exit_codes
from times_doctor_cli.api import harvest_of_scan
from times_doctor_cli.client.session import Client
from times_doctor_cli.live.interrupts import Signals
from times_doctor_cli.live.loop import Ending
from times_doctor_cli.live.session import show_scan
from times_doctor_cli.planning.builder import whoami
from times_doctor_cli.planning.runtime_estimates import expected_runtimes
from times_doctor_cli.reports.destination import Harvest
from times_doctor_cli.terminal.console import say, stderr_console
from times_doctor_cli.terminal.progress_bar import shown_transfer
from times_doctor_tasks.contract.messages import Report, ScanSpec

if TYPE_CHECKING:
    from times_doctor_cli.gdx.auto_fetch import Unasked


def follow(
    client: Client,
    spec: ScanSpec,
    console: Console,
    *,
    harvest: Harvest | None = None,
    note: str = "",
    is_mine: bool = False,
    as_json: bool = False,
    signals: Signals | None = None,
) -> int:
    """Shows a scan of the team's hosts until its report exists; returns the exit code.

    Args:
        client: Of its broker.
        spec: Which scan.
        console: Where to show it; the report of `--json` goes to stdout.
        harvest: Where its files go. None: to RUN_DIR if whoever watches is who asked, on the same machine; else
            nowhere.
        note: A few words on the engine.
        is_mine: It ends with this terminal.
        as_json: Print the report as a document.
        signals: See `live.show`.
    """
    mine = harvest or (harvest_of_scan(client, spec) if spec.client == whoami(client.settings) else None)
    with client.answering():
        runs = client.store.runs(spec)
    expected_s = expected_runtimes(mine.out.parent, spec, runs) if mine else None
    # While the solves run: nobody waits for it.
    from times_doctor_cli.gdx.auto_fetch import Unasked
    from times_doctor_cli.live.report_output import show_results

    shown = show_scan(
        client,
        spec,
        runs,
        console,
        note=note,
        can_detach=True,
        is_mine=is_mine,
        expected_s=expected_s,
        signals=signals,
    )
    if shown.ending is Ending.DETACHED:
        say(detached_words(spec), stderr_console() if as_json else console)
        return exit_codes.OK
    report = client.report(spec.scan)
    if report is None:
        words = f"Left scan {spec.scan} before its report existed; its runs were told to stop."
        say(words, stderr_console())
        return exit_codes.INTERRUPTED
    unasked = Unasked(client, report, mine.out) if mine is not None and not shown.interrupted else None
    if unasked is not None:
        unasked.begin()  # its host is at work while we fetch the rest
    report, brought = _bring(client, report, mine, console)
    show_results(report, brought, console, as_json=as_json)
    if unasked is not None:
        _bring_unasked(unasked, console, signals)
    if mine is None and not as_json:
        say(f"\nIts files: times-doctor fetch {spec.scan}", console)
    return exit_codes.of_report(report, interrupted=shown.interrupted)


def detached_words(spec: ScanSpec) -> str:
    """What to type next when a scan goes on without this terminal."""
    scan = spec.scan
    return (
        f"Scan {scan} goes on without this terminal.\n"
        f"  times-doctor watch {scan}     shows it again, from any machine\n"
        f"  times-doctor fetch {scan}     brings its files when it is over\n"
        f"  times-doctor cancel {scan}    stops it"
    )


def _bring(client: Client, report: Report, harvest: Harvest | None, console: Console) -> tuple[Report, Harvest]:
    from times_doctor_cli.reports.collect import bring_results

    if harvest is None:
        return report, harvest_of_scan(client, report.spec)
    with shown_transfer("Fetching files", console) as on_sent:
        return bring_results(client, report, harvest, on_sent), harvest


def _bring_unasked(unasked: Unasked, console: Console, signals: Signals | None) -> None:
    from times_doctor_cli.live.gdx_progress import shown_steps, tell

    def is_told_to_end() -> bool:
        return signals is not None and (signals.must_end or signals.take_presses() > 0)

    with shown_steps(console) as steps:
        outcome = unasked.finish(steps.on_step, is_told_to_end)
    if outcome is not None:
        tell(outcome, console)
