"""All uses of undocumented parts of Celery or kombu: one function each.

Why we need them: docs/adr/0002. Each has a contract test in
tests/contract/test_celery_internals.py; `make test-next` runs these against the newest Celery and kombu.
Imports are local: most of Celery's worker would cost a client a quarter of a second.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from celery import Celery
from kombu.serialization import dumps as serialize
from kombu.utils.json import dumps as to_json

#: Methods of Celery's Redis backend that ours replaces (`result_backend.ErrorProofBackend`); Celery calls them by name.
REPLACED_BACKEND_METHODS = (
    "store_result",
    "restore_group",
    "on_chord_part_return",
    "on_task_call",
    "remove_pending_result",
)


def use_backend(app: Celery, backend: str) -> None:
    """Makes `module:Class` the result backend of `redis` and `rediss` URLs.

    The documented way, by URL, does not work: `module:Class+redis+socket://` does not parse.
    """
    app.loader.override_backends = dict.fromkeys(("redis", "rediss"), backend)


def forget_connections(app: Celery) -> None:
    """Closes the pools and the backend; the next use opens new ones.

    Otherwise Celery keeps them: a program's second broker would get nothing, and its first one everything.
    """
    app._after_fork()  # noqa: SLF001  # what Celery does where a process must not use the connections it was given
    app._backend_cache = None  # noqa: SLF001
    app._local = threading.local()  # noqa: SLF001


def push_to_head(
    producer: Any, queue: str, body: Any, headers: Mapping[str, Any], properties: Mapping[str, Any], *, priority: int
) -> None:
    """Publishes like kombu's Redis channel, but at the end of the list that is served first.

    Its `_put` always pushes to the other end (kombu 5.7, transport/redis.py).
    """
    channel = producer.channel
    content_type, content_encoding, content = serialize(body, serializer="json")  # type: ignore[no-untyped-call]  # kombu has no types
    envelope = channel.prepare_message(content, priority, content_type, content_encoding, headers, properties)
    channel._inplace_augment_message(envelope, "", queue)  # noqa: SLF001
    with channel.conn_or_acquire() as client:
        client.rpush(channel._q_for_pri(queue, priority), to_json(envelope))  # type: ignore[no-untyped-call]  # noqa: SLF001


def wake_loop_when_done(result: Any) -> None:
    """Wakes the consumer's loop when the task of an `ApplyResult` of Celery's thread pool ends.

    With `worker_disable_prefetch` nothing else does: the next message waits up to a second.
    """
    result.f.add_done_callback(_wake_loop)


def scripts_of_others() -> tuple[str, ...]:
    """The exact Lua scripts of Celery's backend, kombu's transport and redis-py's lock."""
    from celery.backends import redis as backend
    from kombu.transport import redis as transport
    from redis.lock import Lock

    return (
        *(backend.CHORD_PART_RETURN_LUA, backend.CHORD_CLEANUP_LUA, backend.CHORD_CLAIM_EXTEND_LUA),
        *(transport.REFRESH_BINDING, transport.SWEEP_BINDINGS),
        *(Lock.LUA_RELEASE_SCRIPT, Lock.LUA_EXTEND_SCRIPT, Lock.LUA_REACQUIRE_SCRIPT),
    )


def _wake_loop(_: Any) -> None:
    from kombu.asynchronous import get_event_loop

    loop = get_event_loop()
    if loop is not None:
        loop.call_soon(_nothing)  # type: ignore[no-untyped-call]  # kombu has no types


def _nothing() -> None:
    """The call itself wakes the loop."""


def reserved_tasks() -> int:
    """Tasks that Celery counts against the slots of this worker."""
    from celery.worker import state

    return len(state.reserved_requests)


def stop_consuming(controller: Any, code: int) -> None:
    """Ends a `WorkController` with `code` as soon as no task runs; None: the controller does not exist yet."""
    from celery.bootsteps import RUN
    from celery.exceptions import WorkerShutdown
    from celery.worker import state

    def end() -> None:
        # A loop that ended by itself meanwhile carries this out while it closes, where an exception cuts that short.
        if controller.blueprint.state == RUN:
            raise WorkerShutdown(code)

    state.should_stop = code  # checked wherever the loop, or its connecting, starts again
    call_in_loop(controller, end)  # wakes a loop that waits


