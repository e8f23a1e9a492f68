"""Verbs whose answer is lost after the server has executed them: redis-py, or the worker, sends them again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pytest
import redis

from tests.conftest import wait_until
from tests.integration.conftest import make_result, make_runs, make_scan
from times_doctor_tasks.contract.states import RunState
from times_doctor_tasks.state_store.run_store import SEAT_MARGIN_S, Claim, Fence, Leased, Owned, Parked, Room, RunStore
from times_doctor_worker.redis_io.retry import insist

pytestmark = [pytest.mark.server, pytest.mark.timeout(120)]
_T = TypeVar("_T")


class Line:
    """A store whose connection can be dropped between the execution of a verb and its answer."""

    def __init__(self, store: RunStore) -> None:
        self.near, self.spec = store, make_scan()
        self.runs = make_runs(self.spec)
        store.submit(self.spec, self.runs)

    def without_answer(self, call: Callable[[], _T]) -> _T:
        """The answer to the second sending of a verb, as the worker sends it."""
        client: Any = self.near.client
        lost: list[Any] = []

        def parse(connection: Any, name: str, **options: Any) -> Any:
            answer = type(client).parse_response(client, connection, name, **options)
            if name == "EVALSHA" and not lost:
                lost.append(answer)
                connection.disconnect()
                raise redis.ConnectionError("dropped after the server executed it")
            return answer

        client.parse_response = parse
        try:
            return insist(call, what="a verb")
        finally:
            del client.parse_response
            assert lost

    def claim(self, token: str, *, host: str = "h1") -> Claim:
        return self.near.claim(self.spec, self.runs[0], host=host, token=token, need=Room(1, 0), free=Room(8, 8_000))

    def own(self) -> Fence:
        answer = self.claim("t1")
        assert isinstance(answer, Owned)
        return answer.fence


@pytest.fixture
def line(store: RunStore) -> Line:
    return Line(store)


def test_who_asks_again_for_his_claim_gets_it_again(line: Line) -> None:
    answer = line.without_answer(lambda: line.claim("t1"))
    assert answer == Owned(Fence(1, "t1"))
    assert line.claim("t2", host="h2") == Leased("h1")
    assert [one.ended_as for one in line.near.history("s1", "cplex.a")] == [""]
    assert line.near.beat(line.spec, "cplex.a", answer.fence, state=RunState.CLAIMED).ours


def test_a_claim_that_is_repeated_renews_its_lease_and_is_a_sign_of_life(line: Line) -> None:
    fence = line.own()
    seen, key = line.near.statuses(line.spec)["cplex.a"], line.near.keys.state("s1", "cplex.a")
    line.near.client.hset(key, "lease_ms", 1)
    assert line.claim("t1") == Owned(fence)
    assert int(line.near.client.hget(key, "lease_ms") or 0) > line.near.server_ms()
    assert not line.near.requeued(line.spec, "cplex.a", seen=seen, reason="silent")


def test_a_claim_that_is_repeated_has_one_seat_and_renews_it(line: Line) -> None:
    wait_until(lambda: _up_s(line) > SEAT_MARGIN_S, timeout_s=60, what="seats are given")
    line.near.set_seats("cplex", 1, lease_s=100)
    answer = line.without_answer(lambda: line.claim("t1"))
    assert isinstance(answer, Owned)
    held = line.near.keys.held_seats()
    assert line.near.client.zrange(held, 0, -1) == [answer.fence.seat.encode()]
    soon = line.near.server_ms() + 1_000
    line.near.client.zadd(held, {answer.fence.seat: soon})
    assert line.claim("t1") == answer
    assert (line.near.client.zscore(held, answer.fence.seat) or 0) > soon


def test_a_claim_whose_seat_has_gone_to_another_run_is_not_repeated(line: Line) -> None:
    wait_until(lambda: _up_s(line) > SEAT_MARGIN_S, timeout_s=60, what="seats are given")
    line.near.set_seats("cplex", 1, lease_s=100)
    fence, held = line.own(), line.near.keys.held_seats()
    line.near.client.zrem(held, fence.seat)
    line.near.client.zadd(held, {"cplex h2 s2 cplex.a 1": line.near.server_ms() + 100_000})
    assert line.claim("t1") == Parked("no seat: 1 of 1 cplex")
    assert not line.near.beat(line.spec, "cplex.a", fence, state=RunState.RUNNING).ours


def test_who_hands_a_run_back_again_is_told_that_he_has(line: Line) -> None:
    fence = line.own()
    assert line.without_answer(lambda: line.near.release(line.spec, "cplex.a", fence, reason="drain"))
    seen = line.near.statuses(line.spec)["cplex.a"]
    assert (seen.state, seen.handbacks) == (RunState.QUEUED, 1)
    assert isinstance(line.claim("t2", host="h2"), Owned)
    assert line.near.release(line.spec, "cplex.a", fence, reason="drain")
    assert line.near.statuses(line.spec)["cplex.a"].state is RunState.CLAIMED


def test_who_finishes_a_run_again_has_won_again(line: Line) -> None:
    fence = line.own()
    assert line.without_answer(lambda: line.near.finish(line.spec, make_result(line.spec, "cplex.a"), fence)) == 1
    assert line.near.ended("s1") == 1


def test_the_lease_of_a_report_is_ended_only_by_who_has_it(store: RunStore) -> None:
    assert store.begin_report("s1", "first", lease_s=60)
    store.end_report("s1", "late")
    assert not store.begin_report("s1", "second", lease_s=60)
    store.end_report("s1", "first")
    assert store.begin_report("s1", "second", lease_s=60)


def _up_s(line: Line) -> float:
    return float(line.near.client.info("server")["uptime_in_seconds"])
