from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator

import pytest

from tests.conftest import wait_until
from times_doctor_worker.service.shutdown import LEFT, Drain, Stint


class Intake:
    def __init__(self) -> None:
        self.said: list[object] = []
        self.ended = threading.Event()

    def stop_taking(self) -> None:
        self.said.append("stop")

    def shut_down(self, code: int) -> None:
        self.said.append(code)
        self.ended.set()


class Host:
    """A drain with `running` runs, which end when the test, or the hand-back, says so."""

    def __init__(
        self, *running: str, drain_s: float = 60.0, ends_when_handed_back: bool = True, leave_s: float = 60.0
    ) -> None:
        self.intake = Intake()
        self.running = list(running)
        self.left: list[int] = []
        self.drain = Drain(
            self.intake,
            running=self._running,
            drain_s=drain_s,
            leave=self.left.append,
            leave_s=leave_s,
        )
        self._ends = ends_when_handed_back

    def _running(self) -> list[str]:
        if self._ends and self.drain.handing_back.is_set():
            self.running.clear()
        return list(self.running)

    def wait(self) -> None:
        assert self.intake.ended.wait(30)
        self.drain.ended()


def test_an_idle_worker_stops_taking_puts_parked_runs_back_and_leaves() -> None:
    host = Host()
    host.drain.urge()
    host.wait()
    assert host.intake.said == ["stop", 0]
    assert not host.drain.handing_back.is_set()


def test_running_solves_may_end_by_themselves() -> None:
    host = Host("s1 a")
    host.drain.urge()
    wait_until(lambda: "stop" in host.intake.said)
    host.running.clear()
    host.wait()
    assert not host.drain.handing_back.is_set()


def test_what_does_not_end_in_time_is_handed_back() -> None:
    host = Host("s1 a", drain_s=0.05)
    host.drain.urge()
    host.wait()
    assert host.drain.handing_back.is_set()
    assert host.intake.said[-1] == 0


def test_a_second_signal_hands_back_and_a_third_leaves() -> None:
    host = Host("s1 a", ends_when_handed_back=False)
    host.drain.urge()
    assert not host.drain.handing_back.is_set()
    host.drain.urge()
    assert host.drain.handing_back.is_set()
    assert host.left == []
    host.drain.urge()
    assert host.left == [LEFT]
    host.running.clear()
    host.wait()


def test_a_watchdog_waits_as_long_as_solves_take_and_asks_for_a_restart() -> None:
    host = Host("s1 a", drain_s=0.0)
    host.drain.begin("watchdog: deaf", wait_s=None, code=75)
    host.drain.begin("told to end", wait_s=0.0)
    wait_until(lambda: "stop" in host.intake.said)
    assert not host.intake.ended.wait(0.1)
    host.running.clear()
    host.wait()
    assert host.intake.said[-1] == 75


def test_a_loop_that_is_blocked_is_left_by_force() -> None:
    host = Host(leave_s=0.05)
    host.drain.begin("watchdog: blocked", wait_s=None, code=75)
    wait_until(lambda: host.left == [75])


def test_a_loop_that_ended_is_not_left_by_force() -> None:
    host = Host(leave_s=0.2)
    host.drain.ended()
    host.drain.begin("told to end", wait_s=0.0)
    host.wait()
    host.drain._thread.join(30)
    assert host.left == []


@pytest.fixture
def own_handlers() -> Iterator[None]:
    """This process's handlers come back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("own_handlers")
def test_signals_urge_and_then_do_no_harm_any_more() -> None:
    host = Host("s1 a", ends_when_handed_back=False)
    with host.drain.on_signals():
        os.kill(os.getpid(), signal.SIGTERM)
        wait_until(lambda: host.drain.is_begun)
        os.kill(os.getpid(), signal.SIGINT)
        wait_until(host.drain.handing_back.is_set)
        host.running.clear()
        host.wait()
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("running", [(), ("s1 a",)])
def test_a_closed_lifeline_hands_back_without_waiting(running: tuple[str, ...]) -> None:
    host = Host(*running)
    host.drain.hand_back("lifeline closed")
    host.wait()
    assert host.intake.said == ["stop", 0]


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, in seconds."""
    now = [1000.0]
    monkeypatch.setattr("times_doctor_worker.service.shutdown.monotonic_s", lambda: now[0])
    return now


def test_a_worker_for_a_while_ends_when_it_had_no_run_for_so_long(at: list[float]) -> None:
    host = Host("s r")
    stint = Stint(host.drain, lambda: True, lambda: host.running, idle_s=600.0, most_s=None)
    for at[0] in (1000.0, 9000.0):
        stint.look()
    host.running.clear()
    at[0] = 9599.0
    stint.look()
    assert not host.drain.is_begun
    at[0] = 9600.0
    stint.look()
    host.wait()
    assert host.intake.said == ["stop", 0]


def test_a_worker_whose_time_is_over_takes_no_more_and_kills_no_solve(at: list[float]) -> None:
    host = Host("s r")
    stint = Stint(host.drain, lambda: True, lambda: host.running, idle_s=None, most_s=3600.0)
    for at[0] in (1000.0, 4599.0):
        stint.look()
    assert not host.drain.is_begun
    at[0] = 4600.0
    stint.look()
    wait_until(lambda: host.intake.said == ["stop"], what="it takes no more")
    at[0] = 90_000.0
    stint.look()
    assert not host.drain.handing_back.is_set()
    host.running.clear()
    host.wait()
    assert host.intake.said == ["stop", 0]


@pytest.mark.parametrize(("idle_s", "most_s"), [(3.0, None), (None, 3.0)])
def test_the_time_of_a_worker_for_a_while_begins_when_it_takes_runs(
    at: list[float], idle_s: float | None, most_s: float | None
) -> None:
    host, takes = Host(), [False]
    stint = Stint(host.drain, lambda: takes[0], lambda: host.running, idle_s=idle_s, most_s=most_s)
    for at[0] in (1000.0, 1500.0):  # Celery is slow to start
        stint.look()
    takes[0] = True
    at[0] = 1502.9
    stint.look()
    assert not host.drain.is_begun
    at[0] = 1503.0
    stint.look()
    assert host.drain.is_begun
    host.wait()


def test_two_threads_that_end_a_worker_at_once_end_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    host, both = Host(), threading.Barrier(2)
    begun = host.drain._begun.is_set

    def met() -> bool:
        _meet(both)
        return begun()

    monkeypatch.setattr(host.drain._begun, "is_set", met)
    faults: list[BaseException] = []

    def end() -> None:
        try:
            host.drain.begin("asked", wait_s=0.0)
        except RuntimeError as error:  # a thread is started once
            faults.append(error)

    threads = [threading.Thread(target=end) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    host.wait()
    assert (faults, host.intake.said) == ([], ["stop", 0])


def _meet(both: threading.Barrier) -> None:
    """Lets two threads look at the same moment, if a lock does not keep one of them out."""
    with contextlib.suppress(threading.BrokenBarrierError):
        both.wait(0.5)
