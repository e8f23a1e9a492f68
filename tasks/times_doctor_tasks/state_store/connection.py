"""Connections to the server, with timeouts, so that a dead network connection does not block a process.

Without them a client stays blocked after an outage for 0.8 times its length (measured). `socket_keepalive` is not set
for a unix socket: it would be a TypeError.
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
#: Seconds between checks of Celery's idle connections. Ours are not checked: a command that fails is sent again on a
#: new connection, and a PING before it would cost a round trip after each solve.
HEALTH_CHECK_S = 5
#: Oldest supported server: streams, TIME in scripts and AOF as tested.
OLDEST_SERVER = (7, 0)
#: Seconds to wait until control has loaded a script: a new server has none.
SCRIPT_WAIT_S = 10.0
_SCRIPT_POLL_S = 0.1


class PatientScripts:
    """For a `redis.Redis`: waits for a script that this user may not load (deploy/users.acl); control loads all."""

    def script_load(self, script: str | bytes) -> Any:
        """The script's SHA1.

        Raises:
            NoPermissionError: this user may not load it, and no other process has done so in time.
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
    """Our connection class."""


#: What a server that is there says to whatever writes, and what helps.
WRITES_REFUSED: dict[type[Exception], str] = {
    OutOfMemoryError: "is full and takes nothing more: raise its maxmemory, or `times-doctor prune --days 1`",
    ReadOnlyError: "is a read-only replica: TIMES_DOCTOR_BROKER_URL must name its primary",
}


def is_socket(url: str) -> bool:
    """Whether a broker URL names a unix socket."""
    return url.startswith("redis+socket://")


#: The error of a stream that takes no more entries.
LAST_ID = "last possible ID"


def is_wrong_type(error: Exception) -> bool:
    """Whether Redis or one of our scripts refused because a key has the wrong type."""
    if type(error) is not redis.ResponseError:  # OOM, READONLY and similar errors have separate classes
        return False
    words = str(error)
    return "WRONGTYPE" in words or LAST_ID in words or words.startswith(("user_script", "Error running"))


def connect(url: str, *, socket_timeout_s: float = SOCKET_TIMEOUT_S, retries: int | None = None) -> redis.Redis:
    """A client for a broker URL as we write it (`redis+socket://` for a unix socket). Opens nothing yet.

    `retries`: how often a command is sent again before it raises; None: redis-py's default, with pauses of seconds. A
    live screen uses 0 and reports the outage itself.
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
        BrokerUnavailable: it does not answer, needs a password, or is too old.
    """
    try:
        info: Any = client.info("server")
    except redis.AuthenticationError as error:
        # Without a password redis-py shows the answer to HELLO, which does not help the user.
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
