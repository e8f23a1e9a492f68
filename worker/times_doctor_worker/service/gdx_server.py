"""Serves clients that ask a host for GDX files: puts them into the store one by one, while solves run."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path

import msgspec
import redis

from times_doctor_tasks.blob_store.base import BlobStore
from times_doctor_tasks.blob_store.content import CHUNK_BYTES
from times_doctor_tasks.blob_store.errors import ContentChanged, StoreFull, StoreUnreachable, Unwanted
from times_doctor_tasks.contract.clock import monotonic_s
from times_doctor_tasks.contract.errors import SchemaMismatch, StoreFailed
from times_doctor_tasks.state_store.gdx_requests import (
    GdxAnswer,
    GdxRequests,
    GdxState,
    Refusal,
    SendGdx,
    ask_of,
    read_request,
)
from times_doctor_worker.workspace.workspace import Workspace

logger = logging.getLogger(__name__)

#: Seconds between checks for requests without a bell, and between progress messages of a file.
LOOK_S = 1.0
#: Seconds to wait for a store that does not answer, and between two tries.
STORE_PATIENCE_S = 20.0
STORE_PAUSE_S = 1.0
#: From this size on we check whether the store is large enough.
WORTH_A_LOOK_BYTES = 50 * 1024 * 1024
#: Seconds that a GDX lives in a store with expiry: the client fetches it at once, and then removes it.
GDX_TTL_S = 6 * 3600.0


class _Ending(Exception):
    """This worker ends; its successor continues."""


class _Visit(msgspec.Struct):
    """One request while it is served."""

    raw: bytes
    request: SendGdx
    size_bytes: int = 0
    beat: int = 0
    next_word_s: float = msgspec.field(default_factory=monotonic_s)

    def answer(self, state: GdxState, **fields: object) -> GdxAnswer:
        self.beat += 1
        about = {"ask": self.request.ask, "beat": self.beat, "size_bytes": self.size_bytes}
        return GdxAnswer(state=state, **(about | fields))  # type: ignore[arg-type]


class GdxDesk:
    """Serves one host's list of requests. One thread calls `attend` in a loop."""

    def __init__(
        self,
        requests: GdxRequests,
        workspace: Workspace,
        store: BlobStore,
        host: str,
        *,
        is_ending: Callable[[], bool],
        pause: Callable[[float], object],
    ) -> None:
        """Args:
        store: The store for the files; a separate object, as files for clients live shorter than models. is_ending:
        Whether this worker must stop sending.
        pause: Sleeps for that many seconds, or until the worker ends.
        """
        self._requests = requests
        self._bell = requests.bell(host)
        self._workspace = workspace
        self._store = store
        self._host = host
        self._is_ending = is_ending
        self._pause = pause

    def attend(self) -> None:
        """Waits briefly for the bell, then serves. Raises as `look`."""
        try:
            self._bell.wait(LOOK_S)
            self.look()
        except Exception:  # any error: do not retry at once
            self._pause(LOOK_S)
            raise

    def look(self) -> None:
        """Serves the current requests.

        Raises:
            redis.RedisError: it does not answer; open requests are served next time.
        """
        while not self._is_ending() and (asked := self._requests.open(self._host)):
            self._serve(asked[-1])

    def _serve(self, raw: bytes) -> None:
        try:
            visit = _Visit(raw, read_request(raw))
        except SchemaMismatch as error:
            logger.warning("%s", error, extra={"action": "request_refused"})
            answer = GdxAnswer(ask=ask_of(raw), state=GdxState.REFUSED, refusal=Refusal.MISUNDERSTOOD, words=str(error))
            self._requests.say([answer])
            return
        try:
            answer = self._answer(visit)
        except (Unwanted, _Ending) as stop:
            why = "this worker ends" if isinstance(stop, _Ending) else "no client waits for it any more"
            logger.info("gdx not sent: %s", why, extra={"action": "gdx_unwanted", **_ids(visit.request)})
            return
        self._requests.say([answer])
        what = "sent" if answer.state is GdxState.SENT else f"refused: {answer.refusal} {answer.words}".rstrip()
        logger.info("gdx of %d bytes %s", visit.size_bytes, what, extra={"action": "gdx", **_ids(visit.request)})

    def _answer(self, visit: _Visit) -> GdxAnswer:
        request = visit.request
        try:
            with self._workspace.kept_folder(request.scan, request.run, request.attempt) as folder:
                return self._answer_from(folder, visit)
        except (OSError, ContentChanged) as error:
            return visit.answer(GdxState.REFUSED, refusal=Refusal.UNREADABLE, words=str(error))
        except StoreFailed as error:
            return visit.answer(GdxState.REFUSED, refusal=Refusal.STORE, words=str(error))

    def _answer_from(self, folder: Path | None, visit: _Visit) -> GdxAnswer:
        if folder is None:
            return visit.answer(GdxState.REFUSED, refusal=Refusal.GONE)
        path, most_bytes = folder / visit.request.file, visit.request.max_bytes
        if path.is_symlink() or not path.is_file():
            return visit.answer(GdxState.REFUSED, refusal=Refusal.NONE)
        visit.size_bytes = path.stat().st_size
        if most_bytes is not None and visit.size_bytes > most_bytes:
            return visit.answer(GdxState.REFUSED, refusal=Refusal.TOO_LARGE)
        return self._send(visit, path)

    def _send(self, visit: _Visit, path: Path) -> GdxAnswer:
        """Puts the whole file into the store; parts that an earlier try sent are not sent again."""
        self._require_room(visit.size_bytes)
        name = self._hash(visit, path)
        deadline_s = monotonic_s() + STORE_PATIENCE_S
        while True:
            try:
                sent = self._store.put({name: path}, lambda done, _: self._tell(visit, done))
                break
            except StoreUnreachable:
                if monotonic_s() > deadline_s:
                    raise
                self._pause(STORE_PAUSE_S)
                self._tell(visit, 0)
        return visit.answer(
            GdxState.SENT, done_bytes=visit.size_bytes, sha256=name, was_there=sent.blobs == 0 and visit.size_bytes > 0
        )

    def _require_room(self, size_bytes: int) -> None:
        """Refuses a file that even an empty store could not hold: it would fill the store for everybody.

        A GDX does not shrink by compression. Parts of an earlier try count as used.
        """
        if size_bytes < WORTH_A_LOOK_BYTES:
            return
        usage = self._store.usage()
        most_bytes = usage.used_bytes + usage.room_bytes
        if size_bytes > most_bytes:
            advice = "copy the file from there"
            raise StoreFull(self._store.where, size_bytes, most_bytes, usage.limit, "the file takes", advice)

    def _hash(self, visit: _Visit, path: Path) -> str:
        digest = hashlib.sha256()
        with path.open("rb") as content:
            while chunk := content.read(CHUNK_BYTES):
                digest.update(chunk)
                self._tell(visit, 0)
        return digest.hexdigest()

    def _tell(self, visit: _Visit, done_bytes: int) -> None:
        """Now and then reports the progress, and to all others that they wait.

        Raises:
            Unwanted: its client no longer waits.
            _Ending: this worker must end.
        """
        if self._is_ending():
            raise _Ending
        if monotonic_s() < visit.next_word_s:
            return
        visit.next_word_s = monotonic_s() + LOOK_S
        try:
            asked = self._requests.open(self._host)
            if visit.raw not in asked:
                raise Unwanted
            others = [ask_of(raw) for raw in asked if raw != visit.raw]
            waiting = [GdxAnswer(ask=ask, state=GdxState.WAITING, beat=visit.beat) for ask in others]
            self._requests.say([visit.answer(GdxState.SENDING, done_bytes=done_bytes), *waiting])
        except redis.RedisError as error:
            logger.debug("progress not sent: %s", error, extra={"action": "gdx_untold"})


def _ids(request: SendGdx) -> dict[str, object]:
    return {"scan": request.scan, "run": request.run, "attempt": request.attempt}
