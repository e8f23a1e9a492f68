from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import pytest

from tests.integration.conftest import Submit, make_result, make_runs
from times_doctor_tasks.contract.cancel_flag import StopRequest
from times_doctor_tasks.contract.messages import AggregateTask, ScanSpec
from times_doctor_tasks.contract.states import RunState, ScanMode, StopReason
from times_doctor_tasks.state_store.run_store import Fence, Owned, Room, RunStore
from times_doctor_worker.recovery import sweeper
from times_doctor_worker.recovery.actions import Remedies
from times_doctor_worker.recovery.orphans import give_back_own
from times_doctor_worker.recovery.sweeper import CALLBACK_GRACE_S, CALLBACK_TRIPS, GAP_S, SWEEP_S, Sweeper

pytestmark = [pytest.mark.server, pytest.mark.usefixtures("near_server")]


@dataclass
class Post:
    """Remembers what was published."""

    again_: list[str] = field(default_factory=list)
    fresh_: list[str] = field(default_factory=list)
    aggregated: list[str] = field(default_factory=list)

    def again(self, scan: str, run: str, *, to_head: bool = False) -> bool:
        self.again_.append(f"{run} head" if to_head else run)
        return True

    def fresh(self, spec: ScanSpec, run: str) -> None:
        self.fresh_.append(run)

    def aggregate(self, task: AggregateTask) -> str:
        self.aggregated.append(task.scan)
        return "reported"


@pytest.fixture
def post() -> Post:
    return Post()


@dataclass
class Sweeps:
    """A sweeper whose time passes when the test says so."""

    sweeper: Sweeper
    now_s: float = 1000.0

    def over(self, seconds: float, *, step_s: float = SWEEP_S) -> None:
        until_s = self.now_s + seconds
        while self.now_s < until_s:
            self.now_s += step_s
            self.sweeper.sweep(self.now_s)


@pytest.fixture
def sweeps(store: RunStore, post: Post) -> Sweeps:
    return Sweeps(Sweeper(store, post, Remedies(store, post)))


def own(store: RunStore, spec: ScanSpec, run: str, *, host: str = "h1", instance: str = "i1") -> Fence:
    document = next(document for document in make_runs(spec) if document.run == run)
    answer = store.claim(spec, document, host=host, token="t", need=Room(1, 0), free=Room(8, 8000), instance=instance)
    assert isinstance(answer, Owned), answer
    return answer.fence


def test_a_run_whose_owner_is_silent_for_a_lease_is_published_again(
    store: RunStore, submit: Submit, sweeps: Sweeps, post: Post
) -> None:
    spec = submit(lease_s=5.0, runs=("cplex.a",))
    own(store, spec, "cplex.a")
    sweeps.over(5.0)
    assert post.again_ == []
    sweeps.over(1.0)
    assert post.again_ == ["cplex.a head"]
    assert store.status(spec, "cplex.a").state is RunState.QUEUED


@pytest.mark.parametrize("gap", ["server", "pause"])
def test_silence_does_not_count_over_a_restart_of_the_server_or_a_pause_of_ours(
    store: RunStore, submit: Submit, sweeps: Sweeps, post: Post, monkeypatch: pytest.MonkeyPatch, gap: str
) -> None:
    spec = submit(lease_s=5.0, runs=("cplex.a",))
    own(store, spec, "cplex.a")
    sweeps.over(4.0)
    if gap == "server":
        monkeypatch.setattr(store, "server_run", lambda: "another")
    else:
        sweeps.now_s += GAP_S + 60
    sweeps.over(4.5)
    assert post.again_ == []
    sweeps.over(2.0)
    assert post.again_ == ["cplex.a head"]


def test_a_run_that_ended_its_workers_so_often_ends_as_failed(store: RunStore, submit: Submit, sweeps: Sweeps) -> None:
    spec = submit(lease_s=1.0, max_attempts=2, runs=("cplex.a",))
    for host in ("h1", "h2"):
        own(store, spec, "cplex.a", host=host)
        sweeps.over(2.0)
    result = store.results(spec)["cplex.a"]
    assert (result.state, result.stop_reason) == (RunState.FAILED, StopReason.HOST_LOST)
    assert result.sentence == "Every worker that ran it ended: h1, h2."


def test_a_run_with_one_attempt_is_lost_with_its_host(store: RunStore, submit: Submit, sweeps: Sweeps) -> None:
    spec = submit(lease_s=1.0, max_attempts=1, runs=("cplex.a",))
    own(store, spec, "cplex.a")
    sweeps.over(2.0)
    result = store.results(spec)["cplex.a"]
    assert (result.state, result.sentence) == (RunState.LOST, "Its worker on h1 is gone.")


