"""Checks the bytes of a message before Celery sees them.

An allow-list for the messages of our two tasks: wrong values are refused, unknown headers are dropped. We need it
because 35 of the malformed messages that we tried ended a worker, at many places in kombu and Celery.
"""
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import base64
import re
import uuid
from collections.abc import Callable
from typing import Any

from kombu.utils.json import dumps, loads

from times_doctor_tasks.celery_app.aggregate_task import AGGREGATE
from times_doctor_tasks.celery_app.solve_task import SOLVE
from times_doctor_tasks.contract.errors import SchemaMismatch
from times_doctor_tasks.contract.keys import CONTROL_QUEUE
from times_doctor_tasks.contract.messages import AggregateTask, SolveTask, from_task

#: Largest message. One of ours has 2 KB; that of a chain of 500 runs, which carries them all, 600 KB.
MAX_BYTES = 16 << 20
#: Longest text among the headers.
_LONGEST = 65_536
_KINDS: dict[str, type[SolveTask] | type[AggregateTask]] = {SOLVE: SolveTask, AGGREGATE: AggregateTask}
_ID = re.compile(r"[\w.+@-]{1,400}\Z")
_SAID_ID = re.compile(rb'"id": ?"(\w[\w+@-]{0,199})\.(\w[\w.+@-]{0,199})"')
_SAID_ARGUMENT = re.compile(r'"(scan|run)": ?"(\w[\w.+@-]{0,199})"')
_SAID_BODY = re.compile(rb'"body": ?"((?:[A-Za-z0-9+/]{4}){1,2048})')  # whole groups only: no base64 error
_SAID_ORIGIN = re.compile(rb'"origin": ?"([\w.@-]{1,200})"')


class Refused(Exception):  # a decision, not a failure
    """Why a message becomes a dead letter, as a short text."""


def judged(raw: bytes, queue: str) -> bytes:
    """A message of a queue as Celery can take it, with its own delivery tag: two with one tag share an un-acked entry.

    Raises:
        Refused: the only exception, whatever the bytes.
    """
    if len(raw) > MAX_BYTES:
        raise Refused(f"it is larger than {MAX_BYTES >> 20} MB")
    try:
        text: str = dumps(_sound(loads(raw.decode()), queue))
        return text.encode()
    except Refused:
        raise
    except Exception as error:  # noqa: BLE001  # kombu's JSON makes objects, and those raise what they like; RecursionError
        raise Refused(f"it cannot be read ({type(error).__name__})") from None


def subject(raw: bytes) -> tuple[str, str]:
    """Scan and run that a message names, as far as readable; otherwise empty texts."""
    said = _SAID_ID.search(raw[:MAX_BYTES])
    if said is not None:
        return said[1].decode("ascii", "ignore"), said[2].decode("ascii", "ignore")
    body = _SAID_BODY.search(raw[:MAX_BYTES])
    if body is None:
        return "", ""
    text = base64.b64decode(body[1]).decode("utf-8", "replace")
    found = dict(_SAID_ARGUMENT.findall(text))
    return (found["scan"], found["run"]) if len(found) == 2 else ("", "")


def origin(raw: bytes) -> str:
    """Process and machine that published a message, according to the message; may be empty."""
    said = _SAID_ORIGIN.search(raw[:MAX_BYTES])
    return said[1].decode("ascii", "ignore") if said else ""


def _must(ok: object, why: str) -> None:
    if not ok:
        raise Refused(why)


def _is_text(value: object) -> bool:
    return type(value) is str and len(value) <= _LONGEST


def _is_id(value: object) -> bool:
    return type(value) is str and _ID.match(value) is not None


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value <= 1_000_000


def _is_absent(value: object) -> bool:
    return value is None or value is False or (type(value) in (list, dict) and not value)


