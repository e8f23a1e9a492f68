"""Answers Flower's remote control requests from the host cards."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

import redis
from flower.inspector import Inspector

from times_doctor_tasks.celery_app.canvas import solve_id
from times_doctor_tasks.celery_app.solve_task import SOLVE
from times_doctor_tasks.config.settings import Settings, shown_url
from times_doctor_tasks.contract.hosts import HostCard
from times_doctor_tasks.state_store.connection import connect
from times_doctor_tasks.state_store.run_store import RunStore

logger = logging.getLogger(__name__)


class HostInspector(Inspector):  # type: ignore[misc]  # flower has no types
    """Flower's inspector without the broadcast, which no worker answers.

    Flower calls `_inspect` once for each of `inspect_methods` (2.2); all of them come from one card.
    """

    @classmethod
    def of(cls, flower: Any, settings: Settings) -> HostInspector:
        """The inspector of a Flower application."""
        inspector = cls(flower.io_loop, flower.capp, timeout=1.0)
        url = settings.require_broker()
        inspector.store = RunStore(connect(url, retries=0), settings.key_prefix)
        inspector.broker = shown_url(url)
        return inspector

    def _inspect(self, method: str, workername: str | None) -> None:
        try:
            cards = self.store.live_hosts()
        except redis.RedisError as error:
            logger.warning("host cards cannot be read: %s", error)
            return
        for card in cards:
            name = node_name(card)
            if workername in (None, name):
                answer = answer_of(card, method, broker=self.broker)
                self.io_loop.add_callback(partial(self._on_update, name, method, answer))


def node_name(card: HostCard) -> str:
    """The Celery name of a host's worker; a control worker's card already has it."""
    return card.host if "@" in card.host else f"solver@{card.host}"


def answer_of(card: HostCard, method: str, *, broker: str) -> Any:
    """A worker's answer to one of Celery's inspections, from its card, in the form that Flower's page reads."""
    if method == "stats":
        return _stats(card, broker)
    if method == "active_queues":
        return [_queue(name) for name in card.queues]
    if method == "active":
        return [_task(card, *member.split(" ", 1)) for member in card.running]
    if method == "registered":
        return [SOLVE] if "solve" in card.roles else []
    return {} if method == "conf" else []


def _stats(card: HostCard, broker: str) -> dict[str, Any]:
    stats: dict[str, Any] = {
        "pool": {"slots": card.slots, "cores": card.cores, "memory_mb": card.memory_mb},
        "pid": card.pid,
        "broker": {"address": broker},
        "total": {},
        "roles": ", ".join(card.roles),
        "engines": ", ".join(f"{name} {version}" for name, version in card.engines.items()),
        "solvers": ", ".join(card.solvers),
        "licence": card.licence,
        "version": card.version,
        "notes": " ".join(card.notes),
        "taking": "yes" if card.taking else "no, it is ending",
    }
    return {name: value for name, value in stats.items() if value != ""}


def _queue(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "exchange": None,
        "routing_key": name,
        "exclusive": False,
        "durable": True,
        "no_ack": False,
        "alias": None,
        "queue_arguments": None,
        "binding_arguments": None,
        "auto_delete": False,
    }


def _task(card: HostCard, scan: str, run: str) -> dict[str, Any]:
    words = f"{run} of scan {scan}"
    return {
        "id": solve_id(scan, run),
        "name": SOLVE,
        "acknowledged": True,
        "worker_pid": card.pid,
        "args": words,
        "kwargs": "",
    }
