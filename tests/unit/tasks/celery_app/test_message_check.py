from __future__ import annotations

import contextlib
import copy
import json
from typing import Any

import fakeredis
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.attacks.shapes import body, shapes, sound
from times_doctor_tasks.celery_app.message_check import Refused, judged, origin, subject
from times_doctor_tasks.celery_app.transport import GuardedChannel
from times_doctor_tasks.contract.keys import Keys
from times_doctor_tasks.state_store.dead_letters import DeadLetters

SHAPES = dict(shapes())
QUEUE = "solve.highs.highs"
#: What no client of ours sends, at any place of a message.
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([10**400, "A===", "\ud800"]),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(max_size=9), parts, max_size=3),
    max_leaves=8,
)
_PLACES = [
    (name, *more)
    for name, value in sound("s1", "highs.a").items()
    for more in [(), *((key,) for key in (value if isinstance(value, dict) else ()))]
]


def test_a_sound_message_passes_with_a_tag_of_its_own() -> None:
    raw = json.dumps(sound("s1", "highs.a")).encode()
    first, second = json.loads(judged(raw, QUEUE)), json.loads(judged(raw, QUEUE))
    tags = {one["properties"].pop("delivery_tag") for one in (first, second)}
    assert len(tags) == 2
    assert first == second
    assert first["headers"] == json.loads(raw)["headers"]
    assert first["body"] == json.loads(raw)["body"]


def test_there_are_as_many_shapes_as_were_found_and_more() -> None:
    assert len(SHAPES) > 93


@pytest.mark.parametrize("name", SHAPES)
def test_a_malformed_message_is_refused_in_a_few_words(name: str) -> None:
    with pytest.raises(Refused) as refused:
        judged(SHAPES[name], QUEUE)
    assert 5 < len(str(refused.value)) < 80


def test_what_is_unknown_beside_a_sound_message_is_left_out() -> None:
    envelope = sound("s1", "highs.a")
    envelope["headers"]["shadow_of"] = envelope["properties"]["headers"] = envelope["more"] = [1]
    passed = json.loads(judged(json.dumps(envelope).encode(), QUEUE))
    assert "shadow_of" not in passed["headers"]
    assert "headers" not in passed["properties"]
    assert "more" not in passed


def test_a_task_in_the_queue_of_another_is_refused() -> None:
    with pytest.raises(Refused, match="another queue"):
        judged(json.dumps(sound("s1", "highs.a")).encode(), "control")


def test_a_name_that_celery_would_log_as_it_is_is_refused() -> None:
    envelope = sound("s1", "highs.a")
    envelope["headers"]["shadow"] = "\x1b[2J"
    with pytest.raises(Refused, match="shadow"):
        judged(json.dumps(envelope).encode(), QUEUE)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (json.dumps(sound("s1", "highs.a")), ("s1", "highs.a")),
        (json.dumps(sound("s1", "highs.a"))[:300], ("s1", "highs.a")),
        (json.dumps({**sound("s1", "highs.a"), "headers": None}), ("s1", "highs.a")),
        (json.dumps({"body": body([{"scan": "s2", "run": "cplex.b.2"}])}), ("s2", "cplex.b.2")),
        (json.dumps({"body": body([{"scan": ["s2"], "run": "cplex.b"}])}), ("", "")),
        ("hello", ("", "")),
    ],
)
def test_the_run_of_a_broken_message_is_told_where_it_can_be_read(raw: str, expected: tuple[str, str]) -> None:
    assert subject(raw.encode()) == expected


def test_the_origin_of_a_message_is_what_it_says_or_nothing() -> None:
    assert origin(json.dumps(sound("s1", "highs.a")).encode()) == "gen7@laptop"
    assert origin(b'{"origin": "\xff"}') == ""


def _with(place: tuple[str, ...], value: Any) -> bytes:
    envelope = copy.deepcopy(sound("s1", "highs.a"))
    at = envelope
    for name in place[:-1]:
        at = at[name]
    at[place[-1]] = value
    return json.dumps(envelope).encode()


def _said_body(letters: bytes, filler: int) -> bytes:
    return b'{"body": "' + letters + b"=" * filler + b'"}'


_LETTERS = st.lists(st.sampled_from(b"AZaz09+/W3siIF9="), max_size=60).map(bytes)
_ANY_BYTES = (
    st.binary(max_size=300)
    | st.builds(_with, st.sampled_from(_PLACES), _JSON)
    | st.builds(_said_body, _LETTERS, st.integers(0, 4))
    | st.builds(
        lambda text, place: text[:place] + text[place + 1 :], st.just(_with(("body",), "")), st.integers(0, 700)
    )
    | st.binary(max_size=60).map(lambda raw: _with(("body",), raw.decode("latin-1")))
)


@given(raw=_ANY_BYTES)
@example(raw=b'{"body": "A==="}')
@example(raw=b'{"body": "AAAAA="}')
@example(raw=b"[" * 100_000)
@example(raw=b'{"body": ' + b"9" * 5000)
def test_no_bytes_raise_anything_but_a_refusal(raw: bytes) -> None:
    with contextlib.suppress(Refused):
        judged(raw, QUEUE)
    scan, run = subject(raw)
    channel = object.__new__(GuardedChannel)
    channel.global_keyprefix = "td:celery:"
    client = fakeredis.FakeRedis()
    channel.__dict__["_plain"] = lambda: client
    channel.put_aside(QUEUE, raw, "it is wrong")
    letter = DeadLetters(client, Keys("td")).newest()[0]
    assert (letter.scan, letter.run, letter.origin) == (scan, run, origin(raw))
