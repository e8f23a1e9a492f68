"""A server that answers, and refuses whatever is written: each command says why, and what helps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.test_wrong_types import command
from tests.conftest import wait_until
from tests.integration.workers import PATIENCE_S, TINY_MPS, Team, point_at
from times_doctor_tasks.celery_app.canvas import publish_aggregate
from times_doctor_tasks.celery_app.transport import GuardedChannel
from times_doctor_tasks.contract.states import RunState

Break = Callable[[Any], object]

pytestmark = [pytest.mark.long, pytest.mark.server, pytest.mark.timeout(280)]

SERVERS: dict[str, tuple[Break, Break, tuple[str, str]]] = {
    "full": (
        lambda client: client.config_set("maxmemory", "1"),
        lambda client: client.config_set("maxmemory", "0"),
        ("is full and takes nothing more: raise its maxmemory", "it takes nothing more"),
    ),
    "replica": (
        lambda client: client.replicaof("127.0.0.1", "1"),
        lambda client: client.replicaof("NO", "ONE"),
        ("is a read-only replica: TIMES_DOCTOR_BROKER_URL must name its primary", "a read-only replica of 127.0.0.1:1"),
    ),
}


@pytest.mark.sample
@pytest.mark.parametrize("server", SERVERS)
def test_a_server_that_takes_nothing_is_named_with_what_helps(team: Team, tmp_path: Path, server: str) -> None:
    worker, client = team.worker("h1"), team.store.client
    wait_until(lambda: len(team.store.live_hosts()) == 2, timeout_s=PATIENCE_S, what="control is live, too")
    spec = team.submit({"a": ""}, queue="solve.gams.nobody")
    (tmp_path / "m.mps").write_bytes(TINY_MPS)
    refuse, take, (said, found) = SERVERS[server]
    refuse(client)

    scan = ("scan", str(tmp_path / "m.mps"), "--queue", "--solver", "highs", "-p", "dual")
    for words in (scan, ("seats", "set", "cplex", "2"), ("cancel", spec.scan)):
        done = command(team, worker, *words)
        assert (done.returncode, said in " ".join(done.stderr.split())) == (5, True), (words, done)
        assert "caused error" not in done.stderr
    checked = command(team, worker, "check")
    assert (checked.returncode, found in " ".join(checked.stdout.split())) == (5, True), checked.stdout
    if server == "full":  # no heartbeat is taken either, so that nobody looks live
        wait_until(lambda: not team.store.live_hosts(), timeout_s=60, what="no card is left")
        assert said in " ".join(command(team, worker, *scan).stderr.split())
    assert command(team, worker, "prune", "--days", "1").returncode == 0
    take(client)
    if worker.process.poll() is not None:  # a replica lets no consumer live; a service manager starts it again
        team.worker("h1")
    assert team.report(team.submit({"a": ""})).runs[0].state is RunState.DONE


@pytest.mark.sample
def test_a_server_that_is_full_for_the_moment_of_a_declaration_gets_the_message(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, client = team.submit({"a": ""}), team.store.client
    queue, bind, full = team.store.keys.queue_lists("control")[0], GuardedChannel._queue_bind, iter([True])

    def bind_when_full(channel: Any, *args: Any) -> None:
        client.config_set("maxmemory", "1" if next(full, False) else "0")
        try:
            bind(channel, *args)
        finally:
            client.config_set("maxmemory", "0")

    monkeypatch.setattr(GuardedChannel, "_queue_bind", bind_when_full)
    point_at(team.broker.url, team.broker.prefix)
    publish_aggregate(spec)
    assert client.llen(queue) == 1
