"""Requests for GDX files: a client asks a host, the host puts the file into the store and reports its progress.

Not Celery tasks: a host whose slots are all busy for hours would not see them. A host reads its list of requests when
the bell rings, and once a second, in a thread of its own. A request expires unless its client repeats it, so no file is
sent to a client that has left, and a restarted worker finds the open requests. See docs/adr/0010-gdx-on-request.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from times_doctor_tasks.contract.errors import SchemaMismatch
from times_doctor_tasks.contract.keys import Keys
from times_doctor_tasks.contract.messages import Document, Id, TaskMessage, decode, encode, from_task

if TYPE_CHECKING:
    import redis

#: Name of the file, in an attempt's working folder and at the client.
GDX_FILE = "run.gdx"
#: The archive of results for VEDA made from it.
VEDA_FILE = "veda.zip"
#: The mark on the card of a host that supports requests.
SERVED = "gdx"
#: The mark of a host that also sends results for VEDA.
SERVED_VEDA = "veda"
#: Seconds after its last repetition until a request expires.
STANDS_S = 30
#: Expiry of a host's list and of an answer after their last write, seconds.
ASKED_TTL_S = 60
ANSWER_TTL_S = 600
#: Most requests that are read together; the others wait.
MOST = 50


class SendGdx(TaskMessage, frozen=True, kw_only=True):
    """Put the GDX of one attempt, or what was made of it, into the store."""

    ask: Id
    """Names this request, and its answer."""
    scan: Id
    run: Id
    attempt: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    max_bytes: int | None = None
    """A larger one stays where it is."""
    made: Literal["veda.zip"] | msgspec.UnsetType = msgspec.UNSET
    """The file that was made of the GDX, instead of it. Unset it is left out: an earlier host reads that."""

    @property
    def file(self) -> str:
        """The name of the file in the attempt's folder."""
        return self.made or GDX_FILE


class GdxState(StrEnum):
    """The state of a request at its host."""

    WAITING = "waiting"
    """It waits: another one is being served."""
    SENDING = "sending"
    """The file is being read, or on its way into the store."""
    SENT = "sent"
    """It is in the store, under its hash."""
    REFUSED = "refused"
    """It will not be sent; see `refusal`."""


class Refusal(StrEnum):
    """Why a GDX is not sent."""

    GONE = "gone"
    """Its folder is no longer on the host."""
    NONE = "none"
    """Its run has made none."""
    TOO_LARGE = "too large"
    """It is larger than the request allows."""
    STORE = "store"
    """The store is full, or does not answer."""
    UNREADABLE = "unreadable"
    """The host cannot read it."""
    MISUNDERSTOOD = "misunderstood"
    """The host cannot read the request: it is of another version."""


class GdxAnswer(Document, frozen=True, kw_only=True):
    """A host's answer to one request."""

    ask: str
    state: GdxState
    refusal: str = ""
    """A `Refusal`; a later version may know more of them."""
    words: str = ""
    """The reason of the refusal, as a sentence."""
    beat: int = 0
    """Grows with each message, so that a reader sees that the request is still served."""
    done_bytes: int = 0
    size_bytes: int = 0
    sha256: str = ""
    was_there: bool = False
    """The store had it before, for another use."""

    @property
    def is_final(self) -> bool:
        """Whether this is the last answer."""
        return self.state in (GdxState.SENT, GdxState.REFUSED)


class _AnyRequest(msgspec.Struct, frozen=True):
    """The fields that requests of all majors have."""

    ask: Id


def read_request(raw: bytes) -> SendGdx:
    """A request in a host's list.

    Raises:
        SchemaMismatch: it is not a request, or has a major that this version does not read.
    """
    try:
        plain = msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        raise SchemaMismatch(f"A SendGdx message cannot be read: {error}.") from error
    return from_task(plain, SendGdx)


def ask_of(raw: bytes) -> str:
    """The id of the answer that a request waits for, even if the rest is unreadable; empty if it has none."""
    try:
        return msgspec.json.decode(raw, type=_AnyRequest).ask
    except msgspec.DecodeError:
        return ""


class GdxRequests:
    """The lists of requests under one key prefix, and their answers. Methods may raise `redis.RedisError`."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client: Any = client
        self._keys = keys

    # -- client ---------------------------------------------------------------------------------------------------

    def ask(self, host: str, request: SendGdx) -> None:
        """Makes or renews a request; call it again well within `STANDS_S`."""
        key = self._keys.asked(host)
        now_ms = self._now_ms()
        pipe = self._client.pipeline(transaction=True)
        pipe.zremrangebyscore(key, "-inf", now_ms)
        pipe.zadd(key, {encode(request): now_ms + STANDS_S * 1000})
        pipe.expire(key, ASKED_TTL_S)
        pipe.publish(self._keys.bell(host), "")
        pipe.execute()

    def withdraw(self, host: str, request: SendGdx) -> None:
        """Withdraws a request."""
        self._client.zrem(self._keys.asked(host), encode(request))

    def answer(self, ask: str) -> GdxAnswer | None:
        """The host's last answer; None if there is none yet.

        Raises:
            SchemaMismatch: it speaks another major.
        """
        raw = self._client.get(self._keys.answer(ask))
        return decode(raw, GdxAnswer) if raw else None

    # -- worker ---------------------------------------------------------------------------------------------------

    def bell(self, host: str) -> Bell:
        """The subscription that is notified of requests to `host`."""
        return Bell(self._client, self._keys.bell(host))

    def open(self, host: str) -> list[bytes]:
        """Requests that have not expired and have no final answer, the latest repeated first."""
        pipe = self._client.pipeline(transaction=False)
        pipe.time()
        pipe.zrange(self._keys.asked(host), 0, MOST - 1, desc=True, withscores=True)
        (seconds, micros), listed = pipe.execute()
        now_ms = seconds * 1000 + micros // 1000
        standing = [raw for raw, until_ms in listed if until_ms > now_ms and ask_of(raw)]
        answers = self._client.mget([self._keys.answer(ask_of(raw)) for raw in standing]) if standing else []
        return [raw for raw, answer in zip(standing, answers, strict=True) if not _is_final(answer)]

    def say(self, answers: Sequence[GdxAnswer]) -> None:
        """Writes answers to the host's requests."""
        pipe = self._client.pipeline(transaction=False)
        for answer in answers:
            pipe.set(self._keys.answer(answer.ask), encode(answer), ex=ANSWER_TTL_S)
        pipe.execute()

    def _now_ms(self) -> int:
        seconds, micros = self._client.time()
        return int(seconds) * 1000 + int(micros) // 1000


class Bell:
    """Notified of each request. A lost notification costs only the wait for the next poll."""

    def __init__(self, client: Any, channel: str) -> None:
        self._channel = channel
        self._pubsub = client.pubsub(ignore_subscribe_messages=True)

    def wait(self, timeout_s: float) -> None:
        """Returns at a notification (also an earlier one), or after `timeout_s`. May raise `redis.RedisError`."""
        if not self._pubsub.subscribed:
            self._pubsub.subscribe(self._channel)
        self._pubsub.get_message(timeout=timeout_s)


def _is_final(raw: bytes | None) -> bool:
    try:
        return raw is not None and decode(raw, GdxAnswer).is_final
    except SchemaMismatch:
        return False
