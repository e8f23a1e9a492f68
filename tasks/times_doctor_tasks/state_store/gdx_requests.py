"""Requests for GDX files: a client asks the host that has one, the host puts it into the store and says how far it is.

Not Celery tasks: a host whose slots are all busy for hours would not see them. A host reads its list of requests when
the bell rings, and once a second, in a thread of its own. A request stands only while its client repeats it, so nothing
is sent for somebody who has left, and a worker that starts anew finds what its predecessor was asked. See
docs/adr/0010-gdx-on-request.md.
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

#: Name of the file, in an attempt's working folder and where it comes to.
GDX_FILE = "run.gdx"
#: The results for VEDA that were made of it, an archive.
VEDA_FILE = "veda.zip"
#: What a host that reads this list says on its card.
SERVED = "gdx"
#: The same of a host that sends results for VEDA too.
SERVED_VEDA = "veda"
#: Seconds that a request stands after it was last repeated.
STANDS_S = 30
#: Life of a host's list and of an answer after their last write, seconds.
ASKED_TTL_S = 60
ANSWER_TTL_S = 600
#: Requests that are looked at together; the others wait.
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
    """How far a host is with a request."""

    WAITING = "waiting"
    """Another one is being served."""
    SENDING = "sending"
    """The file is being read, or on its way into the store."""
    SENT = "sent"
    """It is in the store, under its hash."""
    REFUSED = "refused"
    """It will not come; see `refusal`."""


class Refusal(StrEnum):
    """Why a GDX does not come."""

    GONE = "gone"
    """Its folder is not on the host any more."""
    NONE = "none"
    """Its run has left none."""
    TOO_LARGE = "too large"
    """It is larger than the request allows."""
    STORE = "store"
    """The store has no room, or does not answer."""
    UNREADABLE = "unreadable"
    """The host cannot read it."""
    MISUNDERSTOOD = "misunderstood"
    """The host cannot read the request: it is of another version."""


class GdxAnswer(Document, frozen=True, kw_only=True):
    """What a host says to one request."""

    ask: str
    state: GdxState
    refusal: str = ""
    """A `Refusal`; a later version may know more of them."""
    words: str = ""
    """What the host knows about its refusal, as a sentence."""
    beat: int = 0
    """Counts what was said: whoever looks twice sees that the request is not forgotten."""
    done_bytes: int = 0
    size_bytes: int = 0
    sha256: str = ""
    was_there: bool = False
    """The store had it before, for somebody else's sake."""

    @property
    def is_final(self) -> bool:
        """Whether nothing more will be said."""
        return self.state in (GdxState.SENT, GdxState.REFUSED)


class _AnyRequest(msgspec.Struct, frozen=True):
    """What even a request of another major says."""

    ask: Id


def read_request(raw: bytes) -> SendGdx:
    """A request as it stands in a host's list.

    Raises:
        SchemaMismatch: it is none, or of a major that this version does not speak.
    """
    try:
        plain = msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        raise SchemaMismatch(f"A SendGdx message cannot be read: {error}.") from error
    return from_task(plain, SendGdx)


def ask_of(raw: bytes) -> str:
    """Which answer a request waits for, also one that cannot be read otherwise; empty when it says nothing of it."""
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
        """Asks, or says that the request still stands; to be repeated well within `STANDS_S`."""
        key = self._keys.asked(host)
        now_ms = self._now_ms()
        pipe = self._client.pipeline(transaction=True)
        pipe.zremrangebyscore(key, "-inf", now_ms)
        pipe.zadd(key, {encode(request): now_ms + STANDS_S * 1000})
        pipe.expire(key, ASKED_TTL_S)
        pipe.publish(self._keys.bell(host), "")
        pipe.execute()

    def withdraw(self, host: str, request: SendGdx) -> None:
        """Nobody waits for it any more."""
        self._client.zrem(self._keys.asked(host), encode(request))

    def answer(self, ask: str) -> GdxAnswer | None:
        """What the host said last; None while it has said nothing.

        Raises:
            SchemaMismatch: it speaks another major.
        """
        raw = self._client.get(self._keys.answer(ask))
        return decode(raw, GdxAnswer) if raw else None

    # -- worker ---------------------------------------------------------------------------------------------------

    def bell(self, host: str) -> Bell:
        """What rings when somebody asks `host`."""
        return Bell(self._client, self._keys.bell(host))

    def open(self, host: str) -> list[bytes]:
        """Requests that stand and have no final answer, those repeated last first."""
        pipe = self._client.pipeline(transaction=False)
        pipe.time()
        pipe.zrange(self._keys.asked(host), 0, MOST - 1, desc=True, withscores=True)
        (seconds, micros), listed = pipe.execute()
        now_ms = seconds * 1000 + micros // 1000
        standing = [raw for raw, until_ms in listed if until_ms > now_ms and ask_of(raw)]
        answers = self._client.mget([self._keys.answer(ask_of(raw)) for raw in standing]) if standing else []
        return [raw for raw, answer in zip(standing, answers, strict=True) if not _is_final(answer)]

    def say(self, answers: Sequence[GdxAnswer]) -> None:
        """Says how far the host is with its requests."""
        pipe = self._client.pipeline(transaction=False)
        for answer in answers:
            pipe.set(self._keys.answer(answer.ask), encode(answer), ex=ANSWER_TTL_S)
        pipe.execute()

    def _now_ms(self) -> int:
        seconds, micros = self._client.time()
        return int(seconds) * 1000 + int(micros) // 1000


class Bell:
    """Rings when somebody asks. One that nobody heard costs no more than the wait for the next look."""

    def __init__(self, client: Any, channel: str) -> None:
        self._channel = channel
        self._pubsub = client.pubsub(ignore_subscribe_messages=True)

    def wait(self, timeout_s: float) -> None:
        """Returns when it rings or rang since the last call, or after `timeout_s`. May raise `redis.RedisError`."""
        if not self._pubsub.subscribed:
            self._pubsub.subscribe(self._channel)
        self._pubsub.get_message(timeout=timeout_s)


def _is_final(raw: bytes | None) -> bool:
    try:
        return raw is not None and decode(raw, GdxAnswer).is_final
    except SchemaMismatch:
        return False
