from __future__ import annotations

from collections.abc import Iterable

import pytest

from times_doctor_worker.service.watchdog import BLOCKED_S, DEAF_S, LEAKED_S, Look, Watchdog


def looks(seconds: float, *, start_s: float = 0.0, **how: float) -> Iterable[Look]:
    """A look a second; by default of a healthy idle worker with two slots."""
    for second in range(int(seconds) + 1):
        now_s = start_s + second
        fields = {"ticked_s": now_s, "reserved": 0, "running": 0, "slots": 2, "received": 0, "waiting": 0} | how
        yield Look(now_s=now_s, **fields)  # type: ignore[arg-type]


def complaints(dog: Watchdog, seen: Iterable[Look]) -> list[str]:
    return [said for look in seen if (said := dog.see(look))]


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"reserved": 2, "running": 2},
        {"reserved": 2, "running": 2, "waiting": 9},
        {"reserved": 1, "running": 2},
    ],
)
def test_a_healthy_worker_is_left_alone(how: dict[str, float]) -> None:
    assert complaints(Watchdog(), looks(300, **how)) == []


def test_a_loop_without_ticks_is_blocked() -> None:
    assert complaints(Watchdog(), looks(BLOCKED_S, ticked_s=0.0)) == []
    assert "blocked" in complaints(Watchdog(), looks(BLOCKED_S + 1, ticked_s=0.0))[0]


def test_a_task_that_is_counted_and_does_not_run_has_taken_its_slot() -> None:
    assert complaints(Watchdog(), looks(LEAKED_S, reserved=2, running=1)) == []
    assert complaints(Watchdog(), looks(LEAKED_S + 1, reserved=2, running=1)) == ["1 of 2 slots have leaked"]


def test_messages_that_nobody_takes_while_a_slot_is_free_are_not_heard() -> None:
    assert complaints(Watchdog(), looks(DEAF_S, waiting=3, running=1, reserved=1)) == []
    assert "none was taken" in complaints(Watchdog(), looks(DEAF_S + 1, waiting=3, running=1, reserved=1))[0]


def test_a_worker_that_takes_now_and_then_hears() -> None:
    dog = Watchdog()
    assert complaints(dog, looks(20, waiting=3)) == []
    assert complaints(dog, looks(20, start_s=21, waiting=3, received=1)) == []


def test_what_was_seen_before_redis_was_away_does_not_count() -> None:
    dog = Watchdog()
    assert complaints(dog, looks(25, waiting=3)) == []
    dog.forget()
    assert complaints(dog, looks(25, start_s=26, waiting=3)) == []


def test_a_process_that_was_stopped_is_not_deaf() -> None:
    dog = Watchdog()
    assert complaints(dog, looks(10, waiting=3)) == []
    assert complaints(dog, looks(10, start_s=500, waiting=3, ticked_s=10.0)) == []
