"""The Python interface to scans on a team's hosts, also used by the commands that take a scan. An example::

    from times_doctor_cli import ScanRequest, connect, fetch, submit_scan, watch

    client = connect("redis://broker.example:6379/0")
    scan = submit_scan(client, ScanRequest(run_path=Path("models/demo"), parallel=True))
    for event in watch(client, scan):
        print(event)                      # StateChanged, ProgressMade, Noted; the last one is the Report
    folder = fetch(client, scan).folder

Every function may raise `UsageError` (the request cannot be carried out) and `InfrastructureError` (broker, store,
hosts); both say what to do next.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from times_doctor_cli.client.event_stream import Feed
from times_doctor_cli.client.scan_lookup import LAST, find_scan, looks_like_scan
from times_doctor_cli.client.scan_summaries import ScanLine, local_line, scan_lines
from times_doctor_cli.client.session import Client
from times_doctor_cli.client.team_look import TeamReader
from times_doctor_cli.reports.harvest import Harvest
from times_doctor_cli.reports.layout import OUT
from times_doctor_cli.reports.local_scans import local_scans
from times_doctor_cli.reports.reader import SavedReport, find_here
from times_doctor_cli.scan_state.board import Board
from times_doctor_cli.scan_state.menu import select
from times_doctor_cli.scan_state.snapshot import board_of
from times_doctor_tasks.blob_store.factory import load
from times_doctor_tasks.blob_store.transfer_progress import OnSent
from times_doctor_tasks.config.settings import Settings
from times_doctor_tasks.contract.errors import StoreFailed, UsageError
from times_doctor_tasks.contract.hosts import HostCard
from times_doctor_tasks.contract.messages import AnyEvent, Report, ScanSpec
from times_doctor_tasks.contract.states import TERMINAL
from times_doctor_tasks.snapshot.manifest import MAX_MANIFEST_BYTES, Manifest, decode_manifest

if TYPE_CHECKING:
    from times_doctor_cli.gdx.download import GdxOutcome
    from times_doctor_cli.gdx.request import OnStep
    from times_doctor_cli.planning.builder import Prepared
    from times_doctor_cli.planning.request import ScanRequest

#: Seconds between two polls for events.
_POLL_S = 0.25


class Fetched(msgspec.Struct, frozen=True):
    """The result of `fetch`."""

    folder: Path
    """The scan's folder: its reports, and `scan_runs/<run>/` with the files of each run."""
    report: Report
    """Its `warnings` name the files that could not be fetched."""


class OnBroker(msgspec.Struct, frozen=True):
    """A scan of the team."""

    client: Client
    spec: ScanSpec


def connect(
    broker_url: str | None = None,
    *,
    store_url: str | None = None,
    environ: Mapping[str, str] | None = None,
    who: str = "This",
) -> Client:
    """A client of a broker, which has answered.

    Args:
        broker_url, store_url: Replace the configured ones; by default files are sent through the broker.
        who: Who needs the broker, for the error if none is configured.
    """
    settings = Settings.load(
        os.environ if environ is None else environ, overrides={"broker_url": broker_url, "store_url": store_url}
    )
    return Client.open(settings, who=who)


def find(client: Client, scan: str) -> ScanSpec:
    """The scan with this id or a unique beginning of it; `last` is your newest."""
    return find_scan(client, scan, me=client.me)


def hosts(client: Client) -> list[HostCard]:
    """The live hosts, by name."""
    with client.answering():
        return client.store.live_hosts()


def prepare_scan(
    client: Client,
    request: ScanRequest,
    *,
    environ: Mapping[str, str] | None = None,
    on_read: OnSent | None = None,
) -> Prepared:
    """Reads the run folder and plans its runs for the live hosts; see `plan_scan`. Sends nothing."""
    from times_doctor_cli.planning.builder import plan_scan  # imported here: a list needs no planning
    from times_doctor_cli.planning.hosts import call_team

    request = replace(request, queue=True)
    environ = os.environ if environ is None else environ
    return plan_scan(client, request, call_hosts=call_team, environ=environ, on_read=on_read)


def submit_prepared(client: Client, prepared: Prepared, on_sent: OnSent | None = None) -> str:
    """Uploads the missing files and publishes the scan; returns its id."""
    from times_doctor_cli.client.upload import upload
    from times_doctor_cli.planning.builder import publish

    upload(prepared.snapshot, client.blobs, on_sent)
    publish(client, prepared)
    return prepared.spec.scan


def submit_scan(client: Client, request: ScanRequest, on_sent: OnSent | None = None) -> str:
    """Prepares and submits a scan; returns its id. It does not need this process. `request.queue` need not be set."""
    return submit_prepared(client, prepare_scan(client, request), on_sent)


def watch(client: Client, scan: str) -> Iterator[AnyEvent | Report]:
    """The events of a scan as they happen, after a summary of earlier ones. The last item is its report."""
    spec = find(client, scan)
    feed = Feed(client, spec)
    while (events := feed.next_events(_POLL_S)) is not None:
        yield from (event for _, event in events)
    yield report(client, spec.scan)


