from __future__ import annotations

import json

import pytest

from tests.attacks.shapes import body, shapes, sound
from times_doctor_tasks.celery_app.message_check import Refused, judged, origin, subject

SHAPES = dict(shapes())
QUEUE = "solve.highs.highs"


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