def test_a_waiting_run_that_was_cancelled_ends(store: RunStore, submit: Submit, sweeps: Sweeps) -> None:
    spec = submit(ScanMode.CHAIN)
    store.ask_cancel(spec.scan, ["*"], StopRequest(StopReason.USER))
    sweeps.over(1.0)
    assert {status.state for status in store.statuses(spec).values()} == {RunState.CANCELLED}


def test_a_scan_whose_callback_never_came_is_reported_all_the_same(
    store: RunStore, submit: Submit, sweeps: Sweeps, post: Post
) -> None:
    spec = submit(runs=("cplex.a",))
    assert store.finish(spec, make_result(spec, "cplex.a"), own(store, spec, "cplex.a"))
    sweeps.over(CALLBACK_GRACE_S)
    assert post.aggregated == []
    sweeps.over(1.0)
    assert post.aggregated[0] == spec.scan


def test_a_callback_that_is_on_its_way_over_a_far_line_is_waited_for(
    store: RunStore, submit: Submit, sweeps: Sweeps, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = submit(runs=("cplex.a",))
    assert store.finish(spec, make_result(spec, "cplex.a"), own(store, spec, "cplex.a"))
    trips = itertools.chain([9.0], itertools.repeat(0.1))  # the server was busy once
    now_s, ask = [0.0], store.server_run

    def answered_late() -> str:
        now_s[0] += next(trips)
        return ask()

    monkeypatch.setattr(store, "server_run", answered_late)
    monkeypatch.setattr(sweeper, "monotonic_s", lambda: now_s[0])
    sweeps.over(CALLBACK_GRACE_S + CALLBACK_TRIPS * 0.1)
    assert post.aggregated == []
    sweeps.over(1.0)
    assert post.aggregated[0] == spec.scan


def test_a_scan_that_this_version_cannot_read_is_left_alone(store: RunStore, submit: Submit, sweeps: Sweeps) -> None:
    spec = submit(lease_s=1.0, runs=("cplex.a",))
    own(store, spec, "cplex.a")
    store.client.set(store.keys.scan("newer"), b'{"schema": 99, "scan": "newer"}')
    store.client.zadd(store.keys.scans(), {"newer": 9_000})
    sweeps.over(2.0)
    assert store.status(spec, "cplex.a").state is RunState.QUEUED


def test_a_worker_gives_back_what_an_earlier_start_of_it_owned_and_nothing_else(
    store: RunStore, submit: Submit, post: Post
) -> None:
    spec = submit(runs=("cplex.a", "cplex.b", "cplex.c", "cplex.d"))
    own(store, spec, "cplex.a", instance="before")
    own(store, spec, "cplex.b", instance="now")
    own(store, spec, "cplex.c", host="h2", instance="before")

    given = give_back_own(store, Remedies(store, post), host="h1", instance="now")

    assert (given, post.again_) == (["s1 cplex.a"], ["cplex.a head"])
    states = {run: status.state for run, status in store.statuses(spec).items()}
    assert states == {
        "cplex.a": RunState.QUEUED,
        "cplex.b": RunState.CLAIMED,
        "cplex.c": RunState.CLAIMED,
        "cplex.d": RunState.QUEUED,
    }


def test_a_run_that_has_ended_its_worker_too_often_is_not_given_back_but_ended(
    store: RunStore, submit: Submit, post: Post
) -> None:
    spec = submit(runs=("cplex.a",), max_attempts=2)
    remedies = Remedies(store, post)
    for instance in ("first", "second"):
        own(store, spec, "cplex.a", instance=instance)
        give_back_own(store, remedies, host="h1", instance=f"after {instance}")
    assert store.status(spec, "cplex.a").state is RunState.FAILED
    assert store.results(spec)["cplex.a"].sentence == "Every worker that ran it ended: h1, h1."


def test_a_run_that_was_handed_back_has_not_used_up_an_attempt(store: RunStore, submit: Submit) -> None:
    spec = submit(runs=("cplex.a",))
    store.release(spec, "cplex.a", own(store, spec, "cplex.a"), reason="handed back by h1")
    store.release(spec, "cplex.a", own(store, spec, "cplex.a"), reason="h1 cannot run it", counted=True)
    status = store.status(spec, "cplex.a")
    assert (status.attempt, status.handbacks) == (2, 1)
