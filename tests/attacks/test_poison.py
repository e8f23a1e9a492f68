"""Malformed messages and keys against real workers: each costs at most its own run."""

from __future__ import annotations

import json
import time

import pytest

from tests.attacks.shapes import shapes, sound
from tests.conftest import wait_until
from tests.integration.workers import PATIENCE_S, Team, Worker, point_at
from times_doctor_tasks.celery_app.app import app
from times_doctor_tasks.celery_app.canvas import keeping_messages, publish_again
from times_doctor_tasks.contract.keys import CONTROL_QUEUE, solve_queue
from times_doctor_tasks.contract.states import RunState, ScanMode
from times_doctor_tasks.state_store.dead_letters import DeadLetters

pytestmark = [pytest.mark.long, pytest.mark.server, pytest.mark.timeout(150)]

SOLVE = solve_queue("highs", "highs")


def letters(team: Team) -> DeadLetters:
    return DeadLetters(team.store.client, team.store.keys)


def counted(team: Team) -> int:
    return sum(letters(team).counts().values())


def push(team: Team, queue: str, *messages: bytes, priority: int = 5) -> None:
    team.store.client.lpush(team.store.keys.queue_lists(queue)[priority], *messages)


def wait_for_count(team: Team, amount: int) -> None:
    wait_until(lambda: counted(team) >= amount, timeout_s=PATIENCE_S, what=f"{amount} put aside")
    assert counted(team) == amount


def still_works(team: Team, worker: Worker) -> None:
    """The same process solves, and nothing is left un-acked."""
    report = team.report(team.submit({"a": ""}))
    assert [run.state for run in report.runs] == [RunState.DONE]
    assert worker.process.poll() is None, worker.log
    key = f"{team.store.keys.prefix}:celery:unacked"
    wait_until(lambda: not team.store.client.exists(key, f"{key}_index"), what="nothing un-acked")


@pytest.mark.sample
@pytest.mark.parametrize("queue", [SOLVE, CONTROL_QUEUE])
def test_no_malformed_message_ends_a_worker(team: Team, queue: str) -> None:
    worker = team.worker("h1")
    poison = [raw for _, raw in shapes()]
    push(team, queue, *poison)
    wait_for_count(team, len(poison))
    assert len(letters(team).newest()) == min(len(poison), 200)
    still_works(team, worker)


def test_a_run_whose_message_is_broken_ends_as_failed_and_the_others_go_on(team: Team) -> None:
    team.store.client.ping()
    for mode in ScanMode:
        spec = team.submit({"a": "", "b": ""}, mode=mode)
        queue = team.store.keys.queue_lists(SOLVE)[5]
        waiting = team.store.client.lrange(queue, 0, -1)
        broken = [raw.replace(b'"eta": null', b'"eta": [1]') if b".highs.a" in raw else raw for raw in waiting]
        assert broken != waiting
        team.store.client.delete(queue)
        team.store.client.rpush(queue, *broken)
        worker = team.worker(f"h{mode}")
        runs = {run.profile: run for run in team.report(spec).runs}
        assert (runs["a"].state, runs["b"].state) == (RunState.FAILED, RunState.DONE)
        assert runs["a"].sentence == "No worker could read its message: its header 'eta' is wrong."
        assert letters(team).runs() == {}
        worker.kill()


@pytest.mark.parametrize("mode", ScanMode)
def test_no_message_of_ours_is_ever_put_aside(team: Team, mode: ScanMode) -> None:
    spec = team.submit({"a": "", "b": "", "c": ""}, mode=mode)
    pinned = team.submit({"a": ""}, queue="host.h1")
    point_at(team.broker.url, team.broker.prefix)
    with keeping_messages(team.store):
        for head in (False, True):
            assert publish_again(app, team.store, spec.scan, "highs.a", head=head)
            assert publish_again(app, team.store, spec.scan, "highs.a", host="h1", head=head)
    team.worker("h1")
    for one in (spec, pinned):
        assert {run.state for run in team.report(one).runs} == {RunState.DONE}
    wait_until(lambda: not team.store.waiting([SOLVE, "host.h1", CONTROL_QUEUE]), what="all is taken")
    assert counted(team) == 0


@pytest.mark.parametrize("priority", [0, 5])
def test_a_queue_that_somebody_made_a_string_ends_no_worker(team: Team, priority: int) -> None:
    worker = team.worker("h1")
    team.store.client.set(team.store.keys.queue_lists(SOLVE)[priority], "x")
    wait_for_count(team, 1)
    still_works(team, worker)


@pytest.mark.parametrize(("hash_kind", "index_kind"), [("set", "rpush"), ("rpush", "set"), ("sadd", "hset")])
def test_unacked_keys_of_the_wrong_type_end_no_worker(team: Team, hash_kind: str, index_kind: str) -> None:
    worker = team.worker("h1")
    prefix = f"{team.store.keys.prefix}:celery:unacked"
    for key, kind in ((prefix, hash_kind), (f"{prefix}_index", index_kind)):
        values = ("a", "b") if kind == "hset" else ("x",)
        team.store.client.execute_command(kind, key, *values)
    still_works(team, worker)


def test_unacked_entries_that_nobody_can_read_end_no_start(team: Team) -> None:
    prefix = f"{team.store.keys.prefix}:celery:unacked"
    message = json.dumps([sound("s1", "highs.a"), "", SOLVE])
    entries = [
        b"",
        b"x",
        b"[1]",
        b"\xff",
        b"[1, 2, 3]",
        b'[{"headers": 1}, "", "q"]',
        b"[" * 9999,
        message[:99].encode(),
    ]
    for number, entry in enumerate(entries):
        team.store.client.hset(prefix, f"tag{number}", entry)
        team.store.client.zadd(f"{prefix}_index", {f"tag{number}": 1})
    worker = team.worker("h1")
    deadline = time.monotonic() + PATIENCE_S
    wait_until(
        lambda: not team.store.client.exists(prefix, f"{prefix}_index"),
        timeout_s=deadline - time.monotonic(),
        what="un-acked entries gone",
    )
    still_works(team, worker)


@pytest.mark.parametrize("name", ["_kombu.binding.{}", "_kombu.binding_permanent.{}"])
def test_a_binding_of_the_wrong_type_ends_no_start(team: Team, name: str) -> None:
    for queue in (SOLVE, CONTROL_QUEUE, "host.h1", ""):
        team.store.client.set(f"{team.store.keys.prefix}:celery:{name.format(queue)}", "x")
    still_works(team, team.worker("h1"))


@pytest.mark.parametrize("key", ["dead", "dead:counts", "dead:runs"])
def test_a_list_of_dead_letters_that_is_none_is_begun_anew(team: Team, key: str) -> None:
    worker = team.worker("h1")
    team.store.client.set(f"{team.store.keys.prefix}:{key}", "x")
    push(team, SOLVE, b"x")
    wait_for_count(team, 1)
    still_works(team, worker)
