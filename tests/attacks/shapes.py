"""Messages that must not end a worker: a valid one, and others with one error each."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

Envelope = dict[str, Any]
MISSING = object()
WRONG: dict[str, Any] = {
    "null": None,
    "list": [1],
    "dict": {"a": 1},
    "number": 7,
    "text": "x y",
    "true": True,
    "uuid": {"__type__": "uuid", "__value__": "no uuid"},
    "decimal": {"__type__": "decimal", "__value__": [1]},
    "datetime": {"__type__": "datetime", "__value__": "yesterday"},
}
#: The values of a valid message, and those of WRONG that are valid there too.
PLACES: dict[str, tuple[str, ...]] = {
    "headers": (),
    "headers.task": (),
    "headers.id": (),
    "headers.root_id": ("null",),
    "headers.group": ("null",),
    "headers.eta": ("null",),
    "headers.expires": ("null",),
    "headers.timelimit": ("null",),
    "headers.stamps": ("null",),
    "headers.retries": ("null", "number"),
    "headers.argsrepr": ("null", "text"),
    "headers.origin": ("null", "text"),
    "properties": (),
    "properties.body_encoding": (),
    "properties.priority": ("null", "number"),
    "properties.delivery_info": (),
    "properties.delivery_info.exchange": (),
    "properties.delivery_info.routing_key": ("text",),
    "content-type": (),
    "content-encoding": (),
    "body": (),
}


def sound(scan: str, run: str, *, task: str = "times_doctor.solve") -> Envelope:
    """As a client of ours publishes it, but for what Celery makes up anew each time."""
    return {
        "body": body([{"schema": 1, "scan": scan, "run": run}]),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {
            "lang": "py",
            "task": task,
            "id": f"{scan}.{run}",
            "root_id": f"{scan}.{run}",
            "group": None,
            "eta": None,
            "expires": None,
            "retries": 0,
            "timelimit": [None, None],
            "argsrepr": "dual of m",
            "origin": "gen7@laptop",
            "stamps": {},
        },
        "properties": {
            "body_encoding": "base64",
            "priority": 5,
            "delivery_mode": 2,
            "delivery_tag": "74c9f8a8-4d6c-4a55-b3c5-6f2a64d4ac9e",
            "delivery_info": {"exchange": "", "routing_key": "solve.highs.highs"},
        },
    }


def body(args: Any, kwargs: Any = None, embed: Any = None) -> str:
    """Celery's body: arguments, keyword arguments, what follows."""
    nothing = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    return coded(json.dumps([args, {} if kwargs is None else kwargs, nothing if embed is None else embed]))


def coded(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def shapes(scan: str = "s1", run: str = "highs.a") -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each; those that still name a run name this one."""
    yield from _raw(json.dumps(sound(scan, run)).encode())
    for place, also_sound in PLACES.items():
        for name, value in WRONG.items():
            if name not in also_sound:
                yield f"{place} is {name}", _changed(scan, run, place, value)
        if "." not in place:
            yield f"{place} is missing", _changed(scan, run, place, MISSING)
    for name, text in _bodies(scan, run):
        yield f"body: {name}", _changed(scan, run, "body", text)
    for place, value in (
        ("headers.task", "celery.backend_cleanup"),
        ("headers.id", ""),
        ("headers.id", "a" * 5000),
        ("headers.eta", "2999-01-01T00:00:00"),
        ("headers.expires", "yesterday"),
        ("headers.timelimit", [None, "x"]),
        ("headers.timelimit", {"a": 1}),
        ("headers.compression", "zlib"),
        ("headers.compression", [1]),
        ("headers.retries", -1),
        ("headers.retries", 10**300),
        ("properties.priority", -3),
        ("properties.priority", 10),
        ("content-type", "application/x-python-serialize"),
        ("content-encoding", "binary"),
        ("properties.body_encoding", "uu"),
        ("properties.delivery_info.exchange", "celeryev"),
    ):
        yield f"{place} is {str(value)[:40]}", _changed(scan, run, place, value)


def _raw(whole: bytes) -> Iterator[tuple[str, bytes]]:
    yield "nothing", b""
    yield "one byte", b"x"
    yield "no UTF-8", b"\xff\xfe" + whole
    yield "half of it", whole[: len(whole) // 2]
    yield "twice", whole + whole
    yield "a number", b"4"
    yield "a text", b'"x"'
    yield "a list", b"[" + whole + b"]"
    yield "null", b"null"
    yield "an empty object", b"{}"
    yield "not a number", b"NaN"
    yield "deep lists", b"[" * 100_000 + b"]" * 100_000
    yield "deep objects", b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    yield "a number of 5,000 digits", b'{"a":' + b"9" * 5000 + b"}"
    yield "a body of one letter and what fills it up", b'{"body": "A==="}'
    yield "a body of five letters", b'{"body": "AAAAA="}'
    yield "a number larger than any float", b'{"headers": 1e999, "body": -1e999}'
    yield "half a surrogate", b'{"headers": {"id": "\\ud800"}, "body": "\\udfff"}'
    yield "a pickle", b"\x80\x04\x95\x0c\x00\x00\x00\x00\x00\x00\x00."
    yield "zero bytes", bytes(1000)
    yield "too large", b'{"a":"' + b"x" * (17 << 20) + b'"}'


def _bodies(scan: str, run: str) -> Iterator[tuple[str, str]]:
    call = {"schema": 1, "scan": scan, "run": run}
    nothing = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    yield "no base64", "%%%"
    yield "of one letter", "4"
    yield "no JSON", coded("{")
    yield "no UTF-8", coded(b"\xff\xff")
    yield "a number of 5,000 digits", coded("9" * 5000)
    yield "a dict", coded("{}")
    yield "two parts", coded("[[], {}]")
    yield "no arguments", body([])
    yield "two arguments", body([call, call])
    yield "arguments by name", body([], {"message": call})
    yield "no such run id", body([{**call, "run": "../../etc"}])
    yield "a run id that is a list", body([{**call, "run": []}])
    yield "a field too many", body([{**call, "colour": "red"}])
    yield "another schema", body([{**call, "schema": 99}])
    yield "no scan", body([{"schema": 1, "run": run}])
    yield "a uuid that is none", body([{"__type__": "uuid", "__value__": "x"}])
    yield "embed a list", body([call], {}, [])
    yield "embed unknown", body([call], {}, {**nothing, "more": 1})
    yield "callbacks", body([call], {}, {**nothing, "callbacks": [{"task": "times_doctor.solve"}]})
    for name, following in {
        "text": "x",
        "of no task": {"task": "os.system", "args": ["ls"], "kwargs": {}, "options": {"task_id": "a"}},
        "no options": {"task": "times_doctor.solve", "args": [call], "kwargs": {}},
        "options a list": {"task": "times_doctor.solve", "args": [call], "kwargs": {}, "options": []},
        "no arguments": {"task": "times_doctor.solve", "args": [], "kwargs": {}, "options": {"task_id": "a"}},
    }.items():
        yield f"chain {name}", body([call], {}, {**nothing, "chain": [following]})
        yield f"chord {name}", body([call], {}, {**nothing, "chord": following})


def _changed(scan: str, run: str, place: str, value: Any) -> bytes:
    envelope = sound(scan, run)
    *path, last = place.split(".")
    at = envelope
    for name in path:
        at = at[name]
    if value is MISSING:
        del at[last]
    else:
        at[last] = value
    return json.dumps(envelope).encode()
