from __future__ import annotations

import pytest
from msgspec import structs

from tests.conftest import Server
from times_doctor_cli.client.seats import SeatLine, read_seats, set_seats
from times_doctor_cli.client.session import Client
from times_doctor_cli.commands.team.seats import _number, _words
from times_doctor_tasks.config.settings import Settings
from times_doctor_tasks.contract.errors import UsageError
from times_doctor_tasks.state_store.run_store import RunStore
from times_doctor_tasks.testing.fake_host import FakeHost

pytestmark = pytest.mark.server


@pytest.fixture
def client(server: Server, store: RunStore) -> Client:
    return Client.open(Settings(broker_url=server.url, key_prefix=store.keys.prefix, host="desk"))


def register(store: RunStore, *, shares_line: bool) -> None:
    host = FakeHost(store)
    host.register()
    card = store.host("h1")
    assert card is not None
    store.register_host(structs.replace(card, shares_line=shares_line), ttl_s=60)


def test_seats_are_set_shown_with_their_holders_and_taken_away(client: Client) -> None:
    store = client.store
    register(store, shares_line=True)
    assert set_seats(client, "highs", 2, lease_s=60.0) == []
    store.client.zadd(store.keys.held_seats(), {"highs h1 s1 highs.a 1": store.server_ms() + 60_000})
    store.client.zadd(store.keys.held_seats(), {"highs h1 s1 highs.b 1": store.server_ms() - 1})
    store.client.zadd(store.keys.line(), {"s1 highs.c": 1})
    store.client.hset(store.keys.line_needs(), "s1 highs.c", "solve.highs.highs highs.highs 1 0")
    assert read_seats(client) == [SeatLine("highs", 2, 60.0, ("h1 s1 highs.a",), 1)]
    assert set_seats(client, "highs", None, lease_s=60.0) == []
    assert read_seats(client) == []


GARBAGE = [
    "highs",
    "highs  h1 s1 1",
    "highs h1 s1 highs.a",
    "highs a b c d e",
    "highs \t\n x y 1",
    b"highs \xff\xfe",
    "",
    " ",
]


def test_a_holder_that_nobody_can_read_holds_a_seat_all_the_same(client: Client) -> None:
    store = client.store
    set_seats(client, "highs", 9, lease_s=60.0)
    for holder in (*GARBAGE, "highs h1 s1 highs.a 1"):
        store.client.zadd(store.keys.held_seats(), {holder: store.server_ms() + 60_000})
    (line,) = read_seats(client)
    assert sorted(line.holders) == [*[""] * 6, "h1 s1 highs.a"]
    words = _words(line).splitlines()
    assert words[0] == "highs: 7 of 9 in use"
    assert "  h1: highs.a of scan s1" in words
    assert sum(word.startswith("  unknown: ") for word in words) == 6
    store.free_seats_of("h1")
    assert len(store.held_seats()) == 5  # what names h1 second is h1's


def test_a_name_that_no_host_has_and_a_host_that_cannot_count_are_said(client: Client) -> None:
    register(client.store, shares_line=False)
    assert set_seats(client, "cplx", 2, lease_s=60.0) == ["No live host has cplx: is that its name? See `hosts`."]
    assert set_seats(client, "highs", 2, lease_s=60.0) == [
        "h1 of an older version does not count: it gets no new runs of highs."
    ]


@pytest.mark.parametrize("words", [("", ""), ("cplex", ""), ("cplex", "-1"), ("cplex", "1.5"), ("bad name", "2")])
def test_anything_but_a_solver_and_a_number_is_refused(words: tuple[str, str]) -> None:
    with pytest.raises(UsageError, match="expected a solver and a number, or none"):
        _number(*words)


@pytest.mark.parametrize(("amount", "number"), [("2", 2), ("0", 0), ("none", None)])
def test_none_means_that_nobody_counts(amount: str, number: int | None) -> None:
    assert _number("cplex", amount) == number
