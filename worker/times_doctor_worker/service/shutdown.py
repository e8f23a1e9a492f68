"""How a worker ends, in stages; each stage logs what it does and until when.

1. stop taking
2. let running solves finish, until a deadline
3. hand back what still runs: its solver is stopped, its message goes to the head of its queue
4. leave

The first signal begins it, the second jumps to stage 3, the third exits at once.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Protocol

from times_doctor_tasks.contract.clock import monotonic_s

logger = logging.getLogger(__name__)

#: Seconds to hand runs back: a solver is killed seven seconds after it was asked to stop, then Redis has to answer.
HAND_BACK_S = 20.0
#: Seconds for Celery to end when nothing runs; a blocked loop never does.
LEAVE_S = 30.0
#: Exit code of a worker that had to exit while runs were still its own; their leases run out.
LEFT = 1
ENDED_WELL = 0
_LOOK_S = 0.02
_URGES = (signal.SIGTERM, signal.SIGINT)


class Taker(Protocol):
    """The intake of messages."""

    def stop_taking(self) -> None:
        """Stops taking messages."""

    def shut_down(self, code: int) -> None:
        """Ends as soon as no task runs."""


class Drain:
    """Ends one worker."""

    def __init__(
        self,
        intake: Taker,
        *,
        running: Callable[[], Sequence[str]],
        drain_s: float,
        on_begin: Callable[[], object] = lambda: None,
        leave: Callable[[int], object] = os._exit,
        leave_s: float = LEAVE_S,
    ) -> None:
        """Args:
        running: What runs now, as text for people.
        on_begin: Called when it has begun.
        leave: Exits the process at once.
        """
        self._intake = intake
        self._running = running
        self._drain_s = drain_s
        self._leave = leave
        self._leave_s = leave_s
        self._ended = threading.Event()
        self._begun = threading.Event()
        self._beginning = threading.Lock()
        self.handing_back = threading.Event()
        """Solves that run must stop; their runs are handed back."""
        self.leaving = threading.Event()
        """All waiting must end."""
        self._deadline_s: float | None = None
        self._code = ENDED_WELL
        self._on_begin = on_begin
        self._thread = threading.Thread(target=self._end, name="drain", daemon=True)

    @property
    def is_begun(self) -> bool:
        """Whether the worker ends."""
        return self._begun.is_set()

    def begin(self, why: str, *, wait_s: float | None, code: int = ENDED_WELL) -> None:
        """Begins to end, unless it already has.

        Args:
            wait_s: Seconds that solves may run on; None: no limit.
        """
        with self._beginning:
            if self.is_begun:
                return
            self._code = code
            self._deadline_s = None if wait_s is None else monotonic_s() + wait_s
            self._begun.set()
        logger.warning("%s: no more work is taken", why, extra={"action": "draining", "code": code})
        self._thread.start()
        self._on_begin()

    def urge(self) -> None:
        """One more signal: the next stage."""
        if not self.is_begun:
            self.begin("asked to stop", wait_s=self._drain_s)
        elif not self.handing_back.is_set():
            logger.warning("asked again to stop: handing back running solves now", extra={"action": "hand_back_urged"})
            self.handing_back.set()
        else:
            logger.warning("asked a third time to stop: exiting at once", extra={"action": "left"})
            self._leave(LEFT)

    def hand_back(self, why: str) -> None:
        """Stage 3 at once, without waiting for these solves."""
        self.begin(why, wait_s=0.0)
        self.handing_back.set()

    def ended(self) -> None:
        """The consumer has ended; the rest is quick."""
        self._ended.set()

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT call `urge`; after the block they are ignored: another one cannot change the exit code.

        A handler may run between any two steps of the main thread, so it only writes to a pipe.
        """
        readable, writable = os.pipe()

        def on_signal(_number: int, _frame: FrameType | None) -> None:
            os.write(writable, b"!")

        def listen() -> None:
            while os.read(readable, 1):
                self.urge()

        thread = threading.Thread(target=listen, name="signals", daemon=True)
        thread.start()
        for number in _URGES:
            signal.signal(number, on_signal)
        try:
            yield
        finally:
            for number in _URGES:  # an interpreter that exits resets our handlers, but keeps ignored signals ignored
                signal.signal(number, signal.SIG_IGN)
            os.close(writable)
            thread.join(timeout=1)
            os.close(readable)

    def _end(self) -> None:
        self._intake.stop_taking()
        if running := self._running():
            logger.warning(
                "%d still running, %s: %s",
                len(running),
                "as long as they take" if self._deadline_s is None else f"until {_clock(self._deadline_s)}",
                ", ".join(running),
                extra={"action": "draining_waits"},
            )
        self._wait(self._deadline_s, self.handing_back)
        if running := self._running():
            deadline_s = monotonic_s() + HAND_BACK_S
            logger.warning(
                "handing back, until %s: %s", _clock(deadline_s), ", ".join(running), extra={"action": "handing_back"}
            )
            self.handing_back.set()
            self._wait(deadline_s, self.leaving)
        self.leaving.set()
        logger.warning("leaving", extra={"action": "leaving", "code": self._code})
        self._intake.shut_down(self._code)
        if not self._ended.wait(self._leave_s):
            logger.error("celery does not stop: exiting by force", extra={"action": "left", "code": self._code})
            self._leave(self._code)

    def _wait(self, deadline_s: float | None, sooner: threading.Event) -> None:
        while self._running() and not sooner.is_set():
            if deadline_s is not None and monotonic_s() >= deadline_s:
                return
            sooner.wait(_LOOK_S)


@dataclass
class Stint:
    """How long a temporary worker stays once it takes runs. It finishes the solves that run when its time is over."""

    drain: Drain
    takes: Callable[[], bool]
    running: Callable[[], Sequence[str]]
    idle_s: float | None
    """Seconds without a run after which it ends; None: never."""
    most_s: float | None
    """Seconds after which it takes no more runs; None: no limit."""
    _began_s: float = 0.0
    _busy_s: float = 0.0

    def look(self) -> None:
        """Ends the worker when its time is over."""
        now_s = monotonic_s()
        if not (self._began_s and self.takes()):  # Celery takes seconds to start on a busy machine
            self._began_s = self._busy_s = now_s
        self._busy_s = now_s if self.running() else self._busy_s
        if self.idle_s is not None and now_s - self._busy_s >= self.idle_s:
            self.drain.begin(f"no run for {self.idle_s / 60:g} min (--until-idle)", wait_s=None)
        elif self.most_s is not None and now_s - self._began_s >= self.most_s:
            self.drain.begin(f"here for {self.most_s / 3600:g} h (--max-hours)", wait_s=None)


def _clock(monotonic: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(time.time() + monotonic - monotonic_s()))
