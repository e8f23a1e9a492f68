"""Sends Celery's events from a separate thread.

Celery flushes them in the loop that takes messages: on a line of 100 ms a free slot would wait for the flush before it
takes its next run.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

from times_doctor_tasks.celery_app import internals

logger = logging.getLogger(__name__)

#: Seconds for which events are collected before they are sent together: a run has three.
REST_S = 0.2


class EventMail:
    """Flushes a consumer's events when there are any."""

    def __init__(self, consumer: Any) -> None:
        """Args:
        consumer: Celery's, before it starts: it gives its callbacks to each dispatcher that it makes.
        """
        self._consumer = consumer
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="events", daemon=True)
        internals.on_event_buffered(consumer, self._wake.set)

    def __enter__(self) -> EventMail:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._wake.set()
        self._thread.join(timeout=5)

    def _loop(self) -> None:
        while not self._ended.is_set():
            self._wake.wait()
            self._ended.wait(REST_S)
            self._wake.clear()
            try:
                internals.flush_events(self._consumer)
            except Exception:
                # A dashboard may miss some events, but not all later ones.
                logger.warning("events not sent", exc_info=True, extra={"action": "events_lost"})
