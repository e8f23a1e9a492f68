"""kombu's Redis transport with checks of incoming bytes: a bad message or key cannot end a worker.

It checks at three places: the answer of BRPOP, before anything is un-acked; the un-acked copies, which the next worker
restores; and the delivery, for anything on which Celery still fails. `internals` installs it, and names the parts of
kombu that it relies on.
"""
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import functools
import logging
import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import redis
from kombu.transport import redis as kombu_redis
from kombu.utils.json import dumps

from times_doctor_tasks.celery_app import internals
from times_doctor_tasks.celery_app.message_check import Refused, judged, origin, subject
from times_doctor_tasks.contract.clock import now_ms
from times_doctor_tasks.contract.keys import Keys
from times_doctor_tasks.state_store.connection import PatientScripts, is_wrong_type
from times_doctor_tasks.state_store.dead_letters import HEAD_BYTES, DeadLetter, DeadLetters

logger = logging.getLogger(__name__)
_T = TypeVar("_T")

#: An outage, and no fault of the message. kombu's own list has KeyError in it.
_OUTAGE = (redis.ConnectionError, redis.TimeoutError, redis.exceptions.BusyLoadingError, OSError)
#: The part after `<prefix>` in the prefix of Celery's keys.
CELERY_KEYS = ":celery:"


class GuardedRedis(PatientScripts, kombu_redis.PrefixedStrictRedis):  # type: ignore[misc]  # see PatientRedis
    """The client of a channel, which checks the messages of BRPOP."""

    def __init__(self, *args: Any, channel: GuardedChannel, **kwargs: Any) -> None:
        self._channel = channel
        super().__init__(*args, **kwargs)

    def parse_response(self, connection: Any, command_name: str, **options: Any) -> Any:
        """Like redis-py's; for BRPOP returns None, as after a time-out, if Celery cannot take the message."""
        if command_name != "BRPOP":
            return super().parse_response(connection, command_name, **options)
        try:
            answer = super().parse_response(connection, command_name, **options)
        except redis.ResponseError as error:
            if not is_wrong_type(error):
                raise
            self._channel.heal_queues()
            return None
        if not answer:
            return answer
        queue, raw = answer
        name = queue.decode("utf-8", "replace").partition(self._channel.sep)[0]
        try:
            return queue, judged(raw, name)
        except Refused as error:
            self._channel.put_aside(name, raw, str(error))
            return None


class GuardedQoS(kombu_redis.QoS):
    """Un-acked copies, in keys that other programs may have written."""

    def append(self, message: Any, delivery_tag: str) -> None:
        """As kombu's."""
        self._healing(lambda: super(GuardedQoS, self).append(message, delivery_tag))

    def ack(self, delivery_tag: str) -> None:
        """As kombu's."""
        self._healing(lambda: super(GuardedQoS, self).ack(delivery_tag))

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:  # as kombu calls it
        """As kombu's."""
        self._healing(lambda: super(GuardedQoS, self).reject(delivery_tag, requeue=requeue))

    def restore_visible(self, *args: Any, **kwargs: Any) -> None:
        """As kombu's."""
        self._healing(lambda: super(GuardedQoS, self).restore_visible(*args, **kwargs))

    def restore_by_tag(self, tag: Any, client: Any = None, leftmost: bool = False) -> None:
        """As kombu's; an unreadable entry becomes a dead letter; every start of a worker would fail on it."""
        try:
            super().restore_by_tag(tag, client=client, leftmost=leftmost)
        except (*_OUTAGE, redis.WatchError, redis.ResponseError):
            raise
        except Exception as error:  # noqa: BLE001  # a broken entry raises anything, and becomes a dead letter
            raw = internals.unacked_entry(self, tag)
            self.channel.put_aside("unacked", raw, f"its un-acked copy cannot be read ({type(error).__name__})")
            internals.forget_unacked(self, tag)

    @contextmanager
    def pipe_or_acquire(self, pipe: Any = None, client: Any = None) -> Iterator[Any]:
        """Like kombu's, without MULTI and EXEC: the sweeper repairs a half-done write too."""
        with super().pipe_or_acquire(pipe, client) as found:
            if found is not pipe:
                found.transaction = False
            yield found

    def _healing(self, call: Callable[[], None]) -> None:
        self.channel.healing(call, {self.unacked_key: b"hash", self.unacked_index_key: b"zset"})


