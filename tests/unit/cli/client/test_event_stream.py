from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest
import redis
from msgspec import structs

from times_doctor_cli.client import event_stream
from times_doctor_cli.client.event_stream import Feed, history
from times_doctor_cli.client.session import Client
from times_doctor_tasks.contract.errors import InfrastructureError
from times_doctor_tasks.contract.messages import (
    Extended,
    Noted,
    ProgressMade,
    Reported,
    RunResult,
    RunSpec,
    ScanSpec,
    StateChanged,
)
from times_doctor_tasks.contract.progress import Phase, Progress
from times_doctor_tasks.contract.states import RunState, ScanMode, Verdict
from times_doctor_tasks.state_store.reader import RunStatus, ScanStatus
from times_doctor_tasks.testing.documents import make_result, make_run_spec

LOOK = ProgressMade(run="a", attempt=2, progress=Progress(phase=Phase.BARRIER), runtime_s=3.0)


@pytest.fixture
def spec(make_scan_spec: Callable[..., ScanSpec]) -> ScanSpec:
    return make_scan_spec(runs=("a", "b"), mode=ScanMode.CHAIN, created_ms=1_000)


def make_standing(looks: dict[str, ProgressMade] | None = None, **statuses: RunStatus) -> ScanStatus:
    return ScanStatus("7-0", statuses, looks or {})


def test_a_run_that_nobody_touched_has_no_history(spec: ScanSpec) -> None:
    assert history(spec, make_standing(a=RunStatus(RunState.QUEUED), b=RunStatus(RunState.PENDING)), {}) == []


def test_history_tells_states_and_looks_in_the_order_they_came_about(spec: ScanSpec) -> None:
    running = RunStatus(RunState.RUNNING, attempt=2, host="h1", since_ms=5_000)
    parked = RunStatus(RunState.PARKED, host="h2", since_ms=4_000, reason="1 core short on h2")
    told = history(spec, make_standing({"a": LOOK}, a=running, b=parked), {})
    assert told == [
        (4_000, StateChanged(run="b", state=RunState.PARKED, host="h2", reason="1 core short on h2")),
        (5_000, StateChanged(run="a", attempt=2, state=RunState.RUNNING, host="h1")),
        (8_000, LOOK),
    ]


def test_what_has_ended_is_told_with_its_verdict_and_without_its_last_look(
    spec: ScanSpec, make_result: Callable[..., RunResult]
) -> None:
    done = RunStatus(RunState.DONE, attempt=1, host="h1", since_ms=5_000)
    told = history(spec, make_standing({"a": LOOK}, a=done, b=RunStatus(RunState.PENDING)), {"a": make_result(run="a")})
    assert told == [(5_000, StateChanged(run="a", attempt=1, state=RunState.DONE, host="h1", verdict=Verdict.OPTIMAL))]


def test_a_reused_run_has_ended_when_its_scan_began(spec: ScanSpec, make_result: Callable[..., RunResult]) -> None:
    reused = structs.replace(spec, reused=("a",))
    told = history(
        reused,
        make_standing(a=RunStatus(RunState.DONE), b=RunStatus(RunState.QUEUED)),
        {"a": make_result(run="a", host="h9")},
    )
    assert told == [
        (1_000, StateChanged(run="a", state=RunState.DONE, host="h9", verdict=Verdict.OPTIMAL)),
        (1_000, StateChanged(run="b", state=RunState.QUEUED)),
    ]


class FlakyStore:
    """A store whose answers are told beforehand; None: it does not answer."""

    def __init__(self, spec: ScanSpec | None, answers: Iterator[list[tuple[str, int, object]] | None]) -> None:
        self.spec = spec
        self.answers = answers
        self.asked: list[list[str]] = []

    def scan(self, _: str) -> ScanSpec | None:
        return self.spec

    def scan_status(self, spec: ScanSpec) -> ScanStatus:
        return make_standing(a=RunStatus(RunState.QUEUED), b=RunStatus(RunState.PENDING))

    def runs(self, spec: ScanSpec) -> list[RunSpec]:
        return [make_run_spec(name, run=name) for name in spec.runs]

    def results(self, spec: ScanSpec, runs: Sequence[str], *, attempts: bool) -> dict[str, RunResult]:
        self.asked.append(list(runs))
        return {run: make_result(run=run) for run in runs}

    def presence(self, scan: str) -> tuple[bool, bool]:
        return self.spec is not None, False

    def events(self, scan: str, *, after: str, block_ms: int) -> list[tuple[str, int, object]]:
        answer = next(self.answers)
        if answer is None:
            raise redis.ConnectionError("Connection refused")
        return answer


