"""The host card: what a worker says about itself, renewed by a beat for as long as it lives."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import redis

from times_doctor_tasks.blob_store.base import StoreSight
from times_doctor_tasks.config import resources
from times_doctor_tasks.contract.clock import now_ms
from times_doctor_tasks.contract.hosts import HostCard, WorkerPlan
from times_doctor_tasks.contract.keys import CONTROL_QUEUE, host_queue
from times_doctor_tasks.contract.messages import SPOKEN_SCHEMAS
from times_doctor_tasks.state_store.run_store import RunStore
from times_doctor_worker.host.engine_availability import Offer

logger = logging.getLogger(__name__)

#: Seconds between a host's beats, and seconds without a beat after which its card expires.
BEAT_S = 5.0
TTL_S = 20


class Registration:
    """Keeps one worker's card in Redis."""

    def __init__(
        self,
        store: RunStore,
        plan: WorkerPlan,
        instance: str,
        *,
        offer: Callable[[], Offer],
        store_sight: Callable[[], StoreSight | None] = lambda: None,
        running: Callable[[], Sequence[str]],
        is_taking: Callable[[], bool],
        on_replaced: Callable[[], object],
        version: str = "",
        serves: Sequence[str] = (),
        brings_control: bool = False,
    ) -> None:
        """`on_replaced` is called when another worker uses this name, because it thought that we were dead."""
        self._store = store
        self._offer = offer
        self._store_sight = store_sight
        self._running = running
        self._is_taking = is_taking
        self._on_replaced = on_replaced
        self._card = HostCard(
            host=plan.card_name,
            instance=instance,
            pid=os.getpid(),
            roles=plan.roles,
            slots=plan.slots,
            cores=plan.cores,
            memory_mb=plan.memory_mb,
            queues=(),
            schemas=tuple(sorted(SPOKEN_SCHEMAS)),
            version=version,
            serves=tuple(serves),
            brings_control=brings_control,
            shares_line=True,
            started_ms=now_ms(),
        )
        self._host = plan.host
        self._cache = Path(plan.cache_dir)

    def beat(self) -> None:
        """Renews the card.

        Raises:
            redis.RedisError: it was not renewed; to be called again.
        """
        name = self._card.host
        standing = self._store.host(name)
        if standing is not None and standing.instance != self._card.instance and self._card.beat:
            self._on_replaced()
            return
        self._store.register_host(self.current(), ttl_s=TTL_S)

    def current(self) -> HostCard:
        """The current card."""
        offer, sight = self._offer(), self._store_sight() or StoreSight("")
        queues, disk = list(offer.queues), resources.disk_mb(self._cache)
        if "solve" in self._card.roles:
            queues.append(host_queue(self._host))
        if "control" in self._card.roles:
            queues.append(CONTROL_QUEUE)
        self._card = msgspec.structs.replace(
            self._card,
            beat=self._card.beat + 1,
            queues=tuple(queues),
            engines=offer.engines,
            solvers=offer.solvers,
            licence=offer.licence,
            licences=offer.licences,
            licence_expires=offer.expires.isoformat() if offer.expires else None,
            notify=offer.notify,
            notes=(*offer.notes, *([sight.fault] if sight.fault else [])),
            store=sight.where,
            store_id=sight.identity,
            load_1m=resources.load_1m(),
            memory_used_mb=resources.memory_used_mb(),
            disk_mb=disk[0] if disk else None,
            disk_used_mb=disk[1] if disk else None,
            running=tuple(self._running()),
            taking=self._is_taking(),
        )
        return self._card

    def withdraw(self) -> None:
        """Removes the card, unless another worker has the name by now."""
        try:
            standing = self._store.host(self._card.host)
            if standing is not None and standing.instance == self._card.instance:
                self._store.drop_host(self._card.host)
        except redis.RedisError:
            logger.info("host card not withdrawn; it expires by itself", extra={"action": "card_stays"})
