from __future__ import annotations

import json
import logging
import re
import sys

import pytest

from times_doctor_worker.service.logging_config import JsonFormatter, LineFormatter


def line(text: str, *args: object, **extra: object) -> str:
    record = logging.makeLogRecord({"msg": text, "args": args, "levelname": "INFO", **extra})
    return LineFormatter("%(levelname)s h1: %(message)s").format(record)


def test_a_line_ends_with_its_action_and_ids() -> None:
    assert line("run taken", action="run_taken", scan="s1", run="cplex.a", attempt=2, other=3) == (
        "INFO h1: run taken (action=run_taken scan=s1 run=cplex.a attempt=2)"
    )


def test_a_line_without_action_is_left_as_it_is() -> None:
    assert line("%d things", 3) == "INFO h1: 3 things"


def test_a_traceback_follows_the_ids() -> None:
    try:
        raise ValueError("bad")
    except ValueError:
        text = line("defect", action="defect", exc_info=sys.exc_info())
    assert text.startswith("INFO h1: defect (action=defect)\nTraceback")
    assert text.endswith("ValueError: bad")


def test_passwords_and_licences_never_reach_a_log() -> None:
    assert line("no answer from redis://ops:s3cret@host:6379/0") == "INFO h1: no answer from redis://***@host:6379/0"
    assert line("as rediss://:s3cret@host") == "INFO h1: as rediss://***@host"
    assert line("licence G123456/0001CB-GEN is of nobody") == "INFO h1: licence (licence) is of nobody"


@pytest.mark.parametrize(
    "url", ["redis://s3cret@h", "redis://:s3/cret@h", "redis://:a@s3cret@h", "rediss://:s3?cret@h"]
)
def test_no_password_of_whatever_letters_reaches_a_log(url: str) -> None:
    assert line("no answer from %s, tried again", url).endswith("://***@h, tried again")


def test_the_time_of_a_line_has_its_zone() -> None:
    text = LineFormatter("%(asctime)s %(message)s").format(logging.makeLogRecord({"msg": "x"}))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d x", text)


def test_as_json_an_event_is_one_object_on_one_line() -> None:
    try:
        raise ValueError("two\nlines of redis://:s3cret@h")
    except ValueError:
        record = logging.makeLogRecord(
            {"msg": "it %s", "args": ("broke",), "levelname": "ERROR", "action": "defect", "attempt": 2,
             "exc_info": sys.exc_info()}
        )  # fmt: skip
    text = JsonFormatter("h1").format(record)
    words = json.loads(text)
    assert "\n" not in text
    assert "s3cret" not in text
    assert [words[name] for name in ("level", "who", "message", "action", "attempt")] == [
        "ERROR", "h1", "it broke", "defect", 2,
    ]  # fmt: skip
    assert words["traceback"].startswith("Traceback")
