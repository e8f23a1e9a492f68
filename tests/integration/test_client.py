from __future__ import annotations

import hashlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Server, wait_until
from tests.integration.conftest import Submit, make_result, make_runs
from times_doctor_cli import api
from times_doctor_cli.client.event_stream import Feed
from times_doctor_cli.client.scan_lookup import find_scan
from times_doctor_cli.client.scan_summaries import scan_lines
from times_doctor_cli.client.session import Client
from times_doctor_cli.planning.request import ScanRequest
from times_doctor_cli.scan_state.board import Board
from times_doctor_cli.scan_state.snapshot import board_of
from times_doctor_tasks.blob_store.errors import StoreUnreachable
from times_doctor_tasks.config.settings import Settings
from times_doctor_tasks.contract.errors import BrokerUnavailable, InfrastructureError, NoHostForSolver, UsageError
from times_doctor_tasks.contract.messages import (
    Artefact,
    ModelRef,
    ProgressMade,
    RunSpec,
    ScanSpec,
    StateChanged,
)
from times_doctor_tasks.contract.progress import Phase, Progress
from times_doctor_tasks.contract.states import RunState, ScanMode
from times_doctor_tasks.state_store.run_store import RunStore
from times_doctor_tasks.testing.fake_host import FakeHost

pytestmark = pytest.mark.server
TINY_MPS = """NAME TINY
ROWS
 N COST
 G LIM
COLUMNS
    X COST 1.0 LIM 1.0
RHS
    RHS LIM 1.0
ENDATA
"""


@pytest.fixture
def settings(server: Server, store: RunStore, tmp_path: Path) -> Settings:
    return Settings(broker_url=server.url, key_prefix=store.keys.prefix, host="desk", cache_dir=tmp_path / "cache")


@pytest.fixture
def client(settings: Settings) -> Iterator[Client]:
    client = Client.open(settings)
    yield client
    client.close()


@pytest.fixture
def lp_file(tmp_path: Path) -> Path:
    path = tmp_path / "model" / "tiny.mps"
    path.parent.mkdir()
    path.write_text(TINY_MPS)
    return path


@pytest.fixture
def host(store: RunStore) -> FakeHost:
    return FakeHost(store)


def drain(feed: Feed, board: Board) -> Board:
    while events := feed.next_events(0.01):
        for at_ms, event in events:
            board.apply(event, at_ms=at_ms)
    return board


def states(board: Board) -> dict[str, RunState]:
    return {row.run: row.state for row in board.rows}


# -- a team that has just started ------------------------------------------------------------------------------------


def test_a_scan_waits_for_the_control_worker_that_a_new_worker_brings(client: Client, host: FakeHost) -> None:
    host.register(roles=("solve",), brings_control=True)
    late = threading.Timer(0.3, FakeHost(host.store, "h1-control").register, kwargs={"roles": ("control",)})
    late.start()
    team = client.live_team()
    late.join()
    assert {card.host for card in team} == {"h1", "h1-control"}


def test_a_control_worker_that_never_comes_is_not_waited_for_without_end(client: Client, host: FakeHost) -> None:
    host.register(roles=("solve",), brings_control=True)
    assert [card.host for card in client.live_team(timeout_s=0.1)] == ["h1"]


def test_no_control_worker_is_waited_for_that_nobody_brings(client: Client, host: FakeHost) -> None:
    host.register(roles=("solve",))
    assert [card.host for card in client.live_team(timeout_s=1e9)] == ["h1"]


# -- watching -------------------------------------------------------------------------------------------------------


def test_a_watcher_who_comes_late_sees_what_one_from_the_beginning_sees(
    client: Client, submit: Submit, host: FakeHost
) -> None:
    spec = submit(runs=("cplex.a", "cplex.b", "cplex.c"))
    runs = make_runs(spec)
    early_feed, early = Feed(client, spec), Board.of(spec, runs)
    drain(early_feed, early)
    host.store.finish(spec, make_result(spec, "cplex.a"), host.begin(spec, runs[0]))
    host.begin(spec, runs[1])
    look = ProgressMade(
        run="cplex.b", attempt=1, progress=Progress(phase=Phase.BARRIER, iteration=7, objective=3.5), runtime_s=2.0
    )
    host.store.tell(spec.scan, look)
    drain(early_feed, early)
    late = drain(Feed(client, spec), Board.of(spec, runs))
    assert states(late) == states(early)
    assert late.row("cplex.b").progress == early.row("cplex.b").progress
    assert late.row("cplex.b").objective == 3.5
    assert late.count([RunState.QUEUED]) == 1


