"""Scans with rounds on a real broker: whatever dies, the next round comes exactly once."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Mapping

import pytest
from msgspec.structs import replace

from tests.conftest import Server, wait_until
from tests.integration.conftest import Submit, make_result
from tests.integration.test_worker_recovery import Post, Sweeps
from tests.integration.workers import PATIENCE_S, Team, point_at
from times_doctor_tasks.celery_app.canvas import keeping_messages
from times_doctor_tasks.celery_app.rounds import go_on
from times_doctor_tasks.contract.cancel_flag import StopRequest
from times_doctor_tasks.contract.keys import solve_queue
from times_doctor_tasks.contract.messages import AggregateTask, Extended, RoundPlan, RunSpec, ScanSpec
from times_doctor_tasks.contract.states import RunState, StopReason
from times_doctor_tasks.state_store.reader import Documents
from times_doctor_tasks.state_store.run_store import Owned, Room, RunStore
from times_doctor_worker.recovery.actions import Remedies
from times_doctor_worker.recovery.report_builder import Reporter
from times_doctor_worker.recovery.sweeper import CALLBACK_GRACE_S, Sweeper

pytestmark = [pytest.mark.server, pytest.mark.usefixtures("near_server")]

PLAN = RoundPlan(planner="repeat", seed="seven")
FIRST = ("cplex.a.1", "cplex.b.1")
SECOND = {"cplex.a.2", "cplex.b.2"}
QUEUE = solve_queue("gams", "cplex")


@pytest.fixture
def publishing(server: Server, store: RunStore) -> Iterator[None]:
    point_at(server.url, store.keys.prefix)
    with keeping_messages(store):
        yield


@pytest.fixture
def reporter(store: RunStore, publishing: None) -> Reporter:
    return Reporter(store, threading.Event())


@pytest.fixture
def scan(store: RunStore, submit: Submit) -> ScanSpec:
    """Its first round has ended, too close to call."""
    spec = submit(runs=FIRST, rounds=PLAN)
    end(store, spec, {"cplex.a.1": 10.0, "cplex.b.1": 10.4})
    return spec


def own(store: RunStore, spec: ScanSpec, run: str, *, host: str = "h1") -> Owned:
    document = store.run(spec.scan, run)
    assert document is not None
    answer = store.claim(spec, document, host=host, token="t", need=Room(1, 0), free=Room(8, 8000))
    assert isinstance(answer, Owned), answer
    return answer


def end(store: RunStore, spec: ScanSpec, times_s: Mapping[str, float], *, host: str = "h1") -> None:
    for run, time_s in times_s.items():
        answer = own(store, spec, run, host=host)
        result = make_result(
            spec, run, objective=1.0, runtime_s=time_s, cpu_s=time_s, run_delay_s=0.0, threads=1, host=host
        )
        for state in (RunState.STAGING, RunState.RUNNING, RunState.COLLECTING):
            store.advance(spec, run, answer.fence, state)
        assert store.finish(spec, result, answer.fence)


def reread(store: RunStore, spec: ScanSpec) -> ScanSpec:
    now = store.scan(spec.scan)
    assert now is not None
    return now


def test_the_callback_adds_and_publishes_the_next_round_until_nothing_is_open(
    store: RunStore, reporter: Reporter, scan: ScanSpec
) -> None:
    task = AggregateTask(scan=scan.scan)

    assert reporter.aggregate(task) == "goes on"

    second = reread(store, scan)
    assert (second.runs[:2], set(second.runs[2:])) == (FIRST, SECOND)
    assert store.waiting([QUEUE]) == 2
    assert [run.repeat for run in store.runs(second)] == [1, 1, 2, 2]
    assert all(store.published(second)[run] for run in SECOND)
    told = [event for _, _, event in store.events(scan.scan) if isinstance(event, Extended)]
    assert [tuple(run.run for run in event.runs) for event in told] == [second.runs[2:]]
    assert reporter.aggregate(task) == "open"
    end(store, second, {"cplex.a.2": 10.0, "cplex.b.2": 10.4})
    assert reporter.aggregate(task) == "goes on"
    while (answer := reporter.aggregate(task)) in ("open", "goes on"):
        end(store, scan, dict.fromkeys(reread(store, scan).runs[-2:], 10.0))
    assert answer == "reported"
    assert reporter.aggregate(task) == "done"
    report = store.report(scan.scan)
    assert report is not None
    assert len({run.run for run in report.runs}) == len(report.runs) == len(report.spec.runs) >= 6


def test_a_scan_without_rounds_is_reported_at_once(store: RunStore, reporter: Reporter, submit: Submit) -> None:
    spec = submit(runs=FIRST)
    end(store, spec, {"cplex.a.1": 10.0, "cplex.b.1": 10.4})

    assert reporter.aggregate(AggregateTask(scan=spec.scan)) == "reported"


def test_a_planner_of_a_newer_version_ends_in_a_report(store: RunStore, reporter: Reporter, submit: Submit) -> None:
    spec = submit(runs=FIRST, rounds=RoundPlan(planner="of tomorrow"))
    end(store, spec, {"cplex.a.1": 10.0, "cplex.b.1": 10.4})

    assert reporter.aggregate(AggregateTask(scan=spec.scan)) == "reported"


def test_callbacks_at_once_publish_one_round(store: RunStore, publishing: None, scan: ScanSpec) -> None:
    found = store.documents(scan)
    start = threading.Barrier(8)

    def call() -> None:
        start.wait()
        go_on(store, scan, found)

    callers = [threading.Thread(target=call) for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()

    assert set(reread(store, scan).runs) == {*FIRST, *SECOND}
    assert store.waiting([QUEUE]) == 2


def test_a_callback_that_comes_rounds_too_late_changes_nothing(
    store: RunStore, reporter: Reporter, scan: ScanSpec
) -> None:
    stale = store.documents(scan)
    reporter.aggregate(AggregateTask(scan=scan.scan))
    end(store, reread(store, scan), {"cplex.a.2": 10.0, "cplex.b.2": 10.4})
    reporter.aggregate(AggregateTask(scan=scan.scan))
    now, waiting = reread(store, scan), store.waiting([QUEUE])

    go_on(store, scan, stale)

    assert len(now.runs) == 6
    assert (reread(store, scan), store.waiting([QUEUE])) == (now, waiting)


def test_no_round_is_added_to_a_scan_that_has_its_report(store: RunStore, reporter: Reporter, submit: Submit) -> None:
    spec = submit(runs=FIRST)
    end(store, spec, {"cplex.a.1": 10.0, "cplex.b.1": 10.4})
    reporter.aggregate(AggregateTask(scan=spec.scan))

    assert store.extend(spec, [more(store, spec)]) is None
    assert reread(store, spec).runs == FIRST


def more(store: RunStore, spec: ScanSpec) -> RunSpec:
    return replace(store.runs(spec)[0], run="cplex.a.2", repeat=2)


def test_fields_of_a_newer_version_survive_a_round(store: RunStore, scan: ScanSpec) -> None:
    key = store.keys.scan(scan.scan)
    store.client.set(key, store.client.get(key).replace(b'{"', b'{"of_tomorrow":7,"', 1))

    assert store.extend(scan, [more(store, scan)]) is not None
    assert b'"of_tomorrow":7' in store.client.get(key)


def test_nothing_follows_what_the_user_has_cancelled(store: RunStore, reporter: Reporter, scan: ScanSpec) -> None:
    reporter.aggregate(AggregateTask(scan=scan.scan))
    second = reread(store, scan)
    store.ask_cancel(scan.scan, ["*"], StopRequest(StopReason.USER))
    sweeps = Sweeps(Sweeper(store, reporter, Remedies(store, Post())))

    sweeps.over(CALLBACK_GRACE_S + 3)

    assert {status.state for run, status in store.statuses(second).items() if run in SECOND} == {RunState.CANCELLED}
    assert store.is_reported(scan.scan)


def test_killed_before_the_round_was_added_the_sweeper_calls_again(
    store: RunStore, reporter: Reporter, scan: ScanSpec
) -> None:
    Sweeps(Sweeper(store, reporter, Remedies(store, Post()))).over(CALLBACK_GRACE_S + 3)

    assert set(reread(store, scan).runs) == {*FIRST, *SECOND}
    assert store.waiting([QUEUE]) == 2


def test_killed_between_adding_and_publishing_the_sweeper_publishes(
    store: RunStore, publishing: None, scan: ScanSpec
) -> None:
    post = Post()
    sweeps = Sweeps(Sweeper(store, post, Remedies(store, post)))
    sweeps.over(1.0)  # it has seen the first round only

    assert store.extend(scan, [more(store, scan)]) is not None
    sweeps.over(8.0)

    assert set(post.again_) == {"cplex.a.2"}
    assert post.aggregated == []


def test_a_run_of_a_round_whose_host_dies_is_not_compared_with_the_rest_of_it(
    store: RunStore, reporter: Reporter, scan: ScanSpec
) -> None:
    task, post = AggregateTask(scan=scan.scan), Post()
    sweeps = Sweeps(Sweeper(store, post, Remedies(store, post)))
    assert reporter.aggregate(task) == "goes on"
    second = reread(store, scan)
    end(store, second, {"cplex.a.2": 9.0})
    own(store, second, "cplex.b.2")  # and h1 says no word more

    sweeps.over(second.lease_s + 2)
    assert post.again_ == ["cplex.b.2 head"]
    end(store, second, {"cplex.b.2": 2.0}, host="h2")
    while (answer := reporter.aggregate(task)) == "goes on":
        end(store, scan, dict.fromkeys(reread(store, scan).runs[-2:], 10.0))

    report = store.report(scan.scan)
    assert answer == "reported"
    assert report is not None
    said = " ".join(report.recommendation.reasons)
    assert "Compared within each host: h1 and h2. Left out," in said
    assert "cplex.a.2 and cplex.b.2" in said
    assert {c.profile: round(c.time_s, 1) for c in report.recommendation.contenders} == {
        "cplex.a": 10.0,
        "cplex.b": 10.1,
    }


def cover_lp(rows: int, columns: int) -> bytes:
    """A covering problem that keeps a simplex method busy for a second."""
    draw = random.Random(7)
    names = [f"x{j}" for j in range(columns)]
    lines = ["Minimize", " cost: " + "\n + ".join(f"{draw.randint(100, 199)} {name}" for name in names), "Subject To"]
    lines += [f" r{i}: {' + '.join(draw.sample(names, 10))} >= {draw.randint(5, 99)}" for i in range(rows)]
    return "\n".join([*lines, "End", ""]).encode()


@pytest.mark.timeout(180)
def test_rounds_outlive_the_client_and_a_control_worker_and_run_once(team: Team) -> None:
    team.worker("h1", "--role", "solve", "--slots", "1")
    first = team.worker("c1", "--role", "control")
    options = {"a": "solver = simplex\nthreads = 1\n", "b": "solver = simplex\nthreads = 1\nrandom_seed = 3\n"}
    spec = team.submit(options, model=cover_lp(2000, 2600), driver="m.lp", rounds=PLAN)
    with team.explaining(spec):
        wait_until(
            lambda: len(reread(team.store, spec).runs) > 2, timeout_s=3 * PATIENCE_S, what="a second round is added"
        )
    first.kill()
    team.worker("c2", "--role", "control")

    report = team.report(spec, timeout_s=3 * PATIENCE_S)

    assert {run.run for run in report.runs} >= {"highs.a", "highs.b", "highs.a.2", "highs.b.2"}
    assert {run.state for run in report.runs} == {RunState.DONE}
    assert {len(run.attempts) for run in report.runs} == {1}
    assert report.recommendation.profile in {"highs.a", "highs.b"}


@pytest.mark.timeout(60)
def test_a_report_keeps_its_lease_for_as_long_as_it_takes_and_frees_it_soon_after_a_death(
    store: RunStore, reporter: Reporter, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = submit(runs=FIRST)
    end(store, spec, {"cplex.a.1": 10.0, "cplex.b.1": 10.4})
    lease, read = store.keys.aggregating(spec.scan), store.documents

    def slow(spec: ScanSpec) -> Documents:
        assert 0 < store.client.pttl(lease) <= 10_000  # a killed control worker holds up its scan for so long
        store.client.pexpire(lease, 3_600_000)
        wait_until(lambda: store.client.pttl(lease) <= 10_000, timeout_s=PATIENCE_S, what="the lease is renewed")
        return read(spec)

    monkeypatch.setattr(store, "documents", slow)
    assert reporter.aggregate(AggregateTask(scan=spec.scan)) == "reported"
    assert not store.client.exists(lease)
