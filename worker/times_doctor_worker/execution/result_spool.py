"""The spool: results on this host's disk until their scan's report exists.

FINISH may not reach Redis before this process must end, and a server that comes back from its append-only file may
have lost its last second, FINISH included. So each result is kept here. It is offered at start, until Redis has taken
it, and again when the server's run id changes. FINISH is idempotent for its winner.
"""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec

from times_doctor_tasks.config.atomic_file import write_durably
from times_doctor_tasks.contract.errors import SchemaMismatch
from times_doctor_tasks.contract.messages import RunResult
from times_doctor_tasks.state_store.run_store import Fence, RunStore

logger = logging.getLogger(__name__)


class SpooledResult(msgspec.Struct, frozen=True, kw_only=True):
    """One file of the spool."""

    attempt: int
    token: str
    result: RunResult


class _Entry(msgspec.Struct):
    spooled: SpooledResult
    taken_by: str = ""
    """Run id of the server that has it."""


class Spool:
    """The results of one worker."""

    def __init__(self, folder: Path, store: RunStore) -> None:
        self._folder = folder
        self._store = store
        self._entries = self._read()
        self._server = ""
        """Run id of the server at the last look."""

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, result: RunResult, fence: Fence) -> None:
        """Keeps a result before it is offered. On a full disk only this copy is lost, not the run."""
        spooled = SpooledResult(attempt=fence.attempt, token=fence.token, result=result)
        name = _name(result, fence)
        self._entries[name] = _Entry(spooled)
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_durably(self._folder / name, msgspec.json.encode(spooled))
        except OSError as error:
            logger.warning(
                "result of %s not spooled (%s): it is lost if this host dies before Redis has it",
                result.run,
                error,
                extra={"action": "spool_failed", "scan": result.scan, "run": result.run},
            )

    def taken(self, result: RunResult, fence: Fence) -> None:
        """Notes that the server has it: the server of the last look, or a later one, which gets it once more."""
        if entry := self._entries.get(_name(result, fence)):
            entry.taken_by = self._server

    def offer(self) -> None:
        """Offers results that Redis has not taken, or took before its restart; drops those that are not needed.

        Raises:
            redis.RedisError: it does not answer; to be called again.
        """
        server = self._server = self._store.server_run()
        reported: dict[str, bool] = {}
        for name, entry in list(self._entries.items()):
            scan = entry.spooled.result.scan
            if scan not in reported:
                reported[scan] = self._store.is_reported(scan)
            if reported[scan] or (entry.taken_by != server and not self._offer(entry, server)):
                self._drop(name)

    def _offer(self, entry: _Entry, server: str) -> bool:
        """Whether the result may still be needed."""
        result = entry.spooled.result
        ids = {"scan": result.scan, "run": result.run, "attempt": entry.spooled.attempt}
        try:
            spec = self._store.scan(result.scan)
        except SchemaMismatch as error:  # a newer worker of this host may read it
            logger.warning("a spooled result waits: %s", error, extra={"action": "spool_unread", **ids})
            entry.taken_by = server  # not tried again before the next start of the server or of this worker
            return True
        if spec is None:
            logger.info("a spooled result is of an unknown scan: dropped", extra={"action": "spool_unknown", **ids})
            return False
        if not self._store.finish(spec, result, Fence(entry.spooled.attempt, entry.spooled.token)):
            logger.info("a spooled result is not wanted: dropped", extra={"action": "spool_refused", **ids})
            return False
        logger.warning("a result was offered again, and taken", extra={"action": "spool_offered", **ids})
        entry.taken_by = server
        return True

    def _drop(self, name: str) -> None:
        self._entries.pop(name, None)
        (self._folder / name).unlink(missing_ok=True)

    def _read(self) -> dict[str, _Entry]:
        entries = {}
        for path in sorted(self._folder.glob("*.json")):
            try:
                entries[path.name] = _Entry(msgspec.json.decode(path.read_bytes(), type=SpooledResult))
            except (OSError, msgspec.DecodeError) as error:
                logger.warning("spooled result %s cannot be read: %s", path.name, error, extra={"action": "spool_bad"})
        return entries


def _name(result: RunResult, fence: Fence) -> str:
    return f"{result.scan}.{result.run}.{fence.attempt}.json"
