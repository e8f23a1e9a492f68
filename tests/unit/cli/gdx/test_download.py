from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence

import pytest
import redis

from tests.unit.cli.gdx.conftest import Clock, MakeResult, Team
from times_doctor_cli.gdx.download import TRIES, select_runs
from times_doctor_tasks.contract.errors import BrokerUnavailable, UsageError
from times_doctor_tasks.contract.messages import Report
from times_doctor_tasks.state_store.gdx_requests import GdxAnswer, GdxRequests, GdxState, Refusal, read_request


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
        ({"schemas": (2,)}, "h1 speaks message version 2, this client 1: upgrade times-doctor here."),
        ({"schemas": (0,)}, "h1 speaks message version 0, this client 1: upgrade times-doctor on h1."),
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
    team: Team, make_run: MakeResult, clock: Clock
) -> None:
    team.serve = lambda: None
    (outcome,) = team.fetch(make_run())
    assert "h1 lives, but has sent nothing for 120 s. Fetch again, or copy it from there." in outcome.why
    assert team.requests.open("h1") == []


def test_a_host_that_goes_away_meanwhile_is_noticed(team: Team, make_run: MakeResult, clock: Clock) -> None:
    team.serve = lambda: team.store.drop_host("h1")
    (outcome,) = team.fetch(make_run())
    assert "h1 went away meanwhile" in outcome.why


def test_as_long_as_something_moves_the_wait_goes_on(
    team: Team, make_run: MakeResult, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    team: Team, make_run: MakeResult, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    beats = []

    def answer(_: GdxRequests, ask: str) -> GdxAnswer:
        beats.append(1)
        return GdxAnswer(ask=ask, state=GdxState.SENDING, beat=len(beats), done_bytes=8, size_bytes=16)

    monkeypatch.setattr(GdxRequests, "answer", answer)
    team.serve = lambda: None
    (outcome,) = team.fetch(make_run())
    assert "sent nothing for 120 s" in outcome.why


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