class FakeClient:
    shown_broker = "redis://b"

    def __init__(self, store: FlakyStore) -> None:
        self.store = store

    def now_ms(self) -> int:
        return 9_000


def make_feed(spec: ScanSpec, *answers: list[tuple[str, int, object]] | None, known: bool = True) -> Feed:
    client: Client = FakeClient(FlakyStore(spec if known else None, iter(answers)))  # type: ignore[assignment]
    return Feed(client, spec, patience_s=10.0)


NEWS = ("8-0", 8_000, StateChanged(run="a", attempt=1, state=RunState.CLAIMED))


def texts(events: object) -> list[str]:
    assert isinstance(events, list)
    return [event.text for _, event in events if isinstance(event, Noted)]


def test_an_outage_is_told_once_and_its_end_too(spec: ScanSpec) -> None:
    source = make_feed(spec, None, None, [NEWS])
    assert source.next_events(0) == []
    assert "does not answer (Connection refused). The solves continue" in texts(source.next_events(0))[0]
    assert source.next_events(0) == []
    back = source.next_events(0)
    assert texts(back) == ["The broker answers again."]
    assert back is not None
    assert back[-1] == (8_000, NEWS[2])


def test_rounds_that_came_before_the_first_look_are_told_first(spec: ScanSpec) -> None:
    source = make_feed(structs.replace(spec, runs=("a", "b", "a.2")), [NEWS])
    source._spec = spec  # as it was submitted

    told = source.next_events(0)

    assert told is not None
    assert told[0] == (1_000, Extended(runs=(make_run_spec("a.2", run="a.2"),)))


def test_patience_ends_with_what_to_do_next(spec: ScanSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 5.0, 10.5])
    monkeypatch.setattr(event_stream, "monotonic_s", lambda: next(clock))
    source = make_feed(spec, None, None, None)
    for _ in range(3):  # the history, the outage, and still within patience
        source.next_events(0)
    with pytest.raises(InfrastructureError, match=rf"has not answered for 10 s.*`times-doctor watch {spec.scan}`"):
        source.next_events(0)


def test_a_broker_that_comes_back_without_its_data_is_told_from_one_that_is_slow(spec: ScanSpec) -> None:
    source = make_feed(spec, None, [], known=False)
    source.next_events(0)
    source.next_events(0)
    with pytest.raises(InfrastructureError, match=r"without scan .*appendonly yes"):
        source.next_events(0)


def test_a_broker_that_lost_its_data_in_an_outage_that_nobody_saw_is_told_too(spec: ScanSpec) -> None:
    source = make_feed(spec, [NEWS], [], known=False)
    source.next_events(0)
    assert source.next_events(0) == [(8_000, NEWS[2])]
    with pytest.raises(InfrastructureError, match=r"without scan .*appendonly yes"):
        source.next_events(0)


def test_nothing_is_waited_for_after_the_report(spec: ScanSpec) -> None:
    source = make_feed(spec, [("9-0", 9_000, Reported())])
    source.next_events(0)
    assert source.next_events(0) == [(9_000, Reported())]
    assert source.next_events(0) is None


def test_results_of_runs_that_ended_together_come_in_one_answer(spec: ScanSpec) -> None:
    ends = [(f"{n}-0", 9_000, StateChanged(run=run, attempt=1, state=RunState.DONE)) for n, run in enumerate("ab", 8)]
    store = FlakyStore(spec, iter([[NEWS, *ends]]))
    feed = Feed(FakeClient(store), spec)  # type: ignore[arg-type]
    feed.next_events(0)
    assert len(feed.next_events(0) or ()) == 3
    assert {result.run for run in "ab" if (result := feed.result_of(run))} == {"a", "b"}
    assert [sorted(runs) for runs in store.asked] == [[], ["a", "b"]], "nothing has ended at first; then both at once"
