from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from times_doctor_tasks.contract.hosts import HostCard
from times_doctor_worker.host import instance_lock as module
from times_doctor_worker.host.instance_lock import LOOK_S, WATCH_S, NameTaken, Tenure

CARD = HostCard(
    host="h1", instance="other", pid=77, roles=("solve",), slots=1, cores=1, memory_mb=1, queues=(), started_ms=1
)
MakeTenure = Callable[..., Tenure]


@pytest.fixture
def make_tenure(tmp_path: Path, request: pytest.FixtureRequest) -> MakeTenure:
    def make(name: str = "h1", broker: str = "redis://b/0") -> Tenure:
        tenure = Tenure(tmp_path, name, broker_url=broker, key_prefix="td")
        request.addfinalizer(lambda: tenure.close(forget=False))
        return tenure

    return make


class Clock:
    """Time that passes by waiting only."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 0.0
        monkeypatch.setattr(module, "monotonic_s", lambda: self.now_s)

    def wait(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_a_free_name_is_taken_at_once(make_tenure: MakeTenure, clock: Clock) -> None:
    make_tenure().take(lambda: None, clock.wait)
    assert clock.now_s == 0


def test_a_predecessor_whose_lock_is_free_is_dead_whatever_its_card_says(make_tenure: MakeTenure, clock: Clock) -> None:
    before = make_tenure()
    before.take(lambda: None, clock.wait)
    before.close(forget=False)

    after = make_tenure()
    after.take(lambda: msgspec.structs.replace(CARD, instance=before.instance), clock.wait)

    assert clock.now_s == 0
    assert after.predecessor == before.instance


def test_a_card_that_beats_elsewhere_is_a_refusal(make_tenure: MakeTenure, clock: Clock) -> None:
    def read() -> HostCard:
        return msgspec.structs.replace(CARD, beat=int(clock.now_s / 5))

    with pytest.raises(NameTaken, match=r"'h1' is already live at this broker \(pid 77"):
        make_tenure().take(read, clock.wait)
    assert clock.now_s == pytest.approx(5, abs=2 * LOOK_S)


def test_a_card_that_stands_still_is_of_a_dead_worker(make_tenure: MakeTenure, clock: Clock) -> None:
    make_tenure().take(lambda: CARD, clock.wait)
    assert clock.now_s == pytest.approx(WATCH_S, abs=2 * LOOK_S)


def test_a_living_process_of_this_name_on_this_machine_is_a_refusal(make_tenure: MakeTenure, clock: Clock) -> None:
    make_tenure().take(lambda: None, clock.wait)
    with pytest.raises(NameTaken):
        make_tenure().take(lambda: None, clock.wait)


def test_workers_of_other_names_and_other_brokers_are_none_of_ours(make_tenure: MakeTenure, clock: Clock) -> None:
    for name, broker in (("h1", "redis://b/0"), ("h1", "redis://b/1"), ("control@h1", "redis://b/0")):
        make_tenure(name, broker).take(lambda: None, clock.wait)
    assert clock.now_s == 0


def test_a_changed_password_is_the_same_broker(make_tenure: MakeTenure) -> None:
    assert make_tenure(broker="redis://u:a@b/0").folder == make_tenure(broker="redis://u:b@b/0").folder


def test_nothing_of_a_private_worker_stays(make_tenure: MakeTenure, clock: Clock) -> None:
    tenure = make_tenure()
    tenure.take(lambda: None, clock.wait)
    tenure.close(forget=True)
    assert not tenure.folder.exists()


def test_folders_of_brokers_that_are_gone_are_cleared_after_a_day_unless_they_keep_results(
    make_tenure: MakeTenure, clock: Clock
) -> None:
    old, keeping, living = (make_tenure(broker=f"redis://{name}/0") for name in ("old", "keeping", "living"))
    for tenure in (old, keeping, living):
        tenure.take(lambda: None, clock.wait)
    (keeping.spool).mkdir()
    (keeping.spool / "r.json").write_text("{}")
    for tenure in (old, keeping):
        tenure.close(forget=False)
    for tenure in (old, keeping, living):
        os.utime(tenure.folder / "lock", (1, 1))

    ours = make_tenure()
    ours.take(lambda: None, clock.wait)
    assert ours.end_leftovers() == []

    assert not old.folder.exists()
    assert keeping.folder.exists()
    assert living.folder.exists()
