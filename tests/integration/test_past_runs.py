"""The team's history in a real server, written by the report."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.unit.tasks.analysis.test_history import record
from times_doctor_tasks.state_store import past_runs as module
from times_doctor_tasks.state_store.past_runs import add_past_runs, forget_past_runs, past_runs
from times_doctor_tasks.state_store.run_store import RunStore

pytestmark = pytest.mark.server


def test_a_report_that_is_made_twice_leaves_its_runs_once(store: RunStore) -> None:
    for _ in range(2):
        add_past_runs(store, [record(2, title="secret"), record(1)])
    assert past_runs(store) == [record(1), record(2)]
    add_past_runs(store, [])


def test_only_the_newest_are_kept(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 3)
    add_past_runs(store, [record(scan) for scan in (5, 1, 4)])
    add_past_runs(store, [record(scan) for scan in (3, 2)])
    assert [one.at_ms for one in past_runs(store)] == [3, 4, 5]


def test_some_are_forgotten_or_all(store: RunStore) -> None:
    add_past_runs(store, [record(1), record(2)])
    forget_past_runs(store, lambda one: one.scan == "1")
    assert past_runs(store) == [record(2)]
    forget_past_runs(store, lambda one: False)
    forget_past_runs(store)
    assert past_runs(store) == []


def test_records_of_another_version_are_passed_over(store: RunStore) -> None:
    add_past_runs(store, [record(1)])
    store.client.zadd(store.keys.past_runs(), {b'{"schema": 9}': 5, msgspec.json.encode({"schema": 1}): 6})
    assert past_runs(store) == [record(1)]


def test_no_report_fails_where_the_history_cannot_be_written(store: RunStore, caplog: Any) -> None:
    store.client.set(store.keys.past_runs(), "somebody else's")
    add_past_runs(store, [record(1)])
    assert "the history is not kept" in caplog.text
