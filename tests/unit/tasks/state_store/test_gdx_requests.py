from __future__ import annotations

import fakeredis
import pytest

from times_doctor_tasks.contract.errors import SchemaMismatch
from times_doctor_tasks.contract.keys import Keys
from times_doctor_tasks.contract.messages import encode
from times_doctor_tasks.state_store.gdx_requests import (
    STANDS_S,
    GdxAnswer,
    GdxRequests,
    GdxState,
    SendGdx,
    ask_of,
    read_request,
)

KEYS = Keys("td")


@pytest.fixture
def server() -> fakeredis.FakeRedis:
    return fakeredis.FakeRedis()


@pytest.fixture
def requests(server: fakeredis.FakeRedis) -> GdxRequests:
    return GdxRequests(server, KEYS)


def make_request(ask: str = "a1", run: str = "cplex.dual") -> SendGdx:
    return SendGdx(ask=ask, scan="s1", run=run, attempt=1)


def test_a_request_reaches_its_host_and_no_other(requests: GdxRequests) -> None:
    requests.ask("h1", make_request())
    assert [read_request(raw) for raw in requests.open("h1")] == [make_request()]
    assert requests.open("h2") == []


def test_a_request_that_is_repeated_is_one_request(requests: GdxRequests) -> None:
    for _ in range(3):
        requests.ask("h1", make_request())
    assert len(requests.open("h1")) == 1


def test_a_request_that_nobody_repeats_stands_no_more(requests: GdxRequests, server: fakeredis.FakeRedis) -> None:
    requests.ask("h1", make_request())
    key = KEYS.asked("h1")
    server.zincrby(key, -STANDS_S * 1000, encode(make_request()))
    assert requests.open("h1") == []
    requests.ask("h1", make_request("a2"))
    assert server.zcard(key) == 1


def test_what_is_withdrawn_or_answered_for_good_is_not_open(requests: GdxRequests) -> None:
    for ask in ("a1", "a2", "a3"):
        requests.ask("h1", make_request(ask))
    requests.withdraw("h1", make_request("a1"))
    requests.say([GdxAnswer(ask="a2", state=GdxState.SENT), GdxAnswer(ask="a3", state=GdxState.SENDING)])
    assert [ask_of(raw) for raw in requests.open("h1")] == ["a3"]
    answer = requests.answer("a2")
    assert answer is not None
    assert answer.is_final
    assert requests.answer("a4") is None


def test_every_key_has_a_life(requests: GdxRequests, server: fakeredis.FakeRedis) -> None:
    requests.ask("h1", make_request())
    requests.say([GdxAnswer(ask="a1", state=GdxState.WAITING)])
    assert {key: 0 < server.ttl(key) <= 600 for key in server.keys("*")} == {
        b"td:asked:h1": True,
        b"td:answer:a1": True,
    }


@pytest.mark.parametrize(
    "raw",
    [
        b"no json",
        encode(make_request()).replace(b'"schema":1', b'"schema":2'),
        encode(make_request()).replace(b'"scan"', b'"folder":"/etc","scan"'),
        encode(make_request()).replace(b"s1", b"../../etc"),
        encode(make_request()).replace(b"cplex.dual", b"../dual"),
        encode(make_request()).replace(b'"attempt":1', b'"attempt":"1/../../2"'),
    ],
    ids=["text", "schema", "field", "scan", "run", "attempt"],
)
def test_a_request_that_is_not_as_it_must_be_is_refused(raw: bytes) -> None:
    with pytest.raises(SchemaMismatch):
        read_request(raw)


def test_who_asks_in_another_version_is_still_known() -> None:
    assert ask_of(b'{"schema":7,"ask":"a1","what":"all"}') == "a1"
    assert ask_of(b'{"schema":7,"ask":"../x"}') == ""
    assert ask_of(b"[]") == ""


def test_a_newer_hosts_answer_may_say_more(requests: GdxRequests, server: fakeredis.FakeRedis) -> None:
    server.set(KEYS.answer("a1"), b'{"ask":"a1","state":"refused","refusal":"forbidden","colour":"red"}')
    answer = requests.answer("a1")
    assert answer is not None
    assert (answer.refusal, answer.is_final) == ("forbidden", True)


def test_the_bell_rings_for_who_listens_and_is_no_matter_to_who_does_not(requests: GdxRequests) -> None:
    bell = requests.bell("h1")
    requests.ask("h1", make_request())
    bell.wait(0.0)  # listens from now on
    requests.ask("h2", make_request())
    requests.ask("h1", make_request())
    bell.wait(3600.0)
    assert len(requests.open("h1")) == 1
