"""What celery_app/internals.py relies on: when one of these fails, a new Celery or kombu has changed that part."""

from __future__ import annotations

import inspect
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import celery.events
import celery.worker.consumer.events
import kombu.asynchronous
import kombu.transport.redis
import pytest
from celery import Celery
from celery.backends.redis import RedisBackend
from celery.concurrency.thread import TaskPool
from celery.exceptions import WorkerShutdown
from celery.worker import state
from kombu.entity import Exchange, Queue

from tests.conftest import Server, wait_until
from times_doctor_tasks.celery_app import internals, ports, transport
from times_doctor_tasks.celery_app.app import app as our_app
from times_doctor_tasks.celery_app.app import configure
from times_doctor_tasks.celery_app.result_backend import ErrorProofBackend
from times_doctor_tasks.celery_app.solve_task import solve
from times_doctor_tasks.contract.messages import SolveTask, to_task
from times_doctor_worker.service.consumer import Intake

pytestmark = [pytest.mark.server, pytest.mark.timeout(30)]


@pytest.fixture
def bound(server: Server) -> Iterator[Celery]:
    app = configure(server.url, prefix=f"t{uuid.uuid4().hex[:8]}")
    yield app
    internals.forget_connections(app)


def test_a_backend_is_put_in_by_name_for_the_url_of_a_socket(bound: Celery) -> None:
    assert bound.conf.result_backend.startswith("redis+socket://")
    assert isinstance(bound.backend, ErrorProofBackend)


@pytest.mark.parametrize("name", internals.REPLACED_BACKEND_METHODS)
def test_celery_calls_the_backend_by_the_names_that_ours_replaces(name: str) -> None:
    assert callable(getattr(RedisBackend, name))
    assert name in vars(ErrorProofBackend)


def test_a_second_broker_is_not_taken_for_the_first(bound: Celery) -> None:
    first, backend = bound.pool.connection.as_uri(), bound.backend
    bound.conf.broker_url = "redis://127.0.0.1:1/0"
    internals.forget_connections(bound)
    assert bound.pool.connection.as_uri() != first
    assert bound.backend is not backend


def test_a_message_that_is_pushed_to_the_head_comes_first(bound: Celery) -> None:
    with bound.producer_pool.acquire(block=True) as producer:
        producer.publish("first", routing_key="q", exchange="", declare=[bound.amqp.queues.select_add("q")], priority=4)
        internals.push_to_head(producer, "q", "pushed", {"id": "x"}, {"priority": 4}, priority=4)
        queue: Any = Queue("q", channel=producer.channel)  # type: ignore[no-untyped-call]  # kombu has no types
        taken = [queue.get(no_ack=True) for _ in range(2)]
    assert [message.decode() for message in taken if message] == ["pushed", "first"]
    assert taken[0] is not None
    assert taken[0].headers["id"] == "x"


def test_the_loop_is_woken_when_a_thread_of_the_pool_ends_its_task(monkeypatch: pytest.MonkeyPatch) -> None:
    woken = threading.Event()

    class Loop:
        def call_soon(self, _: Any) -> None:
            woken.set()

    monkeypatch.setattr(kombu.asynchronous, "get_event_loop", Loop)
    pool = TaskPool(limit=1)
    pool.on_start()
    try:
        internals.wake_loop_when_done(pool.on_apply(lambda: None, (), {}))
        assert woken.wait(5)
    finally:
        pool.on_stop()


def test_tasks_that_count_against_the_slots_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    request = threading.Event()  # anything that can be referred to weakly
    monkeypatch.setattr(state, "reserved_requests", {request})
    assert internals.reserved_tasks() == 1


def test_a_consumer_that_is_asked_to_stop_ends_with_that_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "should_stop", None)
    internals.stop_consuming(None, 75)
    with pytest.raises(WorkerShutdown) as caught:
        state.maybe_shutdown()
    assert caught.value.code == 75


