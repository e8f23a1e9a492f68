from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import fakeredis
import pytest
import redis

from tests.conftest import wait_until
from tests.unit.cli.planning.test_hosts import make_card
from times_doctor_cli.client.session import Client
from times_doctor_cli.gdx import auto_fetch
from times_doctor_cli.gdx.auto_fetch import Unasked, keep_recommended_here
from times_doctor_cli.gdx.download import TRIES, GdxOutcome, fetch_gdx_files, gdx_path, select_runs
from times_doctor_cli.gdx.request import GdxStep, Patience
from times_doctor_tasks.blob_store.file_store import FileBlobs
from times_doctor_tasks.config.settings import Settings
from times_doctor_tasks.contract.errors import BrokerUnavailable, UsageError
from times_doctor_tasks.contract.hosts import HostCard
from times_doctor_tasks.contract.keys import Keys
from times_doctor_tasks.contract.messages import Report, RunResult
from times_doctor_tasks.state_store.gdx_requests import GdxAnswer, GdxRequests, GdxState, Refusal, read_request
from times_doctor_tasks.state_store.run_store import RunStore
from times_doctor_worker.service.gdx_server import GdxDesk
from times_doctor_worker.workspace.locks import lock_beside
from times_doctor_worker.workspace.workspace import Workspace

MakeResult = Callable[..., RunResult]
SHORT = Patience(silent_s=0.3, gone_s=0.1, repeat_s=0.02)


