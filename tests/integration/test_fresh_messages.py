from __future__ import annotations

import json

import pytest

from tests.conftest import Server
from tests.integration.conftest import Submit, make_runs
from tests.integration.workers import point_at
from times_doctor_tasks.celery_app.canvas import keeping_messages, publish_fresh
from times_doctor_tasks.contract.messages import RunSpec, ScanSpec
from times_doctor_tasks.contract.states import ScanMode
from times_doctor_tasks.state_store.run_store import RunStore

pytestmark = pytest.mark.server


def published(store: RunStore, spec: ScanSpec, url: str, run: RunSpec, following: list[RunSpec]) -> list[str]:
    """Tasks that the published message of `run` brings after itself, in order."""
    point_at(url, store.keys.prefix)
    with keeping_messages(store):
        publish_fresh(spec, run, following)
    embedded = json.loads(store.message(spec.scan, run.run)["body"])[2]
    return [task["options"]["task_id"] for task in reversed(embedded["chain"] or [])]


def test_a_first_message_of_a_chain_brings_all_that_follow_it(server: Server, store: RunStore, submit: Submit) -> None:
    spec = submit(ScanMode.CHAIN, ("cplex.a", "cplex.b", "cplex.c"))
    _, second, third = make_runs(spec)
    assert published(store, spec, server.url, second, [third]) == ["s1.cplex.c", "s1.aggregate"]


def test_a_first_message_of_a_part_of_a_chord_brings_nothing(server: Server, store: RunStore, submit: Submit) -> None:
    spec = submit()
    first, second = make_runs(spec)
    assert published(store, spec, server.url, first, [second]) == []
