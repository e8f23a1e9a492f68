"""Connections to the server, with timeouts, so that a dead network connection does not block a process.

Without them a lost network leaves a client blocked for 0.8 times the length of the outage after it is over
(measured). `socket_keepalive` with a unix socket is a TypeError: it is left out there.
"""

from __future__ import annotations

import hashlib
import time
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.exceptions import NoPermissionError, OutOfMemoryError, ReadOnlyError
from redis.retry import Retry

from times_doctor_tasks.config.settings import shown_url
from times_doctor_tasks.config.tls import tls_options, tls_problem
from times_doctor_tasks.contract.clock import monotonic_s
from times_doctor_tasks.contract.errors import BrokerUnavailable

#: Seconds to wait for an answer, and for a connection.
SOCKET_TIMEOUT_S = 10.0
CONNECT_TIMEOUT_S = 5.0
#: Seconds between checks that an idle connection of Celery's still lives. Ours are not checked: a command that fails on
#: one is sent again on a new one, and a PING before it costs a round trip each time that a slot frees after a solve.
HEALTH_CHECK_S = 5
#: Oldest server we speak to: streams, functions of TIME in scripts and AOF as tested.
OLDEST_SERVER = (7, 0)


#: Seconds that a script which only control may load is waited for: a server that has just started knows none.
SCRIPT_WAIT_S = 10.0
_SCRIPT_POLL_S = 0.1


class PatientScripts:
    """For a `redis.Redis`: a script that this user may not load (deploy/users.acl) is waited for; control loads all."""

    def script_load(self, script: str | bytes) -> Any:
        """The script's SHA1.

        Raises:
            NoPermissionError: it may not be loaded, and no other process has done so in time.
        """
        asked: Any = super()
        try:
            return asked.script_load(script)
        except NoPermissionError:
            raw = script.encode() if isinstance(script, str) else script
            sha1 = hashlib.sha1(raw, usedforsecurity=False).hexdigest()
        deadline_s = monotonic_s() + SCRIPT_WAIT_S
        while not asked.script_exists(sha1)[0]:
            if monotonic_s() > deadline_s:
                raise NoPermissionError(
                    "a script is not loaded, which only a control worker may do: is one running, and of this version?"
                )
            time.sleep(_SCRIPT_POLL_S)
        return sha1


class PatientRedis(PatientScripts, redis.Redis):  # type: ignore[misc]  # redis-py's types are for async clients too
    """What we connect with."""


#: What a server that is there says to whatever writes, and what helps.
WRITES_REFUSED: dict[type[Exception], str] = {
    OutOfMemoryError: "is full and takes nothing more: raise its maxmemory, or `times-doctor prune --days 1`",
    ReadOnlyError: "is a read-only replica: TIMES_DOCTOR_BROKER_URL must name its primary",
}


def is_socket(url: str) -> bool:
    """Whether a broker URL names a unix socket."""
    return url.startswith("redis+socket://")


#: What a stream says that nothing can be added to any more.
LAST_ID = "last possible ID"


def is_wrong_type(error: Exception) -> bool:
    """Whether Redis, or a script of ours, refused because a key of ours has the wrong type."""
    if type(error) is not redis.ResponseError:  # OOM, READONLY and their kind are classes of their own
        return False
    words = str(error)
    return "WRONGTYPE" in words or LAST_ID in words or words.startswith(("user_script", "Error running"))


def connect(url: str, *, socket_timeout_s: float = SOCKET_TIMEOUT_S, retries: int | None = None) -> redis.Redis:
    """A client for a broker URL as we write it (`redis+socket://` for a unix socket). Opens nothing yet.

    `retries`: how often a command is sent again before its error is told; None leaves it to redis-py, which waits for
    seconds between them. A screen that a person looks at takes 0, and tells of the outage itself.
    """
    options: dict[str, Any] = {
        "socket_timeout": socket_timeout_s,
        "socket_connect_timeout": CONNECT_TIMEOUT_S,
        "driver_info": None,  # to tell the server our version, redis-py would read its package's metadata first
    }
    options |= tls_options(url)
    if retries is not None:
        options["retry"] = Retry(NoBackoff(), retries)
    if is_socket(url):
        return PatientRedis.from_url("unix://" + url.removeprefix("redis+socket://"), **options)
    return PatientRedis.from_url(url, socket_keepalive=True, **options)


def check(client: redis.Redis, url: str) -> str:
    """The server's version.

    Raises:
        BrokerUnavailable: it does not answer, wants a password, or is too old.
    """
    try:
        info: Any = client.info("server")
    except redis.AuthenticationError as error:
        # Without a password redis-py shows what its HELLO was answered: a paragraph that does not help.
        refused = "" if "WRONGPASS" not in str(error) and "invalid" not in str(error) else ", and not this one"
        raise BrokerUnavailable(
            shown_url(url), f"it wants a password{refused}: redis://user:password@host, in the environment or a file"
        ) from error
    except redis.RedisError as error:
        if words := tls_problem(error, url):
            raise BrokerUnavailable(shown_url(url), words) from error
        raise BrokerUnavailable(shown_url(url), str(error).rstrip(".") or type(error).__name__) from error
    version = str(info.get("redis_version", "0"))
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_SERVER:
        raise BrokerUnavailable(shown_url(url), f"it is version {version}")
    return version