def test_a_late_watcher_reads_no_event_twice(client: Client, submit: Submit, host: FakeHost) -> None:
    spec = submit()
    runs = make_runs(spec)
    host.begin(spec, runs[0])
    feed = Feed(client, spec)
    history = feed.next_events(0.01)
    assert history is not None
    assert [event.state for _, event in history if isinstance(event, StateChanged)] == [RunState.RUNNING]
    assert feed.next_events(0.01) == []
    host.begin(spec, runs[1])
    news = feed.next_events(0.01)
    assert news is not None
    assert {event.run for _, event in news} == {"cplex.b"}


def test_two_watch_and_one_cancels_and_all_agree(client: Client, submit: Submit, host: FakeHost) -> None:
    spec = submit()
    runs = make_runs(spec)
    fence = host.begin(spec, runs[0])
    screens = [(Feed(client, spec), Board.of(spec, runs)) for _ in range(2)]
    for feed, board in screens:
        drain(feed, board)
    assert api.cancel(client, spec.scan, ["a"]) == ("cplex.a",)
    assert host.store.beat(spec, "cplex.a", fence, state=RunState.RUNNING).cancel == f"user by={client.me}"
    host.store.finish(spec, make_result(spec, "cplex.a", RunState.CANCELLED), fence)
    seen = [states(drain(feed, board)) for feed, board in screens]
    seen.append(states(board_of(client, spec)))
    assert seen == [{"cplex.a": RunState.CANCELLED, "cplex.b": RunState.QUEUED}] * 3


def test_watching_ends_with_the_report(client: Client, submit: Submit, host: FakeHost) -> None:
    spec = submit(runs=("cplex.a",))
    host.store.finish(spec, make_result(spec, "cplex.a"), host.begin(spec, make_runs(spec)[0]))
    report = host.report(spec)
    seen = list(api.watch(client, spec.scan))
    assert seen[-1] == report
    assert any(isinstance(event, StateChanged) and event.state is RunState.DONE for event in seen)


# -- finding, listing, cancelling -----------------------------------------------------------------------------------


def make_named(store: RunStore, scan: str, *, client: str, created_ms: int) -> ScanSpec:
    model = ModelRef(title="m", run_dir="/m", snapshot="0" * 64, driver="model/m.run")
    runs = ("cplex.a",)
    spec = ScanSpec(scan=scan, created_ms=created_ms, mode=ScanMode.CHORD, model=model, runs=runs, client=client)
    store.submit(spec, make_runs(spec))
    return spec


def test_a_scan_is_found_by_the_beginning_of_its_id(client: Client, store: RunStore) -> None:
    for number, scan in enumerate(("261123-1000-aaaa", "261123-1100-bbbb", "261123-1101-cccc")):
        make_named(store, scan, client="me@desk", created_ms=client.now_ms() + number)
    assert find_scan(client, "261123-10", me="me@desk").scan == "261123-1000-aaaa"
    assert find_scan(client, "261123-1100-bbbb", me="me@desk").scan == "261123-1100-bbbb"
    with pytest.raises(UsageError, match="begins 2 scan ids: 261123-1101-cccc, 261123-1100-bbbb"):
        find_scan(client, "261123-11", me="me@desk")
    with pytest.raises(UsageError, match=r"No scan '99'.*`times-doctor list`"):
        find_scan(client, "99", me="me@desk")
    with pytest.raises(UsageError, match="is no scan id"):
        find_scan(client, "../x", me="me@desk")


def test_last_is_my_newest_scan_and_never_a_colleagues(client: Client, store: RunStore) -> None:
    now_ms = client.now_ms()
    make_named(store, "mine-here", client="me@desk", created_ms=now_ms)
    make_named(store, "mine-there", client="me@laptop", created_ms=now_ms + 1)
    make_named(store, "theirs", client="you@desk", created_ms=now_ms + 2)
    assert find_scan(client, "last", me="me@desk").scan == "mine-here"
    assert find_scan(client, "last", me="me@server").scan == "mine-there"
    with pytest.raises(UsageError, match="'new' has no scan on this broker"):
        find_scan(client, "last", me="new@desk")


def test_scans_are_listed_newest_first_with_how_they_stand(client: Client, store: RunStore, host: FakeHost) -> None:
    now_ms = client.now_ms()
    done = make_named(store, "one", client="me@desk", created_ms=now_ms)
    make_named(store, "two", client="me@desk", created_ms=now_ms + 1)
    store.finish(done, make_result(done, "cplex.a"), host.begin(done, make_runs(done)[0]))
    host.report(done)
    lines = scan_lines(client, newest=10)
    assert [(line.spec.scan, line.ended, line.reported) for line in lines] == [("two", 0, False), ("one", 1, True)]
    assert [line.spec.scan for line in scan_lines(client, newest=10, only_open=True)] == ["two"]


