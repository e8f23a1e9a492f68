"""Calls that must get an answer: retried on every RedisError, and logged while they wait.

OOM, READONLY and LOADING come from a server that will recover; so does a lost connection.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

import redis
from kombu.exceptions import OperationalError

from times_doctor_tasks.contract.clock import monotonic_s
from times_doctor_tasks.state_store.connection import is_wrong_type

logger = logging.getLogger(__name__)
_T = TypeVar("_T")

#: Pause between tries, seconds: first and longest.
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 2.0
#: Seconds after which a lasting outage is logged again.
SAY_AGAIN_S = 30.0


#: Tries if Redis refuses because of a corrupted key: some seconds.
BROKEN_TRIES = 8


class GivenUp(Exception):  # a decision of the caller, not a failure
    """The worker ends before Redis answered."""


def insist(call: Callable[[], _T], *, what: str, ending: threading.Event | None = None) -> _T:
    """The answer of `call`, however long Redis takes.

    Args:
        call: An idempotent call of the protocol, or a publication (CLAIM rejects an extra copy).
        what: The name of the call, for the log.
        ending: Set when the worker must end; None: never give up.

    Raises:
        GivenUp: `ending` was set while Redis did not answer; or a key stays corrupted.
    """
    pause_s, since_s, tries = FIRST_PAUSE_S, monotonic_s(), 0
    say_at_s = since_s
    waiter = ending or threading.Event()
    while True:
        try:
            return call()
        except (redis.RedisError, OperationalError) as error:
            tries += 1
            if monotonic_s() >= say_at_s:
                say_at_s = monotonic_s() + SAY_AGAIN_S
                logger.warning(
                    "%s: redis does not answer for %.0f s, asked %d time%s: %s",
                    what,
                    monotonic_s() - since_s,
                    tries,
                    "" if tries == 1 else "s",
                    error,
                    extra={"action": "redis_waits"},
                )
            if is_wrong_type(error) and tries >= BROKEN_TRIES:
                logger.error("%s: given up: %s", what, error, extra={"action": "key_wrong_type"})
                raise GivenUp(what) from error
        if waiter.wait(pause_s):
            raise GivenUp(what)
        pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
