"""The uplink: one thread that sends the progress of this host's runs to Redis, and brings back the answers.

A solve never waits for Redis. It leaves its newest look and its state here; this thread sends them, beats for every
run, and hands back "cancelled" and "not yours". While Redis is away the solves go on and FINISH decides.
"""

from __future__ import annotations

import logging
import threading
from collections import deque

import msgspec
import redis

from times_doctor_tasks.contract.cancel_flag import StopRequest, parse_flag
from times_doctor_tasks.contract.clock import monotonic_s
from times_doctor_tasks.contract.messages import Noted, ProgressMade, RunSpec, ScanSpec
from times_doctor_tasks.contract.states import RunState
from times_doctor_tasks.state_store.connection import is_wrong_type
from times_doctor_tasks.state_store.run_store import NO_SEAT_S, Fence, RunStore

logger = logging.getLogger(__name__)

#: Seconds between beats of a run, which also notice a cancel. Far below any lease.
BEAT_S = 0.5
#: Most progress snapshots of one run that the host sends in a second.
LOOKS_PER_S = 5
#: Notes kept for one run while Redis is away; older ones are dropped first.
MAX_NOTES = 100


class Line(msgspec.Struct):
    """One run's line to Redis: what to send, and what was answered."""

    spec: ScanSpec
    run: RunSpec
    fence: Fence
    disowned: bool = False
    """Another attempt owns the run: stop, and say nothing more."""
    stop: StopRequest | None = None
    seat_until_s: float = NO_SEAT_S
    """Monotonic: unless a beat is answered before, its seat may be another's soon, and the solver must end."""
    closed: threading.Event = msgspec.field(default_factory=threading.Event)
    """Set when this attempt is over and its solver gone."""
    _known: RunState = RunState.CLAIMED
    _states: deque[RunState] = msgspec.field(default_factory=deque)
    _look: ProgressMade | None = None
    _notes: deque[Noted] = msgspec.field(default_factory=lambda: deque(maxlen=MAX_NOTES))
    _next_look_s: float = 0.0
    _next_beat_s: float = 0.0
    _sending: threading.Lock = msgspec.field(default_factory=threading.Lock)

    def ids(self) -> dict[str, object]:
        """The ids that a log line about it names."""
        return {"scan": self.spec.scan, "run": self.run.run, "attempt": self.fence.attempt}

    def enter(self, state: RunState) -> None:
        """The run is in `state` now; every state is sent, in order."""
        self._states.append(state)

    def skip(self) -> None:
        """Drops what cannot be sent, so that the run still beats."""
        self._look = None
        if self._states:
            self._known = self._states.popleft()
        elif self._notes:
            self._notes.popleft()

    def show(self, look: ProgressMade) -> None:
        """Replaces the look that waits to be sent."""
        self._look = look

    def note(self, text: str, level: str = "warning") -> None:
        """A line for people."""
        self._notes.append(Noted(run=self.run.run, attempt=self.fence.attempt, text=text, level=level))

    @property
    def has_seat(self) -> bool:
        """Whether its solver is counted."""
        return self.seat_until_s < NO_SEAT_S

    def is_still_ours(self, store: RunStore) -> bool:
        """Asks now instead of at the next beat. May raise `redis.RedisError`."""
        with self._sending:
            if not self.disowned:
                self._beat(store)
            return not self.disowned

    def send(self, store: RunStore, now_s: float) -> None:
        """Sends what is due; what could not be sent stays for the next call.

        Raises:
            redis.RedisError: Redis did not answer.
        """
        with self._sending:
            self._send(store, now_s)

    def _send(self, store: RunStore, now_s: float) -> None:
        while self._states and not self.disowned:
            self.disowned = not store.advance(self.spec, self.run.run, self.fence, self._states[0])
            self._known = self._states.popleft()
        while self._notes and not self.disowned:
            store.tell(self.spec.scan, self._notes[0])
            self._notes.popleft()
        look = self._look
        if look is not None and now_s >= self._next_look_s and not self.disowned:
            store.tell(self.spec.scan, look)
            self._next_look_s = now_s + 1 / LOOKS_PER_S
            if self._look is look:
                self._look = None
        if now_s >= self._next_beat_s and not self.disowned:
            self._beat(store)
            self._next_beat_s = now_s + BEAT_S

    def _beat(self, store: RunStore) -> None:
        beat = store.beat(self.spec, self.run.run, self.fence, state=self._known)
        self.disowned = not beat.ours
        if beat.ours:
            self.seat_until_s = beat.seat_until_s
        if beat.cancel:
            self.stop = parse_flag(beat.cancel)


class Uplink:
    """The thread. `open` gives a run its line; `close` ends the line and drops what was not sent."""

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._lines: dict[tuple[str, str], Line] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._ending = False
        self._thread = threading.Thread(target=self._loop, name="uplink", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread; what was not sent is dropped."""
        self._ending = True
        self._wake.set()
        self._thread.join(timeout=5)

    def open(self, spec: ScanSpec, run: RunSpec, fence: Fence) -> Line:
        """A line for a run that this host has claimed."""
        line = Line(spec, run, fence)
        with self._lock:
            self._lines[spec.scan, run.run] = line
        self._wake.set()
        return line

    def advance(self, line: Line, state: RunState) -> None:
        """The run is in `state` now; sent at once."""
        line.enter(state)
        self._wake.set()

    def close(self, line: Line) -> None:
        """No more beats for this run."""
        with self._lock:
            self._lines.pop((line.spec.scan, line.run.run), None)
        line.closed.set()

    def find(self, scan: str, run: str) -> Line | None:
        """The open line of a run that this host works on."""
        with self._lock:
            return self._lines.get((scan, run))

    def lines(self) -> list[Line]:
        """The lines that are open."""
        with self._lock:
            return list(self._lines.values())

    def _loop(self) -> None:
        while not self._ending:
            self._wake.wait(timeout=1 / LOOKS_PER_S / 2 if self._lines else None)
            self._wake.clear()
            try:
                for line in self.lines():
                    self._send(line)
            except redis.RedisError as error:
                logger.warning("heartbeats: %s; trying again, solving continues", error, extra={"action": "redis_away"})
                threading.Event().wait(0.5)

    def _send(self, line: Line) -> None:
        try:
            line.send(self._store, monotonic_s())
        except redis.RedisError as error:
            if not is_wrong_type(error):
                raise
            # A key of this run has the wrong type.
            logger.error("not told: %s", error, extra={"action": "key_wrong_type", **line.ids()})
            line.skip()
        except Exception:
            # A bug of ours in one run must not end the beats of all the others.
            logger.exception("not told", extra={"action": "defect", **line.ids()})
            line.skip()
