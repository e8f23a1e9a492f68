from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import wait_until
from times_doctor_worker.notification import outbox as module
from times_doctor_worker.notification.outbox import MOST_WAITING, Outbox
from times_doctor_worker.notification.outbox import _hand_over as hand_over
from times_doctor_worker.notification.targets import Targets
from times_doctor_worker.notification.wording import Message

# Processes start slowly on a busy machine.
pytestmark = pytest.mark.timeout(60)
SECRET = "hunter2"
TARGETS = Targets({"anna": (f"json://{SECRET}", f"mailto://{SECRET}")})
MESSAGE = Message("s1", "a title", "a body")


def stand_in(monkeypatch: pytest.MonkeyPatch, act: Callable[[dict[str, Any]], str]) -> list[list[str]]:
    """Puts `act` in the place of the sender's process; the command lines that it was called by."""
    called = []

    def run(argv: list[str], **words: Any) -> subprocess.CompletedProcess[bytes]:
        called.append([*argv, *words["env"]])
        return subprocess.CompletedProcess(argv, 0, act(json.loads(words["input"])).encode())

    monkeypatch.setattr(subprocess, "run", run)
    return called


def wait_for_all(called: list[list[str]], amount: int) -> None:
    """Else a sender may take the check at the start after the test, when a real process would be started."""
    wait_until(lambda: len(called) == amount, what=f"{amount} calls, with the check at the start")


def test_an_address_that_takes_nothing_is_named_by_its_place(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("TIMES_DOCTOR_BROKER_URL", f"redis://:{SECRET}@b")
    called = stand_in(monkeypatch, lambda asked: "[2]" if asked["body"] else "[]")
    with caplog.at_level(logging.INFO):
        Outbox(TARGETS).put("anna", MESSAGE)
        wait_until(lambda: "told 'anna'" in caplog.text, what="it is sent")
        wait_for_all(called, 2)
    assert "address 2 of 'anna' took no message" in caplog.text
    assert SECRET not in caplog.text
    assert SECRET not in str(called)
    assert "TIMES_DOCTOR_BROKER_URL" not in str(called)


def test_addresses_that_apprise_does_not_know_are_said_at_the_start(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stand_in(monkeypatch, lambda asked: "[1]" if not asked["body"] else "[]")
    Outbox(TARGETS)
    wait_until(lambda: "address 1 of 'anna' is not supported by Apprise" in caplog.text, what="the check")


@pytest.mark.parametrize(
    "error", [subprocess.TimeoutExpired("sender", 60), subprocess.CalledProcessError(1, "sender"), OSError("no room")]
)
def test_a_sender_that_fails_is_a_line_and_the_next_message_goes_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    def act(asked: dict[str, Any]) -> str:
        if asked["body"] == "fails":
            raise error
        return "[]"

    called = stand_in(monkeypatch, act)
    box = Outbox(TARGETS)
    with caplog.at_level(logging.INFO):
        box.put("anna", Message("s1", "one", "fails"))
        box.put("anna", Message("s2", "another", "works"))
        wait_until(lambda: "told 'anna': another" in caplog.text, what="the second is sent")
        wait_until(lambda: "'anna' is not told: " in caplog.text, what="the first is said to have failed")
        wait_for_all(called, 3)


def test_a_flood_is_bounded_and_blocks_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "SENDERS", 0)
    box = Outbox(TARGETS)
    for _ in range(MOST_WAITING + 1):
        box.put("anna", MESSAGE)
    assert "'anna' is not told: too many messages wait" in caplog.text


def test_the_sender_tells_which_addresses_apprise_does_not_know() -> None:
    assert hand_over(["json://127.0.0.1:9", "nonsense://x", "mailto://"], Message("", "", "")) == [2, 3]


def test_the_sender_tells_which_addresses_took_nothing() -> None:
    assert hand_over(["json://127.0.0.1:1"], MESSAGE) == [1]


def test_a_worker_starts_without_apprise() -> None:
    code = "import sys, times_doctor_worker.service.worker; print('apprise' in sys.modules, 'requests' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
