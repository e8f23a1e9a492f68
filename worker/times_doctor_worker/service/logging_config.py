"""A worker's log on stderr: one line per event, ending with a stable action and ids, without secrets."""

from __future__ import annotations

import json
import logging
import logging.config
import re
import threading
from datetime import datetime

from times_doctor_tasks.contract.clock import monotonic_s
from times_doctor_worker.redis_io.retry import SAY_AGAIN_S

#: Words of `extra` that a line shows, in this order.
SHOWN = ("action", "host", "scan", "run", "attempt", "engine", "code")
_SECRETS = (
    # User and password of a URL, with any characters; a user whose password is already masked stays.
    (re.compile(r"(?<=://)(?![\w.-]+:\*{3}@[^\s'\"@]*(?:[\s'\"]|$))[^\s'\"]*@"), "***@"),
    (re.compile(r"\bG\d{6}[^\s,;]+"), "(licence)"),  # a GAMS licence names its owner
)


#: Celery's consumer, and the beginnings of its lines about a lost connection.
_CONSUMER = "celery.worker.consumer.consumer"
_LOST = ("consumer: Cannot connect", "consumer: Connection to broker lost")
#: Seconds after an outage in which no new outage is reported.
LATE_S = 10.0


def _masked(text: str) -> str:
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


def _stamp(record: logging.LogRecord) -> str:
    """Local time with its UTC offset: hosts of a team may be in several time zones."""
    return datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="seconds")


def _of_outage(record: logging.LogRecord) -> bool:
    """Whether a line says that Redis does not answer; Celery's lines are replaced by one of ours."""
    if record.name == _CONSUMER and record.getMessage().startswith(_LOST):
        error = record.args[1] if isinstance(record.args, tuple) and len(record.args) > 1 else "connection lost"
        record.msg, record.args, record.action = "consumer: %s; tried again", (error,), "redis_away"
    if record.exc_info and record.exc_info[0] and record.exc_info[0].__module__.startswith(("redis.", "kombu.")):
        record.msg, record.args = f"{record.getMessage()}: {record.exc_info[1]}", ()
        record.exc_info, record.action = None, "redis_away"
    return getattr(record, "action", "") in ("redis_away", "redis_waits")


class OutageFilter(logging.Filter):
    """Logs one outage of Redis, seen by many threads, as a line at once, one every `SAY_AGAIN_S`, and one at its end.

    The other lines are shown at level DEBUG.
    """

    def __init__(self, *, shows_all: bool) -> None:
        super().__init__()
        self._shows_all = shows_all
        self._lock = threading.Lock()
        self._since_s: float | None = None
        self._tries = 0
        self._say_at_s = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line is shown; a line about a lasting outage gets its duration."""
        is_back = getattr(record, "action", "") == "redis_back"
        if not is_back and not _of_outage(record):
            return True
        with self._lock:
            shown = self._says_back(record) if is_back else self._says_away(record)
        if not shown and self._shows_all:
            record.levelno, record.levelname = logging.DEBUG, "DEBUG"
        return shown or self._shows_all

    def _says_away(self, record: logging.LogRecord) -> bool:
        now_s = monotonic_s()
        self._tries += 1
        if now_s < self._say_at_s:
            return False
        self._say_at_s = now_s + SAY_AGAIN_S
        if self._since_s is None:
            self._since_s, self._tries = now_s, 1
        else:
            record.msg, record.args = f"{record.getMessage()} {self._lasted(now_s)}", ()
        return True

    def _says_back(self, record: logging.LogRecord) -> bool:
        if self._since_s is None:
            return False
        now_s = monotonic_s()
        record.msg, record.args = f"{record.getMessage()} {self._lasted(now_s)}", ()
        # Threads that waited for their time-out report an outage that is over.
        self._since_s, self._say_at_s = None, now_s + LATE_S
        return True

    def _lasted(self, now_s: float) -> str:
        return f"[after {now_s - (self._since_s or now_s):.0f} s and {self._tries} tries]"


class LineFormatter(logging.Formatter):
    """`2026-11-23T14:02:11+01:00 WARNING h1: asked to stop: no more work is taken (action=draining code=0)`."""

    def format(self, record: logging.LogRecord) -> str:
        """One record on one line, even if its text has line breaks; a traceback follows on separate lines."""
        record.msg, record.args = " ".join(record.getMessage().split("\n")).rstrip(), ()
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
    """One JSON object per line: `time`, `level`, `who`, `message`, the ids of `extra`, `traceback` if there is one."""

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
    """Sends this process's logs to stderr, as `text` or `json`; each line names `who` wrote it."""
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
            "filters": {"outage": {"()": OutageFilter, "shows_all": level == "DEBUG"}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": form, "filters": ["outage"]}},
            "root": {"handlers": ["stderr"], "level": level},
            # Celery's and kombu's minor messages are about Celery. Its backend logs an outage every second with a
            # traceback; the consumer logs the same in one line.
            "loggers": {
                "celery": {"level": "WARNING"},
                "celery.backends": {"level": "ERROR"},
                "kombu": {"level": "WARNING"},
            },
        }
    )