def test_cancelling_names_a_profile_or_the_whole_scan_and_is_patient_with_what_has_ended(
    client: Client, submit: Submit, host: FakeHost
) -> None:
    spec = submit()
    host.store.finish(spec, make_result(spec, "cplex.a"), host.begin(spec, make_runs(spec)[0]))
    with pytest.raises(UsageError, match="There is no run 'nosuch'"):
        api.cancel(client, spec.scan, ["nosuch"])
    assert api.cancel(client, spec.scan, now=True) == ("cplex.b",)
    (flag,) = client.store.cancel_flags(spec.scan).values()
    assert flag == f"user now by={client.me}"
    assert client.cancelled_by(spec.scan) == (client.me,)
    host.store.conclude(spec, make_result(spec, "cplex.b", RunState.CANCELLED))
    assert api.cancel(client, spec.scan) == ()


def test_a_report_that_is_not_there_yet_says_how_far_the_scan_is(client: Client, submit: Submit) -> None:
    spec = submit()
    with pytest.raises(UsageError, match=r"has no report yet: 0 of 2 runs have ended. `times-doctor watch s1`"):
        api.report(client, spec.scan)


def test_files_are_fetched_from_another_machine(
    client: Client, submit: Submit, host: FakeHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    content = b"**** REPORT SUMMARY"
    name = hashlib.sha256(content).hexdigest()
    client.blobs.put({name: content})
    listing = Artefact(name="run.lst", sha256=name, size_bytes=len(content), kept_bytes=len(content))
    spec = submit(runs=("cplex.a",))
    result = make_result(spec, "cplex.a", artefacts=(listing,))
    host.store.finish(spec, result, host.begin(spec, make_runs(spec)[0]))
    host.report(spec)
    fetched = api.fetch(client, spec.scan)
    assert fetched.folder == Path("times_doctor_out") / spec.scan
    assert (fetched.folder / "scan_runs" / "cplex.a" / "run.lst").read_bytes() == content
    assert (tmp_path / "times_doctor_out" / "scan_report.html").is_file()


# -- submitting -----------------------------------------------------------------------------------------------------


def test_what_no_host_can_run_is_refused_before_anything_is_sent(client: Client, lp_file: Path, host: FakeHost) -> None:
    request = ScanRequest(run_path=lp_file)
    with pytest.raises(NoHostForSolver, match="No control worker is live"):
        api.submit_scan(client, request)
    host.register(roles=("control",))
    with pytest.raises(NoHostForSolver, match="No solver host is live"):
        api.submit_scan(client, request)
    assert client.store.scans() == []
    assert client.blobs.stored() == []


def test_a_submitted_scan_is_complete_before_any_host_sees_it(client: Client, lp_file: Path, host: FakeHost) -> None:
    host.register()
    sent: list[tuple[int, int]] = []
    scan = api.submit_scan(
        client, ScanRequest(run_path=lp_file, parallel=True), lambda done, total: sent.append((done, total))
    )
    spec = client.store.scan(scan)
    assert spec is not None
    assert spec.client.endswith("@desk")
    assert client.blobs.missing([spec.model.snapshot]) == set()
    assert all(client.store.published(spec).values())
    assert [run.queue for run in client.store.runs(spec)] == ["solve.highs.highs"] * 3
    assert sent[-1][0] == sent[-1][1] > 0


def test_a_second_scan_of_the_same_model_sends_nothing(client: Client, lp_file: Path, host: FakeHost) -> None:
    host.register()
    api.submit_scan(client, ScanRequest(run_path=lp_file))
    sent: list[int] = []
    api.submit_scan(client, ScanRequest(run_path=lp_file), lambda done, total: sent.append(total))
    assert sent == []


def test_resume_takes_what_this_broker_has_and_says_so(
    client: Client, lp_file: Path, host: FakeHost, tmp_path: Path
) -> None:
    host.register()
    request = ScanRequest(run_path=lp_file, profiles=("bar", "dual"))
    first = client.store.scan(api.submit_scan(client, request))
    assert first is not None
    run = client.store.runs(first)[0]
    result = make_result(first, run.run, engine_version="1.16.0", objective=1.0)
    host.store.finish(first, result, host.begin(first, run))

    again = ScanRequest(run_path=lp_file, profiles=("bar", "dual"), resume=True)
    spec = client.store.scan(api.submit_scan(client, again))
    assert spec is not None
    assert spec.reused == ("highs.bar",)
    assert states(board_of(client, spec)) == {
        "highs.bar": RunState.DONE,
        "highs.dual": RunState.QUEUED,
    }
    taken = client.store.result(spec, "highs.bar")
    assert taken is not None
    assert (taken.scan, taken.reused_from, taken.objective) == (spec.scan, first.scan, 1.0)
    assert client.store.published(spec) == {"highs.bar": False, "highs.dual": True}


def test_a_chain_waits_for_the_first_run_that_is_not_reused(client: Client, lp_file: Path, host: FakeHost) -> None:
    host.register()
    profiles = ("bar", "dual", "pdlp")
    first = client.store.scan(api.submit_scan(client, ScanRequest(run_path=lp_file, profiles=profiles)))
    assert first is not None
    middle = client.store.runs(first)[1]
    host.store.conclude(first, make_result(first, "highs.bar", RunState.CANCELLED))
    result = make_result(first, middle.run, engine_version="1.16.0")
    host.store.finish(first, result, host.begin(first, middle))
    again = ScanRequest(run_path=lp_file, profiles=profiles, resume=True)
    spec = client.store.scan(api.submit_scan(client, again))
    assert spec is not None
    runs = client.store.runs(spec)
    assert [status.state for status in client.store.statuses(spec).values()] == [
        RunState.QUEUED,
        RunState.DONE,
        RunState.PENDING,
    ]
    host.store.finish(spec, make_result(spec, runs[0].run), host.begin(spec, runs[0]))
    assert client.store.statuses(spec)["highs.pdlp"].state is RunState.QUEUED


def test_without_resume_nothing_is_reused(client: Client, lp_file: Path, host: FakeHost) -> None:
    host.register()
    request = ScanRequest(run_path=lp_file, profiles=("bar",))
    first = client.store.scan(api.submit_scan(client, request))
    assert first is not None
    run = client.store.runs(first)[0]
    host.store.finish(first, make_result(first, run.run, engine_version="1.16.0"), host.begin(first, run))
    second = client.store.scan(api.submit_scan(client, request))
    assert second is not None
    assert second.reused == ()


# -- a broker that is not as it should be ---------------------------------------------------------------------------


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def make_client(tmp_path: Path) -> Iterator[Callable[[str], Client]]:
    clients: list[Client] = []

    def make(url: str) -> Client:
        clients.append(Client.open(Settings(broker_url=url, cache_dir=tmp_path / "cache")))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def kill(server: Server) -> None:
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait()


def test_no_broker_is_told_with_its_url_and_what_to_check(make_client: Callable[[str], Client]) -> None:
    with pytest.raises(
        BrokerUnavailable, match=r"'redis\+socket:///nowhere/s' cannot be used.*TIMES_DOCTOR_BROKER_URL"
    ):
        make_client("redis+socket:///nowhere/s")


def test_a_broker_that_dies_before_anything_is_written_leaves_nothing(
    own_server: Server, make_client: Callable[[str], Client], lp_file: Path
) -> None:
    client = make_client(own_server.url)
    FakeHost(client.store).register()
    prepared = api.prepare_scan(client, ScanRequest(run_path=lp_file))
    kill(own_server)
    with pytest.raises((BrokerUnavailable, StoreUnreachable), match="Check TIMES_DOCTOR_"):
        api.submit_prepared(client, prepared)


@pytest.mark.parametrize("parallel", [True, False])
def test_a_broker_that_dies_while_a_scan_is_published_says_how_it_goes_on(
    own_server: Server,
    make_client: Callable[[str], Client],
    lp_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    parallel: bool,
) -> None:
    client = make_client(own_server.url)
    FakeHost(client.store).register()
    prepared = api.prepare_scan(client, ScanRequest(run_path=lp_file, parallel=parallel))
    written = client.store.submit

    def submit_and_die(spec: ScanSpec, runs: list[RunSpec]) -> None:
        written(spec, runs)
        kill(own_server)

    monkeypatch.setattr(client.store, "submit", submit_and_die)
    with pytest.raises(InfrastructureError, match=rf"`times-doctor watch {prepared.spec.scan}` shows it"):
        api.submit_prepared(client, prepared)


def test_a_watcher_is_not_stopped_by_a_broker_that_comes_and_goes(
    own_server: Server, make_client: Callable[[str], Client], submit: Submit
) -> None:
    client = make_client(own_server.url)
    spec = submit()
    client.store.submit(spec, make_runs(spec))
    feed = Feed(client, spec)
    feed.next_events(0.01)
    os.kill(own_server.process.pid, signal.SIGSTOP)
    seen: list[object] = []
    asking = threading.Thread(target=lambda: seen.extend(feed.next_events(0.05) or []))
    asking.start()
    asking.join(0.2)
    assert asking.is_alive()  # it waits for the server
    os.kill(own_server.process.pid, signal.SIGCONT)
    asking.join()
    FakeHost(client.store).begin(spec, make_runs(spec)[0])

    def has_seen() -> bool:
        seen.extend(feed.next_events(0.05) or [])
        return len(seen) >= 3

    wait_until(has_seen, what="events after the pause")
