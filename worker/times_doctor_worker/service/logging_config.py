"""A worker's log: one line an event on stderr, with a stable action and its ids at the end, and no secret in it."""

from __future__ import annotations

import json
import logging
import logging.config
import re
from datetime import datetime

#: Words of `extra` that a line shows, in this order.
SHOWN = ("action", "host", "scan", "run", "attempt", "engine", "code")
_SECRETS = (
    (re.compile(r"(?<=://)[^\s'\"]*@"), "***@"),  # user and password of a URL, whatever they are made of
    (re.compile(r"\bG\d{6}[^\s,;]+"), "(licence)"),  # a GAMS licence names its owner
)


def _masked(text: str) -> str:
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


def _stamp(record: logging.LogRecord) -> str:
    """Local time with its distance from UTC: hosts of a team may stand in several zones."""
    return datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="seconds")


class LineFormatter(logging.Formatter):
    """`2026-11-23T14:02:11+01:00 WARNING h1: told to end: no more work is taken (action=draining code=0)`."""

    def format(self, record: logging.LogRecord) -> str:
        """One record; a traceback follows on lines of its own."""
        ids = " ".join(f"{name}={getattr(record, name)}" for name in SHOWN if hasattr(record, name))
        text = super().format(record)
        if ids:
            first, newline, rest = text.partition("\n")
            text = f"{first} ({ids}){newline}{rest}"
        return _masked(text)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802  # logging's
        """With the time zone."""
        return _stamp(record)


class JsonFormatter(logging.Formatter):
    """A JSON object a line: `time`, `level`, `who`, `message`, what `extra` names, `traceback` where there is one."""

    def __init__(self, who: str) -> None:
        super().__init__()
        self._who = who

    def format(self, record: logging.LogRecord) -> str:
        """One record on one line."""
        words: dict[str, object] = {
            "time": _stamp(record),
            "level": record.levelname,
            "who": self._who,
            "message": record.getMessage(),
        }
        words |= {name: getattr(record, name) for name in SHOWN if hasattr(record, name)}
        if record.exc_info:
            words["traceback"] = self.formatException(record.exc_info)
        return json.dumps(
            {name: _masked(value) if isinstance(value, str) else value for name, value in words.items()}, default=str
        )


def configure_logging(level: str, *, who: str, form: str = "text") -> None:
    """Logs of this process go to stderr, as `text` or `json`; each line says `who` speaks."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "text": {
                    "()": LineFormatter,
                    "fmt": f"%(asctime)s %(levelname)s {who.replace('%', '%%')}: %(message)s",
                },
                "json": {"()": JsonFormatter, "who": who},
            },
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": form}},
            "root": {"handlers": ["stderr"], "level": level},
            # What Celery and kombu say in passing is about Celery. Its backend tells each second of an outage anew,
            # with a traceback; the consumer beside it says the same in a line.
            "loggers": {
                "celery": {"level": "WARNING"},
                "celery.backends": {"level": "ERROR"},
                "kombu": {"level": "WARNING"},
            },
        }
    )