class GuardedChannel(kombu_redis.Channel):
    """A channel that turns bad messages into dead letters, and removes keys of a wrong type."""

    QoS = GuardedQoS

    def put_aside(self, queue: str, raw: bytes, reason: str) -> None:
        """Stores the head of a message; raises only for an outage."""
        scan, run = subject(raw)
        logger.error(
            "dead letter from %s: %s", queue, reason,
            extra={"action": "put_aside", "scan": scan, "run": run, "bytes": len(raw)},
        )  # fmt: skip
        letter = DeadLetter(
            at_ms=now_ms(),
            queue=queue[:200],
            reason=reason,
            origin=origin(raw),
            by=platform.node(),
            size_bytes=len(raw),
            scan=scan,
            run=run,
            head=raw[:HEAD_BYTES],
        )
        prefix = self.global_keyprefix.removesuffix(CELERY_KEYS)
        try:
            DeadLetters(self._plain(), Keys(prefix)).put_aside(letter)
        except redis.ResponseError as error:  # full, or not allowed: only the log line above remains
            logger.error("the dead letter was not kept: %s", error, extra={"action": "put_aside_failed"})

    def heal(self, wanted: Mapping[str, bytes]) -> None:
        """Removes those of these keys that have a wrong type: they cannot hold our data."""
        plain = self._plain()
        for name, kind in wanted.items():
            found = bytes(plain.type(self.global_keyprefix + name))  # type: ignore[arg-type]
            if found not in (kind, b"none"):
                plain.delete(self.global_keyprefix + name)
                self.put_aside(name.partition(self.sep)[0], b"", f"the key was a {found.decode()}")

    def heal_queues(self) -> None:
        """Removes lists of our queues that are not lists."""
        for queue in self.active_queues:
            self.heal(dict.fromkeys(internals.lists_of(self, queue), b"list"))

    def healing(self, call: Callable[[], _T], wanted: Mapping[str, bytes]) -> _T:
        """The result of `call`; retried once if these keys had a wrong type."""
        try:
            return call()
        except redis.ResponseError as error:
            if not is_wrong_type(error):
                raise
            self.heal(wanted)
            return call()

    def _queue_bind(self, exchange: str, *args: Any) -> None:
        bindings = dict.fromkeys(internals.bindings_of(self, exchange), b"set")
        self.healing(lambda: super(GuardedChannel, self)._queue_bind(exchange, *args), bindings)

    def _size(self, queue: str) -> Any:
        lists = dict.fromkeys(internals.lists_of(self, queue), b"list")
        return self.healing(lambda: super(GuardedChannel, self)._size(queue), lists)

    def _put(self, queue: str, message: Any, **kwargs: Any) -> Any:
        lists = dict.fromkeys(internals.lists_of(self, queue), b"list")
        return self.healing(lambda: super(GuardedChannel, self)._put(queue, message, **kwargs), lists)

    def _connparams(self, *args: Any, **kwargs: Any) -> Any:
        if self.connection is None:  # kombu closed it while it declared a queue again, and now publishes on it
            raise redis.ConnectionError("the channel is closed")  # it then publishes on a new one
        return super()._connparams(*args, **kwargs)

    def _get_client(self) -> Any:
        super()._get_client()  # looks at redis-py's version
        return functools.partial(GuardedRedis, global_keyprefix=self.global_keyprefix, channel=self)

    def _plain(self) -> redis.Redis:
        """A client without kombu's prefix: that leaves LTRIM, HINCRBY and TYPE without one."""
        return redis.Redis(connection_pool=self.pool)


class GuardedTransport(kombu_redis.Transport):
    """The transport of `redis` and `rediss` URLs in this process."""

    Channel = GuardedChannel

    def _deliver(self, message: Any, queue: str) -> None:
        try:
            super()._deliver(message, queue)
        except (*_OUTAGE, redis.RedisError):
            raise
        except Exception as error:  # any error: one message must not end the consumer
            channel: Any = next(iter(self.channels), None)
            if channel is None:
                raise
            logger.exception("celery stumbled over a message", extra={"action": "defect"})
            channel.put_aside(queue, dumps(message).encode(), f"Celery cannot take it ({type(error).__name__})")
            internals.forget_delivered(channel, message)
