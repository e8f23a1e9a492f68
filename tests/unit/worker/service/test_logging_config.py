from __future__ import annotations

import json
import logging
import re
import sys
from typing import Any

import pytest
import redis

from times_doctor_worker.service import logging_config
from times_doctor_worker.service.logging_config import JsonFormatter, LineFormatter, OutageFilter


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
    assert line("at redis://ops:***@host:6379/0, 'redis://ops:***@h'").endswith(
        "ops:***@host:6379/0, 'redis://ops:***@h'"
    )
    for more in ("@host", "x@host", ",s3cret@host"):
        assert line(f"at redis://ops:***@s3cret{more}") == "INFO h1: at redis://***@host"
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


def test_whatever_others_put_into_it_an_event_is_one_line() -> None:
    assert line("no: %s", "a\nINFO h1: forged\n", action="x") == "INFO h1: no: a INFO h1: forged (action=x)"


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, shows_all: bool = False) -> None:
        self.now_s = 100.0
        self.outage = OutageFilter(shows_all=shows_all)
        monkeypatch.setattr(logging_config, "monotonic_s", lambda: self.now_s)

    def said(self, text: str, *args: object, at_s: float = 0.0, **extra: object) -> str | None:
        """What is shown of a line that is logged so many seconds later; None: nothing."""
        self.now_s += at_s
        record = logging.makeLogRecord({"msg": text, "args": args, "levelname": "WARNING", **extra})
        shown = self.outage.filter(record)
        return f"{record.levelname} {record.getMessage()}" if shown else None


AWAY: dict[str, Any] = {"action": "redis_away"}
BACK: dict[str, Any] = {"action": "redis_back"}
CONSUMER: dict[str, Any] = {"name": "celery.worker.consumer.consumer"}


def test_an_outage_is_said_at_once_then_every_half_minute_and_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    assert clock.said("sweep: gone", **AWAY) == "WARNING sweep: gone"
    assert [clock.said(f"{who}: gone", at_s=1.0, **AWAY) for who in ("card", "sweep", "card")] == [None] * 3
    assert clock.said("ready", action="started") == "WARNING ready"  # others speak on
    assert clock.said("card: gone", at_s=27.0, **AWAY) == "WARNING card: gone [after 30 s and 5 tries]"
    assert clock.said("back", at_s=5.0, **BACK) == "WARNING back [after 35 s and 5 tries]"
    assert clock.said("back", **BACK) is None
    assert clock.said("spool: timed out", at_s=3.0, **AWAY) is None  # it waited since before
    assert clock.said("sweep: gone", at_s=60.0, **AWAY) == "WARNING sweep: gone"


def test_lines_of_celery_about_a_lost_connection_are_of_the_same_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    lost = "consumer: Connection to broker lost. Trying to re-establish the connection..."
    assert clock.said("%s (%r)", lost, "closed", **CONSUMER) == "WARNING consumer: closed; tried again"
    away = ("redis://h", "refused", "Trying again in 2.00 seconds... (1/None)")
    assert clock.said("consumer: Cannot connect to %s: %s.\n%s\n", *away, **CONSUMER) is None
    assert clock.said("something else\nof Celery", **CONSUMER) is not None


def test_what_fails_for_want_of_redis_shows_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    try:
        raise redis.ConnectionError("refused")
    except redis.ConnectionError:
        record = logging.makeLogRecord({"msg": "events not sent", "exc_info": sys.exc_info()})
    assert clock.outage.filter(record)
    assert (record.getMessage(), record.exc_info) == ("events not sent: refused", None)


def test_at_the_level_debug_every_line_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch, shows_all=True)
    assert [clock.said("gone", **AWAY) for _ in range(2)] == ["WARNING gone", "DEBUG gone"]
