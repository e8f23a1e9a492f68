"""The intake: Celery's consumer in this process, its queues, and how it stops taking.

Remote control is off, so queues are added and cancelled in the consumer's own loop. A message that arrives after its
queue was cancelled goes back to Redis ("Requeuing undeliverable message", kombu).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from typing import Any

from celery import signals
from celery.concurrency.thread import TaskPool
from celery.worker import WorkController

from times_doctor_tasks.celery_app import internals
from times_doctor_tasks.celery_app.app import app
from times_doctor_tasks.contract.clock import monotonic_s
from times_doctor_worker.service.event_sender import EventMail

logger = logging.getLogger(__name__)

#: Seconds to wait until the loop has changed the queues; it may be busy reconnecting.
APPLY_S = 2.0
#: Seconds between ticks of the loop, which the watchdog sees.
TICK_S = 1.0
#: Seconds between the events that show a dashboard that we live; after two missing ones it shows us as dead.
EVENT_BEAT_S = 5.0


class WakingPool(TaskPool):  # type: ignore[misc]  # celery has no types
    """Celery's thread pool, plus a wake-up call at the end of each task.

    With `worker_disable_prefetch` and threads, nothing wakes Celery's event loop when a task ends: the next message
    waits up to a second (measured: a chord of three at two slots takes 1007 ms instead of 37).
    """

    def on_apply(self, *args: Any, **kwargs: Any) -> Any:
        """Submits a task and asks to be told when it ends."""
        result = super().on_apply(*args, **kwargs)
        internals.wake_loop_when_done(result)
        return result


class Intake:
    """Takes messages from queues and gives each to a thread of the pool."""

    def __init__(self, *, nodename: str, slots: int, sends_events: bool = False) -> None:
        """`sends_events`: of tasks and heartbeats, for a dashboard; always, since remote control is off."""
        self.slots = slots
        self._sends_events = sends_events
        self._nodename = nodename
        self._wanted: set[str] = set()
        self._controller: WorkController | None = None
        self._closed = False
        self._code: int | None = None
        self.ticked_s: float | None = None
        """When the loop last showed that it lives; None before it ran."""
        self.received = 0
        """Messages taken so far."""
        self._running = 0
        self._count_lock = threading.Lock()

    @property
    def queues(self) -> frozenset[str]:
        """The queues that it takes from now."""
        return frozenset(self._wanted)

    @property
    def running(self) -> int:
        """Tasks that run now, by Celery's signals before and after each."""
        return self._running

    @property
    def reserved(self) -> int:
        """Tasks that Celery counts against the slots."""
        return internals.reserved_tasks()

    def run(self) -> int:
        """Consumes until `shut_down`; returns the given exit code, or Celery's own after a crash."""
        if self._code is not None:
            return self._code
        listeners: list[tuple[Any, Callable[..., None]]] = [
            (signals.task_received, self._on_received),
            (signals.task_prerun, self._on_start),
            (signals.task_postrun, self._on_end),
        ]
        for signal, listener in listeners:
            signal.connect(listener, weak=False)
        try:
            return self._consume()
        finally:
            for signal, listener in listeners:
                signal.disconnect(listener)

    def take_from(self, queues: Iterable[str]) -> None:
        """Takes only from these queues from now on; returns when that is done, or after `APPLY_S`."""
        if self._closed:
            return
        self._wanted = set(queues)
        self._apply()

    def stop_taking(self) -> None:
        """Stops taking messages; running tasks go on."""
        self._closed = True
        self._wanted = set()
        self._apply()

    def shut_down(self, code: int) -> None:
        """Ends `run` as soon as no task runs."""
        self._code = code
        internals.stop_consuming(self._controller, code)

    def _consume(self) -> int:
        controller = WorkController(
            app=app,
            hostname=self._nodename,
            pool_cls=WakingPool,
            concurrency=self.slots,
            queues=sorted(self._wanted),
            ready_callback=self._on_ready,
            without_mingle=True,
            without_gossip=True,
            task_events=self._sends_events,
            without_heartbeat=not self._sends_events,
            heartbeat_interval=EVENT_BEAT_S,
            loglevel=logging.WARNING,
        )
        self._controller = controller
        if self._code is None:
            with EventMail(controller.consumer):
                controller.start()
        code = self._code if self._code is not None else controller.exitcode
        return 0 if code is None else int(code)

    def _on_ready(self, consumer: Any) -> None:
        internals.repeat_in_loop(consumer, TICK_S, self._tick)
        self._tick()
        self._apply_now()  # changes that were requested while it connected

    def _tick(self) -> None:
        self.ticked_s = monotonic_s()

    def _apply(self) -> None:
        applied = threading.Event()

        def apply() -> None:
            self._apply_now()
            applied.set()

        if internals.call_in_loop(self._controller, apply):
            applied.wait(APPLY_S)

    def _apply_now(self) -> None:
        """In the loop: changes the consumed queues to the wanted ones."""
        if error := internals.consume_from(app, self._controller, self._wanted):
            logger.info("queues are changed when Redis is back: %s", error, extra={"action": "queues_wait"})

    def _on_received(self, **_: Any) -> None:
        self.received += 1

    def _on_start(self, **_: Any) -> None:
        with self._count_lock:
            self._running += 1

    def _on_end(self, **_: Any) -> None:
        with self._count_lock:
            self._running -= 1
