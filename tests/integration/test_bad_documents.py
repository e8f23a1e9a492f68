"""Invalid documents: each costs at most its own scan or host."""

from __future__ import annotations

import pytest

from tests.integration.conftest import Submit
from times_doctor_tasks.state_store.run_store import RunStore

pytestmark = pytest.mark.server


@pytest.mark.parametrize(
    "card",
    [b"", b"\xff\xfe", b"{", b"null", b"[]", b"{}", b'{"host": 4}', b'{"schema": -1, "host": "h1"}', b"9" * 5000],
)
def test_a_garbage_card_is_one_host_that_takes_no_part(store: RunStore, card: bytes) -> None:
    store.client.zadd(store.keys.hosts(), {"h1": 1, b"\xff": 2})
    store.client.set(store.keys.host("h1"), card)
    hosts = store.live_hosts()
    assert [host.host for host in hosts] == (["h1"] if card else [])
    assert all(host.notes and not host.slots for host in hosts)


def test_an_id_that_is_no_text_hides_no_scan(store: RunStore, submit: Submit) -> None:
    spec = submit()
    store.client.zadd(store.keys.scans(), {b"\xff\xfe": 9e15, b"": 9e15})
    assert spec.scan in store.scans()
    assert [found.scan for found in store.specs(store.scans())] == [spec.scan]
    assert store.reported(store.scans()) == {}
