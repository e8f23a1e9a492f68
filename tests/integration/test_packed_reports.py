"""What remains of a scan in Redis once its report exists, and who can still read it."""

from __future__ import annotations

import threading

import pytest
import redis

from tests.integration.conftest import Submit, make_result
from times_doctor_tasks.contract.errors import SchemaMismatch
from times_doctor_tasks.contract.keys import EVENTS_KEPT
from times_doctor_tasks.contract.messages import AggregateTask, Noted, ProgressMade, Reported, ScanSpec
from times_doctor_tasks.contract.progress import Phase, Progress
from times_doctor_tasks.contract.states import RunState
from times_doctor_tasks.state_store.run_store import Owned, Room, RunStore
from times_doctor_worker.recovery.report_builder import Reporter

pytestmark = pytest.mark.server

TASK = AggregateTask(scan="s1")
PARTS = ("result", "history", "progress", "message")


@pytest.fixture
def reporter(store: RunStore) -> Reporter:
    return Reporter(store, threading.Event())


def solved(store: RunStore, spec: ScanSpec) -> ScanSpec:
    """Every run has ended, and left all that a run leaves."""
    for run in store.runs(spec):
        store.keep_message(spec.scan, run.run, {"body": b"{}"})
        claim = store.claim(spec, run, host="h1", token="t", need=Room(1, 0), free=Room(8, 8000))
        assert isinstance(claim, Owned)
        for state in (RunState.STAGING, RunState.RUNNING, RunState.COLLECTING):
            store.advance(spec, run.run, claim.fence, state)
        look = Progress(phase=Phase.SIMPLEX)
        store.tell(spec.scan, ProgressMade(run=run.run, attempt=1, progress=look, runtime_s=1.0))
        assert store.finish(spec, make_result(spec, run.run, objective=7.0), claim.fence)
    return spec


def left(store: RunStore, spec: ScanSpec) -> set[str]:
    names = {part: getattr(store.keys, part) for part in (*PARTS, "run", "state")}
    return {part for part, key in names.items() if all(store.client.exists(key(spec.scan, run)) for run in spec.runs)}


def test_the_report_is_all_that_stays_of_results_and_every_reader_finds_them_there(
    store: RunStore, submit: Submit, reporter: Reporter
) -> None:
    spec = solved(store, submit(packs=True))
    before = store.results(spec)
    assert left(store, spec) == {*PARTS, "run", "state"}
    assert reporter.aggregate(TASK) == "reported"
    assert left(store, spec) == {"run", "state"}
    report = store.report(spec.scan)
    assert report is not None
    assert {run.run: run for run in report.runs} == before == store.results(spec)
    assert [attempt.host for attempt in before["cplex.a"].attempts] == ["h1"]
    assert store.result(spec, "cplex.b") == before["cplex.b"]
    assert store.results(spec, ["cplex.b"], attempts=False) == {"cplex.b": before["cplex.b"]}


def test_a_scan_of_an_older_client_keeps_what_that_one_reads(
    store: RunStore, submit: Submit, reporter: Reporter
) -> None:
    spec = solved(store, submit())
    assert reporter.aggregate(TASK) == "reported"
    assert left(store, spec) == {*PARTS, "run", "state"}
    assert store.client.get(store.keys.report(spec.scan)).startswith(b'{"schema":1')


def test_a_late_copy_of_a_message_finds_its_run_done(store: RunStore, submit: Submit, reporter: Reporter) -> None:
    spec = solved(store, submit(packs=True))
    reporter.aggregate(TASK)
    claim = store.claim(spec, store.runs(spec)[0], host="h2", token="u", need=Room(1, 0), free=Room(8, 8000))
    assert claim == type(claim)(state=RunState.DONE)  # type: ignore[call-arg]
    assert reporter.aggregate(TASK) == "done"
    assert left(store, spec) == {"run", "state"}


def test_of_the_events_the_last_ones_stay(store: RunStore, submit: Submit, reporter: Reporter) -> None:
    spec = solved(store, submit(packs=True))
    for number in range(3 * EVENTS_KEPT):
        store.tell(spec.scan, Noted(text=str(number)))
    after = store.newest_event(spec.scan)
    reporter.aggregate(TASK)
    key = store.keys.events(spec.scan)
    assert EVENTS_KEPT <= store.client.xlen(key) < 1.5 * EVENTS_KEPT
    assert [event for _, _, event in store.events(spec.scan, after=after)] == [Reported()]
    assert store.client.ttl(key) > 0


def test_a_report_that_is_no_report_is_said_to_be_none(store: RunStore, submit: Submit, reporter: Reporter) -> None:
    spec = solved(store, submit(packs=True))
    reporter.aggregate(TASK)
    store.client.set(store.keys.report(spec.scan), b"\x78garbage")
    with pytest.raises(SchemaMismatch):
        store.report(spec.scan)
    assert store.results(spec) == {}


def test_of_two_callbacks_at_once_one_reads_the_documents(
    store: RunStore, submit: Submit, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = solved(store, submit(packs=True))
    answers, read = [], store.documents

    def documents(asked: ScanSpec) -> object:
        answers.append(reporter.aggregate(TASK))  # the second one, while the first one reads
        return read(asked)

    monkeypatch.setattr(store, "documents", documents)
    assert reporter.aggregate(TASK) == "reported"
    assert answers == ["done"]
    assert not store.client.exists(store.keys.aggregating(spec.scan))


def test_whoever_reads_after_the_other_has_reported_changes_nothing(
    store: RunStore, submit: Submit, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = solved(store, submit(packs=True))
    read = store.documents

    def documents(asked: ScanSpec) -> object:
        """The first one stood still for longer than its lease."""
        monkeypatch.undo()
        store.client.delete(store.keys.aggregating(spec.scan))
        assert reporter.aggregate(TASK) == "reported"
        return read(asked)

    monkeypatch.setattr(store, "documents", documents)
    assert reporter.aggregate(TASK) == "done"
    report = store.report(spec.scan)
    assert report is not None
    assert [run.objective for run in report.runs] == [7.0] * len(spec.runs)


def test_a_report_that_could_not_be_made_is_made_again_at_once(
    store: RunStore, submit: Submit, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    solved(store, submit(packs=True))
    failures, write = [redis.ConnectionError("away")], store.write_report

    def write_report(*words: object) -> None:
        if failures:
            raise failures.pop()
        write(*words)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "write_report", write_report)
    assert reporter.aggregate(TASK) == "reported"
