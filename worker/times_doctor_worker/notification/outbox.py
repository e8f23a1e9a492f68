"""Sends messages: a few at a time, each in a short-lived process, so that nothing waits for them."""

from __future__ import annotations

import json
import logging
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence

from times_doctor_worker.notification.targets import Targets
from times_doctor_worker.notification.wording import Message

logger = logging.getLogger(__name__)

#: Messages that are sent at the same time, and messages that may wait; more are dropped.
SENDERS, MOST_WAITING = 3, 300
#: Seconds that one message may take to all addresses of a name.
PATIENCE_S = 60.0
#: Only checks the addresses; sends nothing.
_CHECK = Message("", "", "")


class Outbox:
    """Tries each message once; logs each failure with the name and the place of the address."""

    def __init__(self, targets: Targets) -> None:
        self._urls = targets.urls
        self._waiting: queue.Queue[tuple[str, Message]] = queue.Queue(MOST_WAITING)
        for number in range(SENDERS):
            threading.Thread(target=self._work, name=f"notify-{number}", daemon=True).start()
        for name in self._urls:
            self.put(name, _CHECK)

    def put(self, name: str, message: Message) -> None:
        """Sends a message to all addresses of a name, later. Never blocks."""
        try:
            self._waiting.put_nowait((name, message))
        except queue.Full:
            _log(logging.WARNING, "notify_failed", message, f"{name!r} is not told: too many messages wait")

    def _work(self) -> None:
        while True:
            name, message = self._waiting.get()
            try:
                refused = _hand_over(self._urls[name], message)
            except (OSError, ValueError, subprocess.SubprocessError) as error:  # of the process: it has no address
                _log(logging.WARNING, "notify_failed", message, f"{name!r} is not told: {error}")
                continue
            did_not = "took no message" if message.body else "is not supported by Apprise"
            for place in refused:
                _log(logging.WARNING, "notify_failed", message, f"address {place} of {name!r} {did_not}")
            if message.body and len(refused) < len(self._urls[name]):
                _log(logging.INFO, "notified", message, f"told {name!r}: {message.title}")


def _hand_over(urls: Sequence[str], message: Message) -> list[int]:
    """The places of the addresses that did not accept it."""
    done = subprocess.run(
        [sys.executable, "-m", "times_doctor_worker.notification.sender"],
        input=json.dumps({"urls": urls, "title": message.title, "body": message.body}).encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if not name.startswith("TIMES_DOCTOR_")},
        timeout=PATIENCE_S,
        check=True,
        start_new_session=True,
    )
    return list(json.loads(done.stdout))


def _log(level: int, action: str, message: Message, words: str) -> None:
    logger.log(level, "%s", words, extra={"action": action} | ({"scan": message.scan} if message.scan else {}))
