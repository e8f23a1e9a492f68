"""The server of a redis store: its connection, and its errors as those of a store."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import redis
from redis.exceptions import AuthenticationError, NoPermissionError

from times_doctor_tasks.blob_store.errors import StoreFull, StoreUnreachable
from times_doctor_tasks.contract.errors import StoreFailed, UsageError
from times_doctor_tasks.state_store.connection import connect

#: Seconds to wait for an answer: longer than for messages, because 8 MiB on a slow line come before it.
STORE_TIMEOUT_S = 60.0


def connect_store(url: str) -> redis.Redis:
    """A client for a store's URL. Opens nothing yet.

    Raises:
        UsageError: the URL cannot be read; it is not shown, because what cannot be read cannot be masked.
    """
    try:
        return connect(url, socket_timeout_s=STORE_TIMEOUT_S)
    except (ValueError, TypeError):
        raise UsageError(
            "The URL of the redis store cannot be read: expected redis://user:password@host:6379/0, with any of "
            "/ : @ ? # in user and password written as %2F %3A %40 %3F %23."
        ) from None  # the cause would quote a part of the URL, perhaps half a password


@contextlib.contextmanager
def translated(where: str) -> Iterator[None]:
    """Turns redis-py's errors into the store's. Server messages carry no credentials, and the URL is never put in.

    Raises:
        StoreFailed: StoreUnreachable where a later try may succeed.
    """
    try:
        yield
    except (AuthenticationError, NoPermissionError) as error:  # the first is a ConnectionError, but no try mends it
        step = "Check user and password in its URL; of the users for each role only client and worker may use a store."
        raise StoreFailed(f"The store at {where!r} refuses us: {str(error).rstrip('.?')}. {step}") from error
    except (redis.ConnectionError, redis.TimeoutError) as error:
        raise StoreUnreachable(where, str(error) or type(error).__name__) from error
    except redis.RedisError as error:
        raise StoreFailed(f"The store at {where!r} answered: {str(error) or type(error).__name__}.") from error


def bounded(client: Any, keys: Sequence[str], most_bytes: int) -> list[bytes | None]:
    """The strings at `keys` in one round trip, only the first `most_bytes` + 1 of longer ones; None if missing."""
    pipe = client.pipeline(transaction=False)
    for key in keys:
        pipe.getrange(key, 0, most_bytes)
    answers = pipe.execute(raise_on_error=False)
    for answer in answers:
        # A key of another type is as good as none, as MGET has it.
        if isinstance(answer, Exception) and not str(answer).startswith("WRONGTYPE"):
            raise answer
    return [answer if isinstance(answer, bytes) and answer else None for answer in answers]


def full_server(where: str, needed_bytes: int, what: str, room_bytes: int) -> StoreFull:
    """The error of a server that is, or would be, out of memory."""
    limit = "a tenth of the server's maxmemory stays free for the scans themselves"
    return StoreFull(where, needed_bytes, room_bytes, limit, what, "give the server more maxmemory")