def _or_none(check: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: value is None or check(value)


#: Allowed headers and their types; all others are dropped.
_HEADERS: dict[str, Callable[[object], bool]] = {
    "lang": _or_none(_is_text),
    "task": lambda value: type(value) is str and value in _KINDS,
    "id": _is_id,
    **dict.fromkeys(("root_id", "parent_id", "group"), _or_none(_is_id)),
    **dict.fromkeys(("argsrepr", "kwargsrepr", "origin"), _or_none(_is_text)),
    **dict.fromkeys(("group_index", "retries", "replaced_task_nesting"), _or_none(_is_count)),
    **dict.fromkeys(("shadow", "eta", "expires", "stamps", "stamped_headers", "compression"), _is_absent),
    "timelimit": lambda value: value is None or value == [None, None],
    **dict.fromkeys(("ignore_result", "redelivered"), lambda value: value is None or type(value) is bool),
}
_PROPERTIES: dict[str, Callable[[object], bool]] = {
    **dict.fromkeys(("correlation_id", "reply_to"), _or_none(_is_text)),
    "delivery_mode": lambda value: value in (None, 1, 2),
    "priority": lambda value: value is None or (type(value) is int and 0 <= value <= 9),
    "body_encoding": lambda value: value == "base64",
}


def _sound(envelope: Any, queue: str) -> dict[str, Any]:
    """The allowed headers of a message."""
    _must(type(envelope) is dict, "it is no object")
    headers = _let_through(envelope.get("headers"), _HEADERS, "header")
    _must((headers["task"] == AGGREGATE) == (queue == CONTROL_QUEUE), "its task belongs in another queue")
    _must(envelope.get("content-type") == "application/json", "its content type is wrong")
    _must(envelope.get("content-encoding") == "utf-8", "its content encoding is wrong")
    properties = _let_through(envelope.get("properties"), _PROPERTIES, "property")
    info = envelope["properties"].get("delivery_info")
    _must(type(info) is dict and info.get("exchange") == "", "its delivery info is wrong")
    _must(_is_text(info.get("routing_key")), "its routing key is wrong")
    properties["delivery_info"] = {"exchange": "", "routing_key": info["routing_key"]}
    properties["delivery_tag"] = str(uuid.uuid4())
    _check_body(envelope.get("body"), headers["task"])
    return {
        "body": envelope["body"],
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": headers,
        "properties": properties,
    }


def _let_through(found: Any, checks: dict[str, Callable[[object], bool]], what: str) -> dict[str, Any]:
    _must(type(found) is dict, f"it has no {what}")
    for name, check in checks.items():
        _must(check(found.get(name)), f"its {what} {name!r} is wrong")
    return {name: found[name] for name in checks if name in found}


def _check_body(body: Any, task: str) -> None:
    _must(type(body) is str, "its body is no text")
    content = loads(base64.b64decode(body, validate=True).decode())
    _must(type(content) is list and len(content) == 3, "its body is wrong")
    args, kwargs, embed = content
    _check_call(task, args, kwargs)
    _must(type(embed) is dict and not set(embed) - {"callbacks", "errbacks", "chain", "chord"}, "its embed is wrong")
    _must(_is_absent(embed.get("callbacks")) and _is_absent(embed.get("errbacks")), "it has callbacks")
    chain, chord = embed.get("chain"), embed.get("chord")
    _must(chain is None or type(chain) is list, "its chain is wrong")
    for following in [*(chain or ()), *(() if chord is None else (chord,))]:
        _check_signature(following)


def _check_signature(signature: Any) -> None:
    _must(type(signature) is dict, "what follows it is wrong")
    _must(type(signature.get("options")) is dict, "the options of what follows it are wrong")
    _must(_is_id(signature["options"].get("task_id")), "the id of what follows it is wrong")
    _check_call(signature.get("task"), signature.get("args"), signature.get("kwargs"))


def _check_call(task: Any, args: Any, kwargs: Any) -> None:
    _must(type(task) is str and task in _KINDS, "its task is unknown")
    _must(type(args) in (list, tuple) and len(args) == 1 and kwargs == {}, "its arguments are wrong")
    try:
        from_task(args[0], _KINDS[task])
    except SchemaMismatch:
        raise Refused("its arguments are wrong, or of another version") from None
