"""The sweeper on a real server, with nobody who publishes: what it reads, leaves alone, and reaches."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from msgspec import structs

from tests.integration.conftest import make_result, make_runs, make_scan
from times_doctor_tasks.contract.keys import solve_queue
from times_doctor_tasks.contract.messages import AggregateTask, ScanSpec
from times_doctor_tasks.contract.states import RunState
from times_doctor_tasks.state_store.run_store import Owned, Room, RunStore
from times_doctor_tasks.testing.fake_host import FakeHost
from times_doctor_worker.recovery.actions import Remedies
from times_doctor_worker.recovery.rules import TAKEN_PATIENCE_S
from times_doctor_worker.recovery.sweeper import ALL_S, NEWEST, RUNS_A_S, RUNS_A_SWEEP, SWEEP_S, Sweeper

pytestmark = [pytest.mark.server, pytest.mark.timeout(60), pytest.mark.usefixtures("near_server")]

QUEUE = solve_queue("gams", "cplex")


class Post:
    def __init__(self) -> None:
        self.sent: list[str] = []

    def again(self, scan: str, run: str, *, to_head: bool = False) -> bool:
        del to_head
        self.sent.append(f"{scan} {run}")
        return True

    def fresh(self, spec: ScanSpec, run: str) -> None:
        self.sent.append(f"{spec.scan} {run}")

    def aggregate(self, task: AggregateTask) -> str:
        self.sent.append(f"report of {task.scan}")
        return "reported"


class Bench:
    def __init__(self, store: RunStore) -> None:
        self.store = store
        self.post = Post()
        self.sweeper = Sweeper(store, self.post, Remedies(store, self.post))
        self.now_s = 1000.0

    def sweep(self, seconds: float) -> None:
        until_s = self.now_s + seconds
        while self.now_s < until_s:
            self.sweeper.sweep(self.now_s)
            self.now_s += SWEEP_S

    def submit(self, scan: str, runs: tuple[str, ...], *, waits: bool = True) -> ScanSpec:
        spec = make_scan(runs=runs)
        spec = ScanSpec(**{name: getattr(spec, name) for name in spec.__struct_fields__} | {"scan": scan})
        self.store.submit(spec, make_runs(spec))
        for run in runs:
            self.store.keep_message(scan, run, {"body": b"{}"})
            if waits:
                self.store.client.lpush(self.store.keys.queue_lists(QUEUE)[5], f"{scan} {run}")
        return spec

    def calls(self, command: str) -> int:
        stats: Any = self.store.client.info("commandstats")
        return int(stats.get(f"cmdstat_{command}", {"calls": 0})["calls"])


@pytest.fixture
def bench(store: RunStore) -> Bench:
    return Bench(store)


def test_a_backlog_that_waits_is_left_alone_without_a_word(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.submit("s1", tuple(f"cplex.{number}" for number in range(13)))
    with caplog.at_level(logging.WARNING):
        bench.sweep(200)
    assert bench.post.sent == []
    assert caplog.records == []


def test_a_message_that_is_lost_from_a_queue_that_is_never_empty_is_published_again_alone(bench: Bench) -> None:
    bench.submit("s1", tuple(f"cplex.{number}" for number in range(13)))
    bench.store.client.rpop(bench.store.keys.queue_lists(QUEUE)[5])
    bench.sweep(45)
    assert 1 <= len(bench.post.sent) <= 13  # the post brings nothing back here: one at each look
    assert len(set(bench.post.sent)) == len(bench.post.sent)


def test_what_has_ended_is_not_read_again(bench: Bench) -> None:
    runs = tuple(f"cplex.{number}" for number in range(40))
    spec = bench.submit("s1", runs)
    for run in runs[:-1]:
        assert bench.store.conclude(spec, make_result(spec, run))
    bench.sweep(1)
    before = bench.calls("hgetall"), bench.calls("exists")
    bench.sweep(5)
    looks = 5 / SWEEP_S
    assert bench.calls("hgetall") - before[0] <= looks * 3
    assert bench.calls("exists") - before[1] == 0


def test_runs_that_wait_are_not_read_until_an_event_tells_of_them(bench: Bench) -> None:
    runs = tuple(f"cplex.{number}" for number in range(60))
    spec = bench.submit("s1", runs)
    bench.sweep(1)
    before = bench.calls("hgetall")
    bench.sweep(5)
    looks = 5 / SWEEP_S
    assert bench.calls("hgetall") - before <= looks * 3
    claim = bench.store.claim(spec, bench.store.runs(spec)[7], host="h1", token="t", need=Room(1, 0), free=Room(8, 99))
    assert isinstance(claim, Owned)
    bench.sweep(1)
    watched = bench.sweeper._open["s1"]
    assert [run for run, status in watched.statuses.items() if status.state is RunState.CLAIMED] == [runs[7]]
    bench.store.beat(spec, runs[7], claim.fence, state=RunState.CLAIMED)  # no event
    bench.sweep(1)
    assert watched.statuses[runs[7]].beat == 1
    assert bench.calls("hgetall") - before <= 2 * looks * 4 < len(runs) * looks


@pytest.mark.parametrize("spoil", ["string", "gone"])
def test_where_the_events_are_no_events_all_runs_are_read(bench: Bench, spoil: str) -> None:
    runs = tuple(f"cplex.{number}" for number in range(10))
    spec = bench.submit("s1", runs)
    bench.sweep(1)
    assert bench.store.conclude(spec, make_result(spec, runs[3]))
    bench.store.client.delete(bench.store.keys.events("s1"))
    if spoil == "string":
        bench.store.client.set(bench.store.keys.events("s1"), "not ours")
    bench.sweep(1 if spoil == "string" else ALL_S + 1)
    assert bench.sweeper._open["s1"].statuses[runs[3]].state is RunState.DONE


def test_every_open_scan_is_swept_however_many_are_newer(bench: Bench) -> None:
    old = bench.submit("s0", ("cplex.a",), waits=False)
    for number in range(1, NEWEST + 50):
        bench.submit(f"s{number}", ("cplex.a",))
    bench.store.client.zadd(bench.store.keys.scans(), {"s0": 1})
    assert bench.store.conclude(old, make_result(old, "cplex.a", RunState.DONE))
    bench.sweep(ALL_S / 4)
    assert "report of s0" in bench.post.sent


def test_a_sweep_of_many_open_scans_reads_a_part_of_them_and_the_next_one_the_rest(bench: Bench) -> None:
    for number in range(4):
        bench.submit(f"s{number}", tuple(f"cplex.{run}" for run in range(RUNS_A_SWEEP // 2)))
    bench.sweeper.sweep(bench.now_s)
    seen = [bool(one.statuses) for one in bench.sweeper._open.values()]
    assert sum(seen) == 2
    bench.sweeper.sweep(bench.now_s + SWEEP_S)
    assert all(one.statuses for one in bench.sweeper._open.values())


def test_a_scan_of_very_many_runs_is_looked_at_less_often(bench: Bench) -> None:
    bench.submit("s1", tuple(f"cplex.{run}" for run in range(500)))
    bench.submit("s2", ("cplex.a",))
    bench.sweep(1)
    before, seconds = bench.calls("hgetall"), 20
    bench.sweep(seconds)
    assert bench.calls("hgetall") - before <= 500 * (seconds / (500 / RUNS_A_S) + 1) + 3 * seconds / SWEEP_S
    assert bench.sweeper._open["s2"].looked_s == bench.now_s - SWEEP_S


def test_a_run_whose_queue_is_empty_is_published_again_soon(bench: Bench) -> None:
    bench.submit("s1", ("cplex.a",), waits=False)
    bench.sweep(TAKEN_PATIENCE_S)
    assert bench.post.sent == []
    bench.sweep(1)
    assert bench.post.sent == ["s1 cplex.a"]


@pytest.mark.parametrize("key", ["state", "message", "history"])
def test_one_bad_key_costs_one_scan_and_its_name_is_said(
    bench: Bench, caplog: pytest.LogCaptureFixture, key: str
) -> None:
    for scan in ("s1", "s2", "s3"):
        bench.submit(scan, ("cplex.a",), waits=False)
    name = getattr(bench.store.keys, key)("s2", "cplex.a")
    bench.store.client.delete(name)
    bench.store.client.set(name, b"\xff")
    bench.sweep(20)
    assert {"s1 cplex.a", "s3 cplex.a"} <= set(bench.post.sent)


def test_a_run_that_stands_in_line_is_left_alone(bench: Bench) -> None:
    bench.submit("s1", ("cplex.a",), waits=False)
    state, line = bench.store.keys.state("s1", "cplex.a"), bench.store.keys.line()
    bench.store.client.hset(state, mapping={"state": "parked", "reason": "2 cores short on h1"})
    bench.store.client.zadd(line, {"s1 cplex.a": 1})
    bench.sweep(100)
    assert bench.post.sent == []
    bench.store.client.delete(line)
    bench.sweep(60)
    assert set(bench.post.sent) == {"s1 cplex.a"}


@pytest.mark.parametrize("shares_line", [False, True])
def test_a_run_that_an_older_host_has_parked_stays_there_while_that_one_lives(bench: Bench, shares_line: bool) -> None:
    spec = bench.submit("s1", ("cplex.a",), waits=False)
    state = bench.store.keys.state("s1", "cplex.a")
    bench.store.client.hset(state, mapping={"state": "parked", "host": "h1", "reason": "2 cores short"})
    host = FakeHost(bench.store)
    host.register()
    card = bench.store.host("h1")
    assert card is not None
    bench.store.register_host(structs.replace(card, shares_line=shares_line), ttl_s=60)
    bench.sweep(100)
    assert set(bench.post.sent) == ({"s1 cplex.a"} if shares_line else set())
    bench.store.client.delete(bench.store.keys.host("h1"))
    bench.sweep(100)
    assert set(bench.post.sent) == {"s1 cplex.a"}
    assert bench.store.statuses(spec)["cplex.a"].reason == "2 cores short"


def test_a_server_that_lost_its_last_second_is_not_believed_to_hold_what_was_seen(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = bench.submit("s1", ("cplex.a",))
    state, message = bench.store.keys.state("s1", "cplex.a"), bench.store.keys.message("s1", "cplex.a")
    bench.store.client.hset(state, "state", RunState.DONE)
    bench.sweep(SWEEP_S)
    monkeypatch.setattr(bench.store, "server_run", lambda: "another start")
    bench.store.client.delete(state, message, *bench.store.keys.queue_lists(QUEUE))
    bench.sweep(30)
    assert "report of s1" not in bench.post.sent
    assert f"{spec.scan} cplex.a" in bench.post.sent


def test_a_scan_whose_document_was_removed_is_watched_no_more(bench: Bench) -> None:
    bench.submit("s1", ("cplex.a",), waits=False)
    bench.sweep(1)
    bench.store.client.flushdb()
    bench.sweep(2 * ALL_S)
    bench.post.sent.clear()
    bench.sweep(700)
    assert (bench.sweeper.open_runs(), bench.post.sent) == ((0, []), [])
