from __future__ import annotations

from typing import Any, cast

import pytest
import redis

from times_doctor_tasks.contract.errors import BrokerUnavailable
from times_doctor_worker.service.broker_wait import LONGEST_PAUSE_S, wait_for_broker


class Client:
    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)

    def info(self, section: str) -> Any:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return {"redis_version": answer}


def wait(*answers: object) -> tuple[str, list[float]]:
    pauses: list[float] = []
    version = wait_for_broker(cast(redis.Redis, Client(*answers)), "redis://u:secret@b/0", pauses.append)
    return version, pauses


def test_a_broker_that_is_away_or_loads_is_waited_for_with_longer_and_longer_pauses() -> None:
    away: list[object] = [redis.ConnectionError("refused"), redis.TimeoutError("no answer")] * 5
    version, pauses = wait(*away, redis.BusyLoadingError("loading"), "7.2.4")
    assert version == "7.2.4"
    assert pauses[:3] == [0.5, 1.0, 2.0]
    assert pauses[-1] == LONGEST_PAUSE_S


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (redis.AuthenticationError("NOAUTH"), "it wants a password"),
        (redis.exceptions.NoPermissionError("no permission for info"), "no permission"),
        ("6.2.14", "it is version 6.2.14"),
    ],
)
def test_a_broker_that_refuses_is_an_error_in_words(answer: object, said: str) -> None:
    with pytest.raises(BrokerUnavailable) as caught:
        wait(answer)
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)


def test_an_outage_is_said_once_in_full_and_then_every_half_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    wait(*[redis.ConnectionError("refused")] * 9, "7.2.4")  # pauses of 0.5, 1, 2, 4, 8, 16, 30, 30, 30 s
    assert [("Check TIMES_DOCTOR_BROKER_URL" in text) for text in caplog.messages] == [True, False, False, False]
    assert caplog.messages[1].startswith("No answer after 32 s and 7 tries: refused.")
    assert "secret" not in caplog.text
