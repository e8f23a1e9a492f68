"""A small job that repeats in its own thread."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import redis

logger = logging.getLogger(__name__)


class Repeating:
    """Calls `job` every `period_s` from `start` to `stop`.

    If Redis or the disk does not answer, the job is tried again next time: a passing fault must not end it.
    """

    def __init__(
        self, job: Callable[[], object], *, period_s: float, name: str, wake: threading.Event | None = None
    ) -> None:
        """`wake`: when set, the job runs once more at once."""
        self._job = job
        self._period_s = period_s
        self._name = name
        self._ended = threading.Event()
        self._wake = wake or threading.Event()
        self._failing = False
        self._away = False
        self._thread = threading.Thread(target=self._loop, name=name, daemon=True)

    def start(self) -> None:
        """Starts the thread, which does the job at once."""
        self._thread.start()

    def stop(self, *, timeout_s: float = 5.0) -> None:
        """Ends the thread."""
        self._ended.set()
        self._wake.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout=timeout_s)

    def __enter__(self) -> Repeating:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _loop(self) -> None:
        while not self._ended.is_set():
            self._wake.clear()
            try:
                self._job()
                self._failing = False
                if self._away:
                    logger.info("redis answers again", extra={"action": "redis_back"})
                self._away = False
            except redis.RedisError as error:
                logger.warning("%s: %s; tried again", self._name, error, extra={"action": "redis_away"})
                self._away = True
            except OSError as error:
                level = logging.DEBUG if self._failing else logging.WARNING
                logger.log(level, "%s: %s; tried again", self._name, error, extra={"action": "job_waits"})
                self._failing = True
            except Exception:
                # A bug in one call must not end all later ones.
                logger.exception("%s: defect", self._name, extra={"action": "defect"})
            self._wake.wait(self._period_s)