def test_a_running_consumer_changes_its_queues_and_ticks(bound: Celery) -> None:
    class Port:
        def solve(self, task: SolveTask) -> str:
            return f"done {task.run}"

    intake = Intake(nodename="solver@contract", slots=1)
    ports.install(solver=Port())
    running = threading.Thread(target=intake.run, daemon=True)
    running.start()
    try:
        wait_until(lambda: intake.ticked_s is not None, what="the loop ticks")
        intake.take_from({"solve.highs.late"})
        solve.si(to_task(SolveTask(scan="261128-000000-aaaa", run="highs.dual"))).set(queue="solve.highs.late").delay()
        wait_until(lambda: intake.received == 1, what="a message of a queue that was added in the loop")
        intake.stop_taking()
        assert set(our_app.amqp.queues.consume_from) == set()
    finally:
        intake.shut_down(0)
        running.join(10)
        ports.install()
        state.should_stop = None
    assert not running.is_alive()


def test_a_consumer_hands_our_call_to_each_dispatcher_that_it_makes() -> None:
    made = inspect.getsource(celery.worker.consumer.events.Events.start)
    assert "on_send_buffered=c.on_send_event_buffered" in made
    assert "c.event_dispatcher" in made
    assert callable(celery.events.EventDispatcher.flush)


def test_a_transport_is_put_in_by_name_for_the_url_of_a_socket(bound: Celery) -> None:
    with bound.connection_for_write() as connection:
        assert isinstance(connection.transport, transport.GuardedTransport)
        channel = connection.default_channel
        assert isinstance(channel, transport.GuardedChannel)
        assert isinstance(channel.qos, transport.GuardedQoS)
        assert isinstance(channel.client, transport.GuardedRedis)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (transport.GuardedRedis, "PrefixedStrictRedis"),
        (transport.GuardedQoS, "QoS"),
        (transport.GuardedChannel, "Channel"),
        (transport.GuardedTransport, "Transport"),
    ],
)
def test_kombu_calls_the_transport_by_the_names_that_ours_replaces(ours: type, theirs: str) -> None:
    base = getattr(kombu.transport.redis, theirs)
    assert issubclass(ours, base)
    for name in internals.REPLACED_TRANSPORT_METHODS[theirs]:
        assert callable(getattr(base, name))
        assert name in vars(ours)


def test_what_brpop_brings_goes_through_the_client_that_is_ours() -> None:
    read = inspect.getsource(kombu.transport.redis.Channel._brpop_read)
    assert "self.client.parse_response(self.client.connection" in read
    assert "raise Empty()" in read  # where it gives None


def test_the_lists_of_a_queue_and_the_bindings_of_an_exchange_are_those_that_kombu_writes(bound: Celery) -> None:
    with bound.connection_for_write() as connection:
        channel: Any = connection.default_channel
        queue: Any = Queue("q", channel=channel, exchange=Exchange("e"))  # type: ignore[no-untyped-call]
        queue.declare()
        channel._put("q", {"properties": {"priority": 3}})
        plain = channel._plain()
        prefix = channel.global_keyprefix
        lists = internals.lists_of(channel, "q")
        assert [name for name in lists if plain.type(prefix + name) == b"list"] == [lists[3]]
        assert {plain.type(prefix + name) for name in internals.bindings_of(channel, "e")} == {b"set"}


def test_the_unacked_copy_of_a_message_is_read_and_removed(bound: Celery) -> None:
    with bound.connection_for_write() as connection:
        channel: Any = connection.default_channel
        plain, prefix = channel._plain(), channel.global_keyprefix
        plain.hset(f"{prefix}unacked", "tag", b"copy")
        plain.zadd(f"{prefix}unacked_index", {"tag": 1})
        assert internals.unacked_entry(channel.qos, "tag") == b"copy"
        internals.forget_unacked(channel.qos, "tag")
        assert internals.unacked_entry(channel.qos, "tag") == b""
        assert not plain.exists(f"{prefix}unacked_index")


def test_a_message_that_was_delivered_is_forgotten_by_its_tag(bound: Celery) -> None:
    with bound.connection_for_write() as connection:
        channel: Any = connection.default_channel
        message = {"properties": {"delivery_tag": "tag"}}
        internals.forget_delivered(channel, message)  # never delivered
        channel.qos._delivered["tag"] = message
        internals.forget_delivered(channel, message)
        assert "tag" not in set(channel.qos._delivered) - set(channel.qos._dirty)
