"""Real workers that are asked for GDX files: busy, killed, pruned, told to end, and in front of a full store."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from tests.conftest import wait_until
from tests.integration.workers import PATIENCE_S, Team, Worker, endless_mps
from times_doctor_cli.client.session import Client
from times_doctor_cli.gdx.download import GdxOutcome, fetch_gdx_files
from times_doctor_tasks.blob_store.factory import open_store
from times_doctor_tasks.config.settings import Settings
from times_doctor_tasks.contract.cancel_flag import StopRequest
from times_doctor_tasks.contract.messages import RunResult
from times_doctor_tasks.contract.states import RunState, StopReason
from times_doctor_tasks.state_store.gdx_requests import GdxAnswer, GdxRequests, GdxState, Refusal, SendGdx
from times_doctor_worker.service.gdx_server import LOOK_S
from times_doctor_worker.workspace.eviction import prune

pytestmark = [pytest.mark.long, pytest.mark.server, pytest.mark.timeout(400)]

MB = 1 << 20


class Desk:
    """A client of the team that asks for what runs have left on their hosts."""

    def __init__(self, team: Team, name: str = "out", *, store_url: str = "") -> None:
        self.blobs = open_store(store_url or team.store_url, broker_url=team.broker.url, prefix=team.broker.prefix)
        self.client = Client(team.store, self.blobs, team.broker.url, Settings())
        self.out = team.folder / name
        self.requests = GdxRequests(team.store.client, team.store.keys)

    def fetch(self, *runs: RunResult) -> list[GdxOutcome]:
        return list(fetch_gdx_files(self.client, runs, self.out, lambda step: None))

    def asked(self, request: SendGdx) -> GdxAnswer | None:
        """Asks h1, once more, and looks what it says."""
        self.requests.ask("h1", request)
        return self.requests.answer(request.ask)

    def final(self, request: SendGdx) -> GdxAnswer:
        found: list[GdxAnswer | None] = []

        def is_final() -> bool:
            found[:] = [self.asked(request)]
            return found[0] is not None and found[0].is_final

        wait_until(is_final, timeout_s=4 * PATIENCE_S, what="a last answer")  # hundreds of megabytes
        assert found[0] is not None
        return found[0]


def leave(worker: Worker, content: bytes, run: str = "cplex.dual") -> RunResult:
    """What a run of GAMS would have left on a host."""
    folder = cache_of(worker) / "runs" / "s1" / f"{run}.1"
    folder.mkdir(parents=True)
    (folder.parent / f".{folder.name}.lock").touch()
    (folder / "run.gdx").write_bytes(content)
    return RunResult(
        scan="s1",
        run=run,
        engine="gams",
        solver="cplex",
        profile=run.partition(".")[2],
        state=RunState.DONE,
        attempt=1,
        host=worker.name,
        directory=str(folder),
    )


def cache_of(worker: Worker) -> Path:
    return Path(worker.environ["TIMES_DOCTOR_CACHE_DIR"])


def request_for(run: RunResult, ask: str = "a1") -> SendGdx:
    return SendGdx(ask=ask, scan=run.scan, run=run.run, attempt=1)


def test_a_host_whose_slots_are_all_busy_sends_at_once(team: Team) -> None:
    host = team.worker("h1", "--slots", "1")
    spec = team.submit({"long": "", "next": ""}, model=endless_mps())
    team.wait_for_state(spec, "long", RunState.RUNNING)
    (outcome,) = Desk(team).fetch(leave(host, b"x" * 3 * MB))
    assert outcome.came, outcome.why
    assert outcome.path is not None
    assert outcome.path.read_bytes() == b"x" * 3 * MB
    states = [status.state for status in team.store.statuses(spec).values()]
    assert states == [RunState.RUNNING, RunState.QUEUED]
    team.store.ask_cancel(spec.scan, ["*"], StopRequest(StopReason.USER, now=True))
    team.report(spec)


def test_each_host_sends_its_own_and_what_cannot_come_is_said_beside(team: Team) -> None:
    first, second = team.worker("h1"), team.worker("h2")
    runs = [leave(first, b"one"), leave(second, b"two", "cplex.bar"), leave(first, b"three", "cplex.sift")]
    prune(cache_of(first), limit_bytes=0)
    runs.append(leave(first, b"four", "cplex.primal"))
    second.kill()
    team.broker.client.delete(team.store.keys.host("h2"))  # as after its time
    outcomes = Desk(team).fetch(*runs)
    assert [outcome.came for outcome in outcomes] == [False, False, False, True]
    assert ["gone: h1 has removed" in outcome.why for outcome in outcomes] == [True, False, True, False]
    assert "h2 is not live" in outcomes[1].why


def test_a_worker_that_is_killed_in_the_middle_goes_on_when_it_is_back(team: Team) -> None:
    host = team.worker("h1")
    run = leave(host, bytes(400 * MB))
    desk, request = Desk(team), request_for(run)

    def is_sending() -> bool:
        answer = desk.asked(request)
        assert answer is None or not answer.is_final, "it was over too soon to be interrupted"
        return answer is not None and answer.state is GdxState.SENDING

    wait_until(is_sending, timeout_s=PATIENCE_S, what="it sends")
    host.kill()
    assert desk.blobs.stored() == []
    team.worker("h1", wait=False)
    answer = desk.final(request)
    assert (answer.state, answer.size_bytes) == (GdxState.SENT, 400 * MB)
    assert [blob.name for blob in desk.blobs.stored()] == [answer.sha256]


def test_a_client_waits_through_a_restart_of_the_worker(team: Team) -> None:
    host = team.worker("h1")
    run = leave(host, b"gdx" * MB)
    host.signal(signal.SIGSTOP)  # it beats no more, and answers nobody
    outcomes: list[GdxOutcome] = []
    desk = Desk(team)
    fetching = threading.Thread(target=lambda: outcomes.extend(desk.fetch(run)), daemon=True)
    fetching.start()
    wait_until(lambda: desk.requests.open("h1"), timeout_s=PATIENCE_S, what="it is asked for")
    host.kill()
    team.worker("h1", wait=False)
    fetching.join(timeout=4 * PATIENCE_S)
    assert [outcome.came for outcome in outcomes] == [True]


def test_two_who_ask_for_one_file_both_get_it(team: Team) -> None:
    run = leave(team.worker("h1"), bytes(20 * MB))
    outcomes: dict[str, list[GdxOutcome]] = {}

    def fetch(name: str) -> None:
        outcomes[name] = Desk(team, name).fetch(run)

    both = [threading.Thread(target=fetch, args=(name,), daemon=True) for name in ("a", "b")]
    for one in both:
        one.start()
    for one in both:
        one.join(timeout=4 * PATIENCE_S)
    assert {name: [(one.came, one.size_bytes) for one in found] for name, found in outcomes.items()} == {
        "a": [(True, 20 * MB)],
        "b": [(True, 20 * MB)],
    }


def test_a_store_that_is_too_small_refuses_and_a_smaller_file_comes_after_it(team: Team) -> None:
    host = team.worker("h1", TIMES_DOCTOR_STORE_URL=team.broker.url, TIMES_DOCTOR_STORE_QUOTA_MB="4")
    sizes = {"cplex.never": 60, "cplex.large": 8, "cplex.small": 3}
    runs = [leave(host, os.urandom(size_mb * MB), run) for run, size_mb in sizes.items()]
    desk = Desk(team, store_url=team.broker.url)
    outcomes = desk.fetch(*runs)
    assert [outcome.came for outcome in outcomes] == [False, False, True]
    assert all("is full" in outcome.why and "h1 in" in outcome.why for outcome in outcomes[:2])
    assert desk.blobs.usage().used_bytes == 0


def test_a_worker_that_ends_does_not_wait_for_what_it_sends(team: Team) -> None:
    host = team.worker("h1", TIMES_DOCTOR_DRAIN_S="0")
    run = leave(host, bytes(400 * MB))
    desk, request = Desk(team), request_for(run)
    wait_until(lambda: desk.asked(request), timeout_s=PATIENCE_S, what="it sends")
    host.signal(signal.SIGTERM)
    assert host.wait() == 0
    team.worker("h1", wait=False)
    assert desk.final(request).state is GdxState.SENT


def test_a_folder_that_does_not_exist_is_refused_by_the_host_whatever_the_client_names(team: Team) -> None:
    team.worker("h1")
    desk = Desk(team)
    answer = desk.final(SendGdx(ask="a1", scan="s1", run="cplex.dual", attempt=1))
    assert answer.refusal == Refusal.GONE
    team.broker.client.zadd(team.store.keys.asked("h1"), {b'{"ask":"a2","scan":"../..","run":"x","attempt":1}': 1e15})
    wait_until(lambda: desk.requests.answer("a2"), timeout_s=PATIENCE_S, what="an answer")
    refused = desk.requests.answer("a2")
    assert refused is not None
    assert refused.refusal == Refusal.MISUNDERSTOOD


def test_a_client_that_leaves_in_the_middle_leaves_the_store_as_it_was(team: Team) -> None:
    host = team.worker("h1", TIMES_DOCTOR_STORE_URL=team.broker.url)
    run = leave(host, os.urandom(400 * MB))
    desk, request = Desk(team, store_url=team.broker.url), request_for(run)
    desk.asked(request)
    wait_until(lambda: desk.blobs.usage().used_bytes, timeout_s=PATIENCE_S, what="some of it is sent")
    host.signal(signal.SIGSTOP)  # else it may be through before the next look
    desk.requests.withdraw("h1", request)
    time.sleep(LOOK_S)  # so that it is time for a look when the host goes on
    host.signal(signal.SIGCONT)
    host.wait_for("gdx_unwanted")
    assert desk.blobs.usage().used_bytes == 0
