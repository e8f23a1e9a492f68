"""Gives back at once the runs that an earlier worker of this name still owns in Redis, instead of when leases end."""

from __future__ import annotations

import logging

from times_doctor_tasks.contract.states import OWNED
from times_doctor_tasks.state_store.run_store import RunStore
from times_doctor_worker.recovery.actions import Remedies
from times_doctor_worker.recovery.rules import used_up
from times_doctor_worker.recovery.sweeper import alone

logger = logging.getLogger(__name__)


def give_back_own(store: RunStore, remedies: Remedies, *, host: str, instance: str) -> list[str]:
    """Gives back the runs and seats of a predecessor, which the caller knows is dead; returns `<scan> <run>` of each.

    Raises:
        redis.RedisError, kombu's OperationalError: to be called again.
    """
    store.free_seats_of(host)
    given = []
    for spec in store.open_specs():
        with alone(spec.scan):
            for run, status in store.statuses(spec).items():
                if status.state not in OWNED or status.host != host or status.instance == instance:
                    continue
                if used_up(spec, status):
                    remedies.lose(spec, run, status)
                else:
                    remedies.requeue(spec, run, status, reason=f"the worker on {host} was started again")
                ids = {"scan": spec.scan, "run": run, "attempt": status.attempt}
                logger.warning("a run of the previous process handed back", extra={"action": "leftover_run", **ids})
                given.append(f"{spec.scan} {run}")
    return given
