"""Waits for the broker at a worker's start, and raises a clear error if waiting does not help."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Sequence

import redis
from redis.exceptions import AuthorizationError, NoPermissionError

from times_doctor_tasks.config.settings import shown_url
from times_doctor_tasks.contract.errors import BrokerUnavailable
from times_doctor_tasks.contract.keys import Keys
from times_doctor_tasks.state_store.connection import check
from times_doctor_worker.redis_io.retry import SAY_AGAIN_S

logger = logging.getLogger(__name__)

#: Seconds between tries: first and longest.
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
#: Names no host and no scan.
_NOBODY = "nobody"


def wait_for_broker(client: redis.Redis, url: str, wait: Callable[[float], object]) -> str:
    """Waits until the broker answers; returns its version.

    Args:
        wait: Sleeps for that many seconds; may raise to end the wait.

    Raises:
        BrokerUnavailable: it answers, but wants a password, forbids something, or is too old.
    """
    pause_s, waited_s, tries, say_at_s = FIRST_PAUSE_S, 0.0, 0, 0.0
    while True:
        try:
            return check(client, url)
        except BrokerUnavailable as error:
            if not _may_pass(error.__cause__):
                raise
            tries += 1
            if waited_s >= say_at_s:
                after = f"No answer after {waited_s:.0f} s and {tries} tries: {error.args[1]}."
                said = error if tries == 1 else after
                logger.warning("%s Tried again in %.1f s.", said, pause_s, extra={"action": "broker_waits"})
                say_at_s = waited_s + SAY_AGAIN_S
        wait(pause_s)
        waited_s += pause_s
        pause_s = min(pause_s * 2, LONGEST_PAUSE_S)


def require_rights(client: redis.Redis, url: str, keys: Keys, roles: Sequence[str]) -> None:
    """Checks that the server allows this user the commands of its roles, by a command that changes nothing.

    Raises:
        BrokerUnavailable: the user has another role, or another prefix.
    """
    probes = {"solve": keys.host(_NOBODY), "control": keys.report(_NOBODY)}
    for role in roles:
        try:
            client.persist(probes[role])
            client.zrem(keys.line(), _NOBODY)
        except NoPermissionError as error:
            user = "the user of a control worker" if role == "control" else "the user of a worker"
            raise BrokerUnavailable(
                shown_url(url),
                f"its user may not write what a worker of role {role} writes under the prefix {keys.prefix!r}; "
                f"the URL must name {user} (deploy/users.acl)",
            ) from error


def _may_pass(cause: BaseException | None) -> bool:
    """A server that is away or loads its data will answer later; one that refuses us will not."""
    is_refusal = isinstance(cause, redis.AuthenticationError | AuthorizationError) or (
        cause is not None and isinstance(cause.__cause__ or cause.__context__, ssl.SSLCertVerificationError)
    )
    return isinstance(cause, redis.ConnectionError | redis.TimeoutError) and not is_refusal
