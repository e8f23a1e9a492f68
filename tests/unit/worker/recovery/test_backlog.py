from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from times_doctor_tasks.state_store.reader import Records
from times_doctor_worker.recovery.backlog import SHORT_S, Backlog


class Queues:
    def __init__(self, **depths: int) -> None:
        self.depths = depths
        self.asked = 0

    def waiting(self, queues: Iterable[str]) -> int:
        self.asked += 1
        return sum(self.depths[queue] for queue in queues)


def backlog(queues: Any, queued: int, *, short_s: dict[str, float] | None = None, now_s: float = 100.0) -> Backlog:
    made = Backlog(cast("Records", queues), {} if short_s is None else short_s, now_s)
    made.count([{f"r{number}": "q" for number in range(queued)}])
    return made


def test_a_queue_with_a_message_for_each_run_is_whole_and_is_asked_once() -> None:
    queues = Queues(q=3)
    found = backlog(queues, 3)
    assert all(found.is_whole("q") for _ in range(5))
    assert queues.asked == 1


def test_an_empty_queue_is_never_whole() -> None:
    assert not backlog(Queues(q=0), 3).is_whole("q")


def test_a_queue_that_is_short_for_long_is_not_whole() -> None:
    short_s: dict[str, float] = {}
    assert backlog(Queues(q=2), 3, short_s=short_s).is_whole("q")
    assert backlog(Queues(q=2), 3, short_s=short_s, now_s=100 + SHORT_S - 1).is_whole("q")
    assert not backlog(Queues(q=2), 3, short_s=short_s, now_s=100 + SHORT_S).is_whole("q")
    assert backlog(Queues(q=3), 3, short_s=short_s, now_s=101 + SHORT_S).is_whole("q")
    assert short_s == {}


def test_no_more_is_published_than_is_missing() -> None:
    found = backlog(Queues(q=3), 5)
    assert [found.may_publish("q") for _ in range(4)] == [True, True, False, False]
    empty = backlog(Queues(q=0), 1)
    assert all(empty.may_publish("q") for _ in range(4))
