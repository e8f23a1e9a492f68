from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from times_doctor_worker.service import event_sender
from times_doctor_worker.service.event_sender import EventMail


class Dispatcher:
    def __init__(self, *, fails: int = 0) -> None:
        self.fails = fails
        self.flushed = threading.Semaphore(0)
        self.threads: set[str] = set()

    def flush(self) -> None:
        self.threads.add(threading.current_thread().name)
        self.flushed.release()
        if self.fails:
            self.fails -= 1
            raise ConnectionResetError


def test_events_leave_from_a_thread_of_their_own_also_after_one_could_not() -> None:
    dispatcher = Dispatcher(fails=1)
    consumer = SimpleNamespace(event_dispatcher=None, on_send_event_buffered=None)
    with EventMail(consumer):
        consumer.on_send_event_buffered()  # before there is a dispatcher
        consumer.event_dispatcher = dispatcher
        for _ in range(3):
            consumer.on_send_event_buffered()
            assert dispatcher.flushed.acquire(timeout=30)
    assert dispatcher.threads == {"events"}


def test_events_that_come_one_after_the_other_leave_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_sender, "REST_S", 60.0)
    dispatcher = Dispatcher()
    consumer = SimpleNamespace(event_dispatcher=dispatcher, on_send_event_buffered=None)
    with EventMail(consumer):
        for _ in range(3):
            consumer.on_send_event_buffered()
    assert dispatcher.flushed.acquire(timeout=30), "the last ones leave at the end"
    assert not dispatcher.flushed.acquire(blocking=False)
