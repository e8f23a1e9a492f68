"""The watchdog: notices a consumer that is alive but takes nothing, which `inspect ping` reports as OK.

Pure rules over one look per second; the caller acts. A look counts only if Redis answers (without Redis a consumer
cannot work) and if it comes in time (a process that was stopped is not hung).
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import redis

from times_doctor_tasks.contract.clock import monotonic_s
from times_doctor_worker.service.consumer import Intake
from times_doctor_worker.service.shutdown import Drain
from times_doctor_worker.service.systemd import tell_systemd

#: Seconds without a tick of Celery's event loop: it is blocked. Socket time-outs times retries take 20.
BLOCKED_S = 60.0
#: Seconds for which Celery counts more tasks than run: a slot has leaked.
LEAKED_S = 15.0
#: Seconds with a free slot and waiting messages while none is taken: hung.
DEAF_S = 30.0
#: A gap between two looks after which earlier ones do not count.
GAP_S = 5.0
#: Seconds between looks.
PERIOD_S = 1.0
#: Seconds to wait for Redis: the watchdog has a connection of its own.
SOCKET_TIMEOUT_S = 3.0
#: Exit code that asks the service manager for a new process (EX_TEMPFAIL).
RESTART = 75


class Look(msgspec.Struct, frozen=True):
    """One look at the consumer."""

    now_s: float
    ticked_s: float
    """When the loop ticked last."""
    reserved: int
    """Tasks that Celery counts against the slots."""
    running: int
    """Tasks that really run."""
    slots: int
    received: int
    """Messages taken so far."""
    waiting: int
    """Messages in the queues that are taken from."""


class Watchdog(msgspec.Struct):
    """Remembers since when something is wrong, and reports it if it lasts."""

    _last: Look | None = None
    _healthy_s: dict[str, float] = msgspec.field(default_factory=dict)

    def forget(self) -> None:
        """Redis did not answer: starts counting again."""
        self._last = None

    def see(self, look: Look) -> str:
        """What has been wrong for too long; empty if nothing."""
        last, self._last = self._last, look
        if last is None or look.now_s - last.now_s > GAP_S:
            self._healthy_s = dict.fromkeys(("ticking", "counting", "hearing"), look.now_s)
            return ""
        if look.ticked_s > last.ticked_s:
            self._healthy_s["ticking"] = look.now_s
        if look.reserved <= look.running:
            self._healthy_s["counting"] = look.now_s
        if look.received > last.received or not look.waiting or look.running >= look.slots:
            self._healthy_s["hearing"] = look.now_s
        return self._complaint(look)

    def _complaint(self, look: Look) -> str:
        since_s = {name: look.now_s - healthy_s for name, healthy_s in self._healthy_s.items()}
        if since_s["ticking"] > BLOCKED_S:
            return f"the event loop has been blocked for {since_s['ticking']:.0f} s"
        if since_s["counting"] > LEAKED_S:
            return f"{look.reserved - look.running} of {look.slots} slots have leaked"
        if since_s["hearing"] > DEAF_S:
            return f"{look.waiting} messages wait, a slot is free, and none was taken for {since_s['hearing']:.0f} s"
        return ""


def watch(
    watchdog: Watchdog, intake: Intake, count_waiting: Callable[[frozenset[str]], int], drain: Drain
) -> Callable[[], None]:
    """The job to repeat every `PERIOD_S`. Its remedy does not touch running solves: they need only lease and FINISH.

    Each look notifies systemd, which ends a process whose threads are stuck, but not one whose Redis is away.
    """

    def look() -> None:
        if intake.ticked_s is not None:
            tell_systemd("READY=1\nWATCHDOG=1")
        if drain.is_begun or intake.ticked_s is None:
            return
        try:
            waiting = count_waiting(intake.queues)
        except redis.RedisError:
            watchdog.forget()
            return
        now = Look(
            now_s=monotonic_s(),
            ticked_s=intake.ticked_s,
            reserved=intake.reserved,
            running=intake.running,
            slots=intake.slots,
            received=intake.received,
            waiting=waiting,
        )
        if complaint := watchdog.see(now):
            drain.begin(f"watchdog: {complaint}", wait_s=None, code=RESTART)

    return look