def cancel(client: Client, scan: str, names: Sequence[str] = (), *, now: bool = False) -> tuple[str, ...]:
    """Asks runs of a scan to stop; their hosts notice within a second. Returns their ids.

    Args:
        names: Profiles or run ids; none: the whole scan.
        now: Kill the solvers at once; their result so far is lost.
    """
    spec = find(client, scan)
    with client.answering():
        rows = board_of(client, spec).rows
        chosen = select(", ".join(names), rows) if names else tuple(r.run for r in rows if r.state not in TERMINAL)
        if chosen:
            client.cancel(spec.scan, chosen if names else ("*",), now=now)
    return chosen


def report(client: Client, scan: str) -> Report:
    """The report of a scan that has ended."""
    spec = find(client, scan)
    found = client.report(spec.scan)
    if found is None:
        head = standing(client, spec.scan).headline(client.now_ms())
        raise UsageError(
            f"Scan {spec.scan} has no report yet: {head.done} of {head.total} runs have ended. "
            f"`times-doctor watch {spec.scan}` shows it."
        )
    return found


def list_scans(newest: int, environ: Mapping[str, str] | None = None) -> tuple[list[ScanLine], str]:
    """The newest scans of the broker, if one is set, and of this machine; and the broker's URL without password."""
    settings = Settings.load(os.environ if environ is None else environ)
    lines = [local_line(saved.report) for saved in islice(local_scans(), newest)]
    broker = ""
    if settings.broker_url is not None:
        client = Client.open(settings, who="list")
        broker = client.shown_broker
        lines += scan_lines(client, newest=newest)
    return sorted(lines, key=lambda line: line.spec.created_ms, reverse=True)[:newest], broker


def standing(client: Client, scan: str) -> Board:
    """The current state of a scan: every run, and the scan in one line."""
    spec = find(client, scan)
    with client.answering():
        board = board_of(client, spec)
    if not board.reported:
        reader = TeamReader(client)
        board.show_places(reader.words(reader.look(), spec.scan))
    return board


def fetch(client: Client, scan: str, folder: Path | None = None, on_sent: OnSent | None = None) -> Fetched:
    """Downloads the files of an ended scan and writes its reports.

    Its folder goes into `folder`; by default RUN_DIR/times_doctor_out if this machine started the scan, else
    `times_doctor_out` here.
    """
    from times_doctor_cli.reports.collect import bring_results  # imported here: only this function needs the writers

    spec = find(client, scan)
    harvest = harvest_of_scan(client, spec, folder)
    brought = bring_results(client, report(client, spec.scan), harvest, on_sent)
    return Fetched(harvest.out, brought)


def fetch_gdx(
    client: Client, fetched: Fetched, names: Sequence[str] = (), on_step: OnStep = lambda _: None
) -> Iterator[GdxOutcome]:
    """Downloads GDX files of a scan from the hosts that keep them; yields the outcome of each.

    Args:
        fetched: The result of `fetch`; each file goes into its run's folder there.
        names: Profiles or run ids; none: all runs.
    """
    from times_doctor_cli.gdx.download import fetch_gdx_files, select_runs

    return fetch_gdx_files(client, select_runs(fetched.report, names), fetched.folder, on_step)


def locate(what: str, *, who: str, environ: Mapping[str, str] | None = None) -> SavedReport | OnBroker:
    """The scan that a user names: by a path, by an id (of this machine or of the broker), or `last`, the newest.

    Raises:
        UsageError: there is none.
        BrokerUnavailable: the scan may be on the broker, which does not answer.
    """
    if (here := find_here(what)) is not None:
        return here
    settings = Settings.load(os.environ if environ is None else environ)
    local = next(local_scans("" if what == LAST else what), None) if looks_like_scan(what) else None
    if local is not None and (what != LAST or settings.broker_url is None):
        return local
    if settings.broker_url is None or not looks_like_scan(what):
        raise UsageError(
            f"{what!r} does not exist: expected a run folder, a log, a listing or the folder of a scan"
            + (", or the id of a scan with TIMES_DOCTOR_BROKER_URL set." if settings.broker_url is None else ".")
        )
    client = Client.open(settings, who=who)
    try:
        spec = find(client, what)
    except UsageError as error:
        if local is not None:
            return local
        raise UsageError(f"There is no file or folder {what!r} here, and no such scan. {error}") from error
    return local if local is not None and local.report.spec.created_ms > spec.created_ms else OnBroker(client, spec)


def harvest_of_scan(client: Client, spec: ScanSpec, folder: Path | None = None) -> Harvest:
    """The folder for the files of a submitted scan, perhaps from another machine."""
    run_dir = Path(spec.model.run_dir)
    here = spec.client.endswith(f"@{client.settings.host}") and run_dir.is_dir()
    parent = folder or (run_dir / OUT if here and os.access(run_dir, os.W_OK) else Path(OUT))
    with client.answering():
        runs = client.store.runs(spec)
    return Harvest(parent / spec.scan, runs, _manifest(client, spec), copy_to=run_dir if here else None)


def _manifest(client: Client, spec: ScanSpec) -> Manifest | None:
    try:
        return decode_manifest(load(client.blobs, spec.model.snapshot, MAX_MANIFEST_BYTES))
    except (StoreFailed, UsageError):
        return None  # the report names its snapshot anyway
