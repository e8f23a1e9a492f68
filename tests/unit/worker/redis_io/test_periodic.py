from __future__ import annotations

import threading

import pytest
import redis

from tests.conftest import wait_until
from times_doctor_worker.redis_io.periodic import Repeating


@pytest.mark.parametrize("error", [redis.ConnectionError("away"), OSError("disk full"), KeyError("a defect")])
def test_a_job_is_done_again_after_it_failed(error: Exception) -> None:
    done: list[int] = []

    def job() -> None:
        done.append(1)
        if len(done) < 3:
            raise error

    with Repeating(job, period_s=0.01, name="job"):
        wait_until(lambda: len(done) >= 4)


def test_a_job_that_met_no_redis_says_when_it_is_back(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    done: list[int] = []

    def job() -> None:
        done.append(1)
        if len(done) in (2, 3):
            raise redis.ConnectionError("away")

    with Repeating(job, period_s=0.01, name="job"):
        wait_until(lambda: len(done) >= 6)
    actions = [getattr(record, "action", "") for record in caplog.records]
    assert actions == ["redis_away", "redis_away", "redis_back"]


def test_a_job_can_be_asked_for_before_its_time() -> None:
    done: list[int] = []
    wake = threading.Event()
    with Repeating(lambda: done.append(1), period_s=600, name="job", wake=wake):
        wait_until(lambda: len(done) == 1)
        wake.set()
        wait_until(lambda: len(done) == 2)
