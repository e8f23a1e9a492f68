from __future__ import annotations

import os
import threading
from collections.abc import Callable

import pytest
import redis

from tests.conftest import wait_until
from tests.unit.cli.gdx.conftest import MakeResult, Team
from times_doctor_cli.gdx import auto_fetch
from times_doctor_cli.gdx.auto_fetch import Unasked, keep_recommended_here
from times_doctor_cli.gdx.download import GdxOutcome, gdx_path
from times_doctor_tasks.blob_store.file_store import FileBlobs
from times_doctor_tasks.contract.messages import Report, RunResult
from times_doctor_tasks.state_store.gdx_requests import GdxRequests
from times_doctor_tasks.state_store.run_store import RunStore


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
        "it has 3 B, above the automatic limit of 2 B. `times-doctor fetch s1 --gdx` brings it."
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
