from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
import redis
from kombu.exceptions import OperationalError

from times_doctor_worker.redis_io import retry as module
from times_doctor_worker.redis_io.retry import GivenUp, insist


def failing(*errors: Exception) -> Callable[[], str]:
    left = list(errors)

    def call() -> str:
        if left:
            raise left.pop(0)
        return "answer"

    return call


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(module, "LONGEST_PAUSE_S", 0.002)


def test_every_kind_of_refusal_is_waited_out() -> None:
    call = failing(
        redis.ConnectionError("gone"),
        redis.TimeoutError("late"),
        redis.exceptions.OutOfMemoryError("OOM"),
        redis.ReadOnlyError("READONLY"),
        redis.BusyLoadingError("LOADING"),
        OperationalError("not published"),
    )
    assert insist(call, what="a call") == "answer"


def test_a_worker_that_leaves_gives_up_at_the_next_failure_and_not_before() -> None:
    leaving = threading.Event()
    leaving.set()
    assert insist(failing(), what="a call", ending=leaving) == "answer"
    with pytest.raises(GivenUp, match="a call"):
        insist(failing(redis.ConnectionError("gone")), what="a call", ending=leaving)


def test_a_defect_is_not_retried() -> None:
    with pytest.raises(KeyError):
        insist(failing(KeyError("defect")), what="a call")


def test_an_outage_is_said_once_and_again_after_a_while_with_the_number_of_tries(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    times_s = iter(range(0, 1000, 4))
    monkeypatch.setattr(module, "monotonic_s", lambda: float(next(times_s)))
    insist(failing(*[redis.ConnectionError("gone")] * 9), what="a call")
    assert len(caplog.messages) == 2
    assert "asked 1 time: gone" in caplog.messages[0]
    assert "asked 8 times: gone" in caplog.messages[1]
