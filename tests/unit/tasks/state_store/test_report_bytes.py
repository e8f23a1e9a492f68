from __future__ import annotations

import zlib

import pytest

from times_doctor_tasks.state_store import report_bytes
from times_doctor_tasks.state_store.report_bytes import packed, unpacked

DOCUMENT = b'{"schema":1,"runs":[' + b'{"engine":"gams"},' * 100 + b"{}]}"


def test_a_packed_report_is_small_and_comes_out_as_it_was() -> None:
    assert len(packed(DOCUMENT)) < len(DOCUMENT) / 10
    assert unpacked(packed(DOCUMENT)) == DOCUMENT


@pytest.mark.parametrize("raw", [DOCUMENT, b"", b"garbage", b"\x78\x9cgarbage"])
def test_what_is_not_packed_stays_as_it_is(raw: bytes) -> None:
    assert unpacked(raw) == raw


def test_no_stream_is_unpacked_beyond_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_bytes, "MAX_BYTES", 1000)
    assert len(unpacked(zlib.compress(bytes(100_000)))) == 1000
    assert unpacked(packed(DOCUMENT)) == packed(DOCUMENT) == DOCUMENT  # too large to be packed
