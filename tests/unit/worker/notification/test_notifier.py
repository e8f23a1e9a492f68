from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import fakeredis
import pytest
from msgspec import structs

from times_doctor_tasks.contract.clock import now_ms
from times_doctor_tasks.contract.messages import ScanSpec
from times_doctor_tasks.contract.states import RunState
from times_doctor_tasks.state_store.run_store import RunStatus, RunStore
from times_doctor_tasks.testing.documents import make_report, make_scan_spec
from times_doctor_worker.notification.notifier import LATE_MS, Notifier
from times_doctor_worker.notification.targets import Targets
from times_doctor_worker.notification.wording import Message
from times_doctor_worker.recovery.rules import Action, Remedy

TARGETS = Targets({"anna": ("json://h",), "bob": ("json://h",)}, {"anna@laptop": "anna"}, waits_s=60.0)
RUNS = ("cplex.a", "cplex.b")


class Box:
    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def put(self, name: str, message: Message) -> None:
        self.told.append((name, message.title.removeprefix("times-doctor: scan ")))


class Sweeps:
    """What a sweeper has seen."""

    def __init__(self) -> None:
        self.open: list[tuple[ScanSpec, list[int]]] = []
        self.losses: deque[tuple[ScanSpec, Action]] = deque()

    def waiting(self) -> list[tuple[ScanSpec, list[int]]]:
        return self.open


class Bench:
    def __init__(self, store: RunStore) -> None:
        self.store = store
        self.box = Box()
        self.sweeps = Sweeps()
        self.notifier = self.another()

    def another(self) -> Notifier:
        return Notifier(self.store, TARGETS, self.sweeps, self.box)  # type: ignore[arg-type]  # as much as is asked of them

    def submit(self, scan: str, **fields: object) -> ScanSpec:
        spec = make_scan_spec(**{"scan": scan, "runs": RUNS, "client": "anna@laptop", **fields})
        self.store.submit(spec, [])
        return spec

    def end(self, spec: ScanSpec, *, ago_ms: int = 0) -> None:
        self.store.write_report(structs.replace(make_report(), scan=spec.scan, spec=spec, created_ms=now_ms() - ago_ms))

    def lose(self, spec: ScanSpec, run: str, host: str, attempt: int = 1) -> None:
        seen = RunStatus(RunState.RUNNING, attempt=attempt, host=host)
        self.sweeps.losses.append((spec, Action(run, Remedy.REQUEUE, seen)))


@pytest.fixture
def bench() -> Iterator[Bench]:
    client = fakeredis.FakeRedis()
    yield Bench(RunStore(client))
    client.close()


def test_a_scan_that_has_ended_is_told_once_by_whichever_control_worker(bench: Bench) -> None:
    spec = bench.submit("s1")
    bench.notifier.look()
    assert bench.box.told == []
    bench.end(spec)
    for notifier in (bench.notifier, bench.another(), bench.notifier, bench.another()):
        notifier.look()
    assert bench.box.told == [("anna", "s1 has ended")]
    assert 0 < bench.store.client.ttl("td:scan:s1:told") <= 30 * 86_400


def test_the_name_of_a_scan_goes_before_its_persons_default(bench: Bench) -> None:
    for scan, notify in (("s1", "bob"), ("s2", "none"), ("s3", "stranger")):
        bench.end(bench.submit(scan, notify=notify))
    bench.end(bench.submit("s4", client="carl@laptop"))
    bench.notifier.look()
    assert bench.box.told == [("bob", "s1 has ended")]


def test_reports_of_before_are_not_told(bench: Bench) -> None:
    bench.end(bench.submit("s1"), ago_ms=LATE_MS + 1_000)
    bench.end(bench.submit("s2"), ago_ms=LATE_MS - 60_000)
    bench.notifier.look()
    assert bench.box.told == [("anna", "s2 has ended")]


def test_an_old_open_scan_is_told_of_though_newer_ones_are_many(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("times_doctor_worker.notification.notifier.NEWEST", 2)
    spec = bench.submit("s1", created_ms=now_ms() - 60_000)
    bench.sweeps.open = [(spec, [])]
    bench.notifier.look()
    for number in range(3):
        bench.submit(f"t{number}", created_ms=now_ms() + number)
    bench.sweeps.open = []
    bench.end(spec)
    bench.notifier.look()
    bench.notifier.look()
    assert bench.box.told == [("anna", "s1 has ended")]


def test_a_report_that_cannot_be_read_does_not_keep_the_others(bench: Bench) -> None:
    for scan in ("s1", "s2"):
        bench.end(bench.submit(scan))
    bench.store.client.set("td:scan:s1:report", b"{")
    bench.notifier.look()
    assert bench.box.told == [("anna", "s2 has ended")]


def test_a_scan_that_waits_for_longer_is_told_once(bench: Bench) -> None:
    spec, now = bench.submit("s1"), bench.store.server_ms()
    bench.sweeps.open = [(spec, [now - 59_000, now])]
    bench.notifier.look()
    assert bench.box.told == []
    bench.sweeps.open = [(spec, [now - 61_000, now])]
    for notifier in (bench.notifier, bench.notifier, bench.another()):
        notifier.look()
    assert bench.box.told == [("anna", "s1 has waited for 61 s")]


def test_losses_are_told_together_when_no_more_come(bench: Bench) -> None:
    spec = bench.submit("s1")
    bench.lose(spec, "cplex.a", "h1")
    bench.notifier.look()
    bench.lose(spec, "cplex.b", "h2")
    bench.notifier.look()
    assert bench.box.told == []
    bench.notifier.look()
    bench.notifier.look()
    assert bench.box.told == [("anna", "s1 has lost h1, h2")]


def test_a_loss_is_told_once_and_the_next_one_anew(bench: Bench) -> None:
    spec = bench.submit("s1")
    for attempt in (1, 1, 2):
        bench.lose(spec, "cplex.a", "h1", attempt)
        bench.notifier.look()
        bench.notifier.look()
    assert bench.box.told == [("anna", "s1 has lost h1")] * 2


def test_whoever_wants_to_hear_nothing_leaves_no_mark(bench: Bench) -> None:
    spec = bench.submit("s1", notify="none")
    bench.sweeps.open = [(spec, [0])]
    bench.lose(spec, "cplex.a", "h1")
    bench.end(spec)
    for _ in range(3):
        bench.notifier.look()
    assert bench.box.told == []
    assert not bench.store.client.exists("td:scan:s1:told")
