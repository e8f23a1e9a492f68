"""A worker's log: one line an event on stderr, with a stable action and its ids at the end, and no secret in it."""

from __future__ import annotations

import logging
import logging.config
import re

#: Words of `extra` that a line shows, in this order.
SHOWN = ("action", "host", "scan", "run", "attempt", "engine", "code")
_SECRETS = (
    (re.compile(r"(?<=://)[^/@\s]*:[^/@\s]*@"), "***@"),  # user and password of a URL
    (re.compile(r"\bG\d{6}[^\s,;]+"), "(licence)"),  # a GAMS licence names its owner
)


class LineFormatter(logging.Formatter):
    """`2026-11-23 14:02:11 WARNING h1: told to end: no more work is taken (action=draining code=0)`."""

    def format(self, record: logging.LogRecord) -> str:
        """One record; a traceback follows on lines of its own."""
        ids = " ".join(f"{name}={getattr(record, name)}" for name in SHOWN if hasattr(record, name))
        text = super().format(record)
        if ids:
            first, newline, rest = text.partition("\n")
            text = f"{first} ({ids}){newline}{rest}"
        for pattern, instead in _SECRETS:
            text = pattern.sub(instead, text)
        return text


def configure_logging(level: str, *, who: str) -> None:
    """Logs of this process go to stderr; each line says `who` speaks."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "line": {
                    "()": LineFormatter,
                    "fmt": f"%(asctime)s %(levelname)s {who.replace('%', '%%')}: %(message)s",
                    "datefmt": "%Y-%m-%d %H:%M:%S",
                }
            },
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
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