def call_in_loop(controller: Any, call: Callable[[], object]) -> bool:
    """Runs `call` in the loop of a `WorkController`'s consumer; False where there is none (yet)."""
    consumer = getattr(controller, "consumer", None)
    if consumer is None:
        return False
    consumer.call_soon(call)
    return True


def repeat_in_loop(consumer: Any, seconds: float, call: Callable[[], object]) -> None:
    """Runs `call` in a consumer's loop each `seconds`."""
    consumer.timer.call_repeatedly(seconds, call)


def consume_from(app: Celery, controller: Any, wanted: Iterable[str]) -> Exception | None:
    """In the loop: makes a consumer take from these queues and no others. Without a connection it does nothing.

    Remote control would be the documented way, and it is off.

    Returns:
        The connection's error: Celery's own table has changed by then, so connecting again brings what is wanted.
    """
    consumer = getattr(controller, "consumer", None)
    if consumer is None or consumer.task_consumer is None:
        return None
    queues, names = app.amqp.queues, set(wanted)
    consumed = set(queues.consume_from)
    try:
        for name in consumed - names:
            consumer.cancel_task_queue(name)
        for name in names - consumed:
            queues[name]  # defined on the first look, as a queue named at the start is
            consumer.add_task_queue(name)
    except consumer.connection_errors as error:
        return error  # type: ignore[no-any-return]  # celery has no types
    return None


def on_event_buffered(consumer: Any, call: Callable[[], object]) -> None:
    """Calls `call` whenever the consumer's dispatcher has buffered an event; set it before the consumer starts."""
    consumer.on_send_event_buffered = call


def flush_events(consumer: Any) -> None:
    """Sends what the consumer's dispatcher has buffered; it keeps what cannot be sent, and locks itself."""
    if consumer.event_dispatcher is not None:
        consumer.event_dispatcher.flush()


#: Methods of kombu's Redis transport that ours replaces (`transport`), by class; kombu calls them by name.
REPLACED_TRANSPORT_METHODS = {
    "PrefixedStrictRedis": ("parse_response",),
    "QoS": ("append", "ack", "reject", "restore_visible", "restore_by_tag"),
    "Channel": ("_get_client", "_connparams", "_queue_bind", "_size", "_put"),
    "Transport": ("_deliver",),
}


def use_transport(transport: str) -> None:
    """Makes `module:Class` the transport of `redis` and `rediss` URLs in this process, of a unix socket's too."""
    from kombu import transport as known

    for scheme in ("redis", "rediss"):
        known.TRANSPORT_ALIASES[scheme] = transport
        known._transport_cache.pop(scheme, None)  # noqa: SLF001


def lists_of(channel: Any, queue: str) -> list[str]:
    """Names of the lists in which a channel keeps the messages of a queue, one for each priority."""
    return [channel._q_for_pri(queue, step) for step in channel.priority_steps]  # noqa: SLF001


def bindings_of(channel: Any, exchange: str) -> list[str]:
    """Names of the sets in which a channel keeps the bindings of an exchange."""
    return [channel.keyprefix_queue % (exchange,), channel.keyprefix_binding_permanent % (exchange,)]


def unacked_entry(qos: Any, tag: Any) -> bytes:
    """The un-acked copy of a message; empty if it is gone."""
    with qos.channel.conn_or_acquire() as client:
        return client.hget(qos.unacked_key, tag) or b""


def forget_unacked(qos: Any, tag: Any) -> None:
    """Removes the un-acked copy of a message."""
    qos._remove_from_indices(tag).execute()  # noqa: SLF001


def forget_delivered(channel: Any, message: Any) -> None:
    """Acknowledges a message that was delivered, if only in part."""
    properties = message.get("properties") if isinstance(message, dict) else None
    tag = properties.get("delivery_tag") if isinstance(properties, dict) else None
    if isinstance(tag, str) and tag in channel.qos._delivered:  # noqa: SLF001
        channel.basic_ack(tag)
