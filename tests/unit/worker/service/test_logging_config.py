from __future__ import annotations

import logging
import sys

from times_doctor_worker.service.logging_config import LineFormatter


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