class Team:
    """A broker, a store, and a host that serves its desk whenever the client has said a step."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.blobs = FileBlobs(folder / "store")
        self.server = fakeredis.FakeRedis()
        self.store = RunStore(self.server, "td")
        self.client = Client(self.store, self.blobs, "redis://b", Settings())
        self.out = folder / "out" / "scan"
        self.steps: list[GdxStep] = []
        self.requests = GdxRequests(self.server, Keys("td"))
        self.cache = folder / "cache"
        workspace = Workspace(self.cache, self.blobs, markers=folder / "m")
        self.desk = GdxDesk(self.requests, workspace, self.blobs, "h1", is_ending=lambda: False, pause=lambda _: None)
        self.serve: Callable[[], object] = self.desk.look

    def beat(self, **fields: object) -> HostCard:
        card = make_card("h1", **({"serves": ("gdx",)} | fields))
        self.store.register_host(card, ttl_s=20)
        return card

    def keep(self, result: RunResult, content: bytes | None = b"gdx") -> RunResult:
        """What a run has left on the host."""
        folder = Path(str(result.directory))
        folder.mkdir(parents=True, exist_ok=True)
        lock_beside(folder).touch()
        if content is not None:
            (folder / "run.gdx").write_bytes(content)
        return result

    def on_step(self, step: GdxStep) -> None:
        self.steps.append(step)
        if step.stage == "asking":
            self.serve()

    def fetch(self, *runs: RunResult) -> list[GdxOutcome]:
        return list(fetch_gdx_files(self.client, runs, self.out, self.on_step))


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Team:
    team = Team(tmp_path)
    team.beat()
    return team


@pytest.fixture
def make_run(team: Team, make_result: MakeResult) -> MakeResult:
    """A run that h1 has worked on."""

    def make(profile: str = "dual", scan: str = "s1", **changes: object) -> RunResult:
        directory = str(team.cache / "runs" / scan / f"cplex.{profile}.1")
        return make_result(profile, **({"host": "h1", "directory": directory, "scan": scan} | changes))

    return make


def refused(team: Team, refusal: str, words: str = "") -> Callable[[], None]:
    def serve() -> None:
        for raw in team.requests.open("h1"):
            answer = GdxAnswer(ask=read_request(raw).ask, state=GdxState.REFUSED, refusal=refusal, words=words)
            team.requests.say([answer])

    return serve


def test_every_gdx_lands_in_its_runs_folder_and_leaves_the_store(team: Team, make_run: MakeResult) -> None:
    outcomes = team.fetch(team.keep(make_run("dual"), b"one"), team.keep(make_run("bar_nox"), b"two"))
    assert [outcome.came for outcome in outcomes] == [True, True]
    assert (team.out / "scan_runs" / "cplex.dual" / "run.gdx").read_bytes() == b"one"
    assert (team.out / "scan_runs" / "cplex.bar_nox" / "run.gdx").read_bytes() == b"two"
    assert outcomes[0].sha256 == hashlib.sha256(b"one").hexdigest()
    assert (team.blobs.stored(), team.server.exists("td:asked:h1")) == ([], 0)
    assert [step.stage for step in team.steps] == ["asking", "fetching"] * 2


def test_what_is_here_already_is_not_asked_for_again(team: Team, make_run: MakeResult) -> None:
    run = team.keep(make_run())
    team.fetch(run)
    team.steps.clear()
    (again,) = team.fetch(run)
    assert (again.came, again.size_bytes, team.steps) == (True, 3, [])


def test_what_the_store_had_before_stays_there(team: Team, make_run: MakeResult) -> None:
    name = hashlib.sha256(b"gdx").hexdigest()
    team.blobs.put({name: b"gdx"})
    (outcome,) = team.fetch(team.keep(make_run()))
    assert outcome.came
    assert [blob.name for blob in team.blobs.stored()] == [name]


def test_one_that_another_client_takes_out_of_the_store_is_asked_for_again(team: Team, make_run: MakeResult) -> None:
    served = []

    def serve() -> None:
        team.desk.look()
        served.append(1)
        if len(served) == 1:
            team.blobs.drop(team.blobs.stored())

    team.serve = serve
    (outcome,) = team.fetch(team.keep(make_run()))
    assert (outcome.came, len(served)) == (True, 2)


def test_a_store_that_loses_it_again_and_again_is_said(team: Team, make_run: MakeResult) -> None:
    served = []

    def serve() -> None:
        team.desk.look()
        served.append(1)
        team.blobs.drop(team.blobs.stored())

    team.serve = serve
    (outcome,) = team.fetch(team.keep(make_run()))
    assert (outcome.came, len(served)) == (False, TRIES)
    assert "the store lost it before it was downloaded. Fetch again" in outcome.why


def test_a_reused_run_is_asked_for_under_the_ids_of_the_scan_that_ran_it(team: Team, make_run: MakeResult) -> None:
    kept = team.keep(make_run(scan="old"))
    (outcome,) = team.fetch(make_run(scan="new", directory=kept.directory, run="cplex.renamed", reused_from="old"))
    assert outcome.path == team.out / "scan_runs" / "cplex.renamed" / "run.gdx"


def test_a_host_that_is_gone_costs_a_sentence_and_the_others_come(team: Team, make_run: MakeResult) -> None:
    gone, here = make_run("primal", host="h9"), team.keep(make_run("dual"))
    first, second = team.fetch(gone, here)
    assert (first.came, first.is_lost, second.came) == (False, True, True)
    assert first.why == (
        f"The GDX of cplex.primal stays on h9 in {gone.directory}: h9 is not live. "
        "Fetch again once `times-doctor hosts` shows it."
    )


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ({"serves": (), "version": "0.0.9"}, "the worker of h1 (times-doctor 0.0.9) is too old to send it. Upgrade it"),
        ({"schemas": (2,)}, "h1 speaks message version 2, this client 1. Upgrade times-doctor here."),
        ({"schemas": (0,)}, "h1 speaks message version 0, this client 1. Upgrade times-doctor on h1."),
    ],
    ids=["before gdx", "newer", "older"],
)
def test_a_worker_of_another_version_is_not_waited_for(
    team: Team, make_run: MakeResult, card: dict[str, object], said: str
) -> None:
    team.beat(**card)
    (outcome,) = team.fetch(make_run())
    assert said in outcome.why
    assert team.steps == []


@pytest.mark.parametrize(
    ("refusal", "words", "said", "is_lost"),
    [
        (Refusal.GONE, "", r"gone: h1 has removed .*cplex\.dual\.1 \(14 days .*Scan again", True),
        (Refusal.NONE, "", r"cplex\.dual has left no GDX on h1 in .*cplex\.dual\.1: see its log", False),
        (Refusal.STORE, "The store is full. Free some.", r"stays on h1 in .*: The store is full\. Free some\.", True),
        (Refusal.UNREADABLE, "Permission denied", r"cannot be read there \(Permission denied\)", True),
        ("forbidden", "Not on Sundays.", r"stays on h1 in .*: Not on Sundays\. Or copy it from there", True),
        ("forbidden", "", r"stays on h1 in .*: forbidden", True),
    ],
)
def test_each_refusal_is_a_sentence_with_run_host_and_folder(
    team: Team, make_run: MakeResult, refusal: str, words: str, said: str, is_lost: bool
) -> None:
    team.serve = refused(team, refusal, words)
    run = make_run()
    (outcome,) = team.fetch(run)
    assert (outcome.came, outcome.is_lost) == (False, is_lost)
    assert re.search(said, outcome.why), outcome.why
    assert "h1" in outcome.why
    assert str(run.directory) in outcome.why


@pytest.mark.parametrize(
    "changes", [{"engine": "highs"}, {"host": None}, {"directory": None}], ids=["highs", "no host", "no folder"]
)
def test_a_run_that_can_have_none_asks_nobody(team: Team, make_run: MakeResult, changes: dict[str, object]) -> None:
    (outcome,) = team.fetch(make_run(**changes))
    assert (outcome.came, outcome.is_lost, team.steps) == (False, False, [])
    assert outcome.why.startswith("cplex.dual has no GDX: ")


def test_a_folder_that_no_run_can_have_is_not_asked_for(team: Team, make_run: MakeResult) -> None:
    (outcome,) = team.fetch(make_run(directory="/etc/.."))
    assert "/etc/.. is not the folder of a run" in outcome.why
    assert team.steps == []


def test_a_host_that_lives_and_is_silent_is_waited_for_only_so_long(
    team: Team, make_run: MakeResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("times_doctor_cli.gdx.request.POLL_S", 0.01)
    monkeypatch.setattr("times_doctor_cli.gdx.request.Patience", lambda: SHORT)
    team.serve = lambda: None
    (outcome,) = team.fetch(make_run())
    assert "h1 lives, but has sent nothing for 0 s. Fetch again, or copy it from there." in outcome.why
    assert team.requests.open("h1") == []


def test_a_host_that_goes_away_meanwhile_is_noticed(
    team: Team, make_run: MakeResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("times_doctor_cli.gdx.request.POLL_S", 0.01)
    monkeypatch.setattr("times_doctor_cli.gdx.request.Patience", lambda: SHORT)
    team.serve = lambda: team.store.drop_host("h1")
    (outcome,) = team.fetch(make_run())
    assert "h1 went away meanwhile" in outcome.why


def test_as_long_as_something_moves_the_wait_goes_on(
    team: Team, make_run: MakeResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("times_doctor_cli.gdx.request.POLL_S", 0.02)
    monkeypatch.setattr("times_doctor_cli.gdx.request.Patience", lambda: SHORT)
    beats = []
    run = team.keep(make_run())

    def repeated(host: str, request: object, real: Callable[..., None] = GdxRequests.ask) -> None:
        real(team.requests, host, request)
        beats.append(1)
        state = GdxState.WAITING if len(beats) < 20 else GdxState.SENDING
        if len(beats) < 40:
            team.requests.say([GdxAnswer(ask=request.ask, state=state, beat=len(beats), done_bytes=len(beats))])  # type: ignore[attr-defined]
        else:
            team.desk.look()

    monkeypatch.setattr(GdxRequests, "ask", lambda _, host, request: repeated(host, request))
    team.serve = lambda: None
    (outcome,) = team.fetch(run)
    assert outcome.came
    assert {"waiting", "sending"} <= {step.stage for step in team.steps}


def test_a_host_that_says_the_same_again_and_again_is_not_waited_for(
    team: Team, make_run: MakeResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("times_doctor_cli.gdx.request.POLL_S", 0.01)
    monkeypatch.setattr("times_doctor_cli.gdx.request.Patience", lambda: SHORT)
    beats = []

    def answer(_: GdxRequests, ask: str) -> GdxAnswer:
        beats.append(1)
        return GdxAnswer(ask=ask, state=GdxState.SENDING, beat=len(beats), done_bytes=8, size_bytes=16)

    monkeypatch.setattr(GdxRequests, "answer", answer)
    team.serve = lambda: None
    (outcome,) = team.fetch(make_run())
    assert "sent nothing for" in outcome.why


def test_a_broker_that_is_away_is_said_as_such(team: Team, make_run: MakeResult) -> None:
    def away() -> None:
        raise redis.ConnectionError("connection refused")

    team.serve = away
    with pytest.raises(BrokerUnavailable, match="connection refused"):
        team.fetch(make_run())


def test_a_folder_that_takes_no_files_is_an_error_with_a_way_out(team: Team, make_run: MakeResult) -> None:
    team.out.parent.mkdir()
    team.out.write_text("a file, not a folder")
    with pytest.raises(UsageError, match="--out DIR"):
        team.fetch(team.keep(make_run()))


def test_profiles_and_runs_select(make_report: Callable[..., Report]) -> None:
    report = make_report()
    names: Sequence[Sequence[str]] = [(), ("dual",), ("cplex.bar_nox", "dual")]
    assert [[run.profile for run in select_runs(report, some)] for some in names] == [
        ["dual", "bar_nox"],
        ["dual"],
        ["dual", "bar_nox"],
    ]
    with pytest.raises(UsageError, match=r"no run 'nosuch'. It has cplex.dual, cplex.bar_nox"):
        select_runs(report, ["nosuch"])


# -- the recommended run's, unasked ------------------------------------------------------------------------------------


@pytest.fixture
def best(team: Team, make_run: MakeResult) -> RunResult:
    return team.keep(make_run("dual"))


def unasked(team: Team, report: Report, **finish: Callable[[], bool]) -> GdxOutcome | None:
    one = Unasked(team.client, report, team.out)
    one.begin()
    return next(iter(one.finish(team.on_step, **finish)), None)


def test_the_recommended_runs_gdx_comes_by_itself(
    team: Team, best: RunResult, make_run: MakeResult, make_report: Callable[..., Report]
) -> None:
    report = make_report([best, team.keep(make_run("primal", runtime_s=20.0))])
    outcome = unasked(team, report)
    assert outcome is not None
    assert outcome.path == gdx_path(team.out, best)
    assert [path.parent.name for path in team.out.rglob("run.gdx")] == ["cplex.dual"]
    assert unasked(team, report) is None  # it is here


def test_a_large_one_stays_and_it_is_said_how_to_get_it(
    team: Team, best: RunResult, make_report: Callable[..., Report], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auto_fetch, "UNASKED_BYTES", 2)
    outcome = unasked(team, make_report([best]))
    assert outcome is not None
    assert outcome.why.endswith(
        "it has 3 B, and unasked no more than 2 B come. `times-doctor fetch s1 --gdx` brings it."
    )


def test_whatever_fails_unasked_costs_a_sentence(
    team: Team, best: RunResult, make_report: Callable[..., Report], monkeypatch: pytest.MonkeyPatch
) -> None:
    report = make_report([best])
    team.serve = lambda: team.server.connection_pool.disconnect()

    def fails(*_: object) -> None:
        raise redis.ConnectionError("connection refused")

    one = Unasked(team.client, report, team.out)
    one.begin()
    wait_until(lambda: team.requests.open("h1"), what="it is asked for")
    monkeypatch.setattr(GdxRequests, "answer", fails)
    (outcome,) = one.finish(team.on_step)
    assert "it did not get through. connection refused `times-doctor fetch s1 --gdx` brings it." in outcome.why
    monkeypatch.setattr(RunStore, "host", fails)
    assert "connection refused" in str(unasked(team, report))
    team.store.drop_host("h1")
    monkeypatch.undo()
    assert "h1 is not live" in str(unasked(team, report))


def test_ctrl_c_ends_the_waiting_for_what_nobody_asked_for(
    team: Team, best: RunResult, make_report: Callable[..., Report]
) -> None:
    team.serve = lambda: None
    outcome = unasked(team, make_report([best]), is_told_to_end=lambda: True)
    assert "you did not wait for it. `times-doctor fetch s1 --gdx` brings it." in str(outcome)

    def press() -> bool:
        raise KeyboardInterrupt

    assert "you did not wait for it" in str(unasked(team, make_report([best]), is_told_to_end=press))
    assert team.requests.open("h1") == []


@pytest.mark.parametrize("where", ["answer", "store"])
def test_a_line_that_is_a_black_hole_keeps_nobody_waiting(
    team: Team, best: RunResult, make_report: Callable[..., Report], monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    for name in ("UNASKED_S", "LEAVE_S"):
        monkeypatch.setattr(auto_fetch, name, 0.1)
    over = threading.Event()

    def hole(*_: object) -> None:
        over.wait()
        raise redis.TimeoutError("Timeout reading from socket")

    with monkeypatch.context() as broken:
        if where == "answer":
            broken.setattr(GdxRequests, "answer", hole)
        else:
            broken.setattr(FileBlobs, "open", hole)
        one = Unasked(team.client, make_report([best]), team.out)
        one.begin()
        outcome = one.finish(team.on_step)
        assert "it takes longer than 0 s. `times-doctor fetch s1 --gdx` brings it." in str(outcome)
        over.set()


def test_nothing_goes_over_the_line_before_the_report_is_shown(
    team: Team, best: RunResult, make_report: Callable[..., Report]
) -> None:
    one = Unasked(team.client, make_report([best]), team.out)
    one.begin()
    wait_until(lambda: team.requests.open("h1"), what="it is asked for")
    team.desk.look()
    assert (team.steps, list(team.out.rglob("run.gdx"))) == ([], [])
    assert one.finish(team.on_step) is not None
    assert gdx_path(team.out, best).is_file()


def test_nothing_is_said_where_no_run_is_recommended_or_highs_solved(
    team: Team, make_run: MakeResult, make_report: Callable[..., Report]
) -> None:
    assert unasked(team, make_report([])) is None
    assert unasked(team, make_report([make_run(engine="highs")])) is None


def test_after_a_scan_on_this_machine_the_recommended_runs_gdx_is_a_link_or_a_copy(
    team: Team, best: RunResult, make_report: Callable[..., Report], monkeypatch: pytest.MonkeyPatch
) -> None:
    report = make_report([best])
    target = gdx_path(team.out, best)
    assert keep_recommended_here(report, team.out) == ""
    assert target.stat().st_nlink == 2

    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    assert keep_recommended_here(report, team.out) == ""
    assert (target.read_bytes(), target.stat().st_nlink) == (b"gdx", 1)
    assert [path.name for path in target.parent.iterdir()] == ["run.gdx"]


def test_a_gdx_that_cannot_be_kept_here_costs_a_sentence(
    team: Team, best: RunResult, make_run: MakeResult, make_report: Callable[..., Report]
) -> None:
    assert keep_recommended_here(make_report([make_run("primal")]), team.out) == ""
    team.out.parent.mkdir()
    team.out.write_text("a file, not a folder")
    words = keep_recommended_here(make_report([best]), team.out)
    assert words == f"The GDX of cplex.dual stays in {best.directory}: Not a directory."
