"""A result backend that only counts chord parts, and never blocks a worker's slot.

A task that ends while Redis answers OOM or READONLY makes Celery's own backend raise twice in the pool thread; the
slot is never given back and the worker takes no messages (measured, 6 of 6). Our results live in our own documents:
Celery's would cost four round trips a task, half a second of every slot at a latency of 100 ms, and they are unused. So
an error here only delays the chord: the sweeper makes the report anyway.
"""

from __future__ import annotations

import logging
from typing import Any

import redis
from celery.backends.redis import RedisBackend

from times_doctor_tasks.state_store.connection import PatientRedis

logger = logging.getLogger(__name__)


class ErrorProofBackend(RedisBackend):  # type: ignore[misc]  # celery has no types
    """Stores no result, and swallows (but logs) every error of counting a chord part."""

    def _get_client(self) -> type[redis.Redis]:
        return PatientRedis

    def store_result(self, _task_id: str, result: Any, _state: str, **_: Any) -> Any:
        """Stores nothing."""
        return result

    def restore_group(self, _group_id: str, **_: Any) -> None:
        """Stores no group: the headers of our chords are plain tasks, whose values are not joined."""

    def on_chord_part_return(self, request: Any, state: str, result: Any, **kwargs: Any) -> None:
        """As Celery's, but never raises."""
        try:
            super().on_chord_part_return(request, state, result, **kwargs)
        except Exception:  # after any error the slot must be freed
            logger.warning("chord part %s not counted", request.id, exc_info=True, extra={"action": "part_lost"})

    def on_task_call(self, producer: Any, task_id: str) -> None:
        """Does not subscribe: we read our documents instead of Celery's results."""

    def remove_pending_result(self, result: Any) -> Any:
        """Does nothing: Celery's own would reconnect at exit, to a broker that may be gone."""
        return result
