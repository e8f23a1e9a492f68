"""The solve role: all that a worker needs to solve runs."""

from __future__ import annotations

import functools
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from msgspec.structs import replace

from times_doctor_tasks.blob_store.base import StoreSight, see_store
from times_doctor_tasks.blob_store.factory import open_store
from times_doctor_tasks.contract.hosts import WorkerPlan
from times_doctor_tasks.contract.keys import CONTROL_QUEUE, host_queue
from times_doctor_tasks.state_store.gdx_requests import SERVED, SERVED_VEDA, GdxRequests
from times_doctor_tasks.state_store.run_store import RunStore
from times_doctor_worker.engines.discovery import find_engine
from times_doctor_worker.engines.sandbox import open_note
from times_doctor_worker.execution.attempt import Bench
from times_doctor_worker.execution.executor import Executor
from times_doctor_worker.execution.host_faults import HostFaults
from times_doctor_worker.execution.result_spool import Spool
from times_doctor_worker.execution.run_reporter import Uplink
from times_doctor_worker.host.admission import Admission
from times_doctor_worker.host.engine_availability import LOOK_S, Offer, Rotation
from times_doctor_worker.host.instance_lock import Tenure
from times_doctor_worker.process.fork_server import Warden
from times_doctor_worker.recovery.actions import Remedies
from times_doctor_worker.recovery.orphans import give_back_own
from times_doctor_worker.redis_io.periodic import Repeating
from times_doctor_worker.redis_io.publisher import Postman
from times_doctor_worker.redis_io.retry import insist
from times_doctor_worker.service.consumer import Intake
from times_doctor_worker.service.gdx_server import GDX_TTL_S, GdxDesk
from times_doctor_worker.service.shutdown import Drain
from times_doctor_worker.workspace.workspace import Workspace

logger = logging.getLogger(__name__)

#: Seconds between checks of the spool, and of the workspace's size.
SPOOL_S = 2.0
#: Seconds between checks of the store's mark: until then a store that lost its data looks like another store.
STORE_LOOK_S = 5.0
#: Seconds between looks at the line of all hosts, in addition to one at each end of a run.
LINE_S = 1.0
PRUNE_S = 3600.0


def queues_beside_solving(plan: WorkerPlan) -> list[str]:
    """The queues of a worker with these roles, besides those of its solvers."""
    return [CONTROL_QUEUE] if "control" in plan.roles else []


class SolveRole:
    """Engines, workspace, executor and their threads, of one worker."""

    def __init__(
        self,
        plan: WorkerPlan,
        store: RunStore,
        warden: Warden,
        tenure: Tenure,
        drain: Drain,
        intake: Intake,
        *,
        on_change: Callable[[], object],
        is_private: bool,
    ) -> None:
        """`on_change`: called when what is offered has changed."""
        self._plan = plan
        self._store = store
        self._warden = warden
        self._tenure = tenure
        self._drain = drain
        self._is_private = is_private
        self._intake = intake
        self._on_change = on_change
        self._open_store = functools.partial(
            open_store,
            plan.store_url,
            broker_url=plan.broker_url,
            prefix=plan.key_prefix,
            quota_bytes=plan.store_quota_bytes,
        )
        blobs = self._open_store()
        self.store_sight = StoreSight(blobs.where)
        """The blob store as this host sees it."""
        self._workspace = Workspace(Path(plan.cache_dir), blobs, markers=tenure.markers)
        self._rotation = Rotation(
            functools.partial(find_engine, plan=plan, environ=os.environ, anew=True),
            self._workspace.disk_fault,
            on_change=self._offer_changed,
        )
        self._executor: Executor | None = None

    def offer(self) -> Offer:
        """What this host offers now."""
        offer = self._rotation.offer()
        note = "" if self._is_private else open_note(self._plan.engines, self._plan.sandbox)
        return replace(offer, notes=(*offer.notes, note)) if note else offer

    @property
    def serves(self) -> tuple[str, ...]:
        """Its periodic jobs for clients; a scan on this machine needs none, as its files are local."""
        return () if self._is_private else (SERVED, SERVED_VEDA)

    def busy(self) -> list[str]:
        """`<scan> <run>` of what runs here."""
        return self._executor.busy() if self._executor else []

    @contextmanager
    def at_work(self, postman: Postman, remedies: Remedies) -> Iterator[Executor]:
        """Finds the engines, cleans up after a predecessor in Redis, and runs the role's threads."""
        plan, store, drain = self._plan, self._store, self._drain
        self._rotation.begin({name: find_engine(name, plan, os.environ) for name in plan.engines})
        self._tell_offer()
        spool = Spool(self._tenure.spool, store)
        uplink = Uplink(store)
        executor = self._executor = Executor(
            store,
            self._bench(uplink),
            Admission(cores=plan.cores, memory_mb=plan.memory_mb, slots=plan.slots, is_alone=self._is_private),
            postman,
            spool,
            HostFaults(store, self._rotation, self._workspace, is_private=self._is_private),
            is_taking=lambda: not drain.is_begun,
            leaving=drain.leaving,
        )
        self._settle(spool, remedies)
        self._take()
        uplink.start()
        with ExitStack() as stack:
            stack.callback(uplink.stop)
            stack.enter_context(Repeating(spool.offer, period_s=SPOOL_S, name="spool"))
            stack.enter_context(Repeating(executor.pick, period_s=LINE_S, name="line"))
            if not self._is_private:
                stack.enter_context(Repeating(self._rotation.look, period_s=LOOK_S, name="rotation"))
                stack.enter_context(Repeating(self._desk().attend, period_s=0.0, name="gdx desk"))
                # In its own thread: a network share that hangs must not stop the beat of the host's card.
                stack.enter_context(Repeating(self._see_store, period_s=STORE_LOOK_S, name="store"))
            if plan.cache_bytes is not None:
                # A scan on this machine prunes only at its start: what its own runs leave is fetched at its end.
                period_s = threading.TIMEOUT_MAX if self._is_private else PRUNE_S
                stack.enter_context(Repeating(self._prune, period_s=period_s, name="workspace"))
            yield executor

    def _take(self) -> None:
        queues = [*queues_beside_solving(self._plan), *self._rotation.offer().queues, host_queue(self._plan.host)]
        self._intake.take_from(queues)

    def _offer_changed(self) -> None:
        self._take()
        self._on_change()

    def _bench(self, uplink: Uplink) -> Bench:
        return Bench(
            self._warden,
            self._workspace,
            uplink,
            self._plan.host,
            self._tenure.instance,
            self._rotation,
            shutdown=self._drain.handing_back.is_set,
            pause=self._drain.handing_back.wait,
            log_max_mb=self._plan.log_max_mb,
        )

    def _desk(self) -> GdxDesk:
        return GdxDesk(
            GdxRequests(self._store.client, self._store.keys),
            self._workspace,
            self._open_store(ttl_s=GDX_TTL_S),
            self._plan.host,
            is_ending=self._drain.leaving.is_set,
            pause=self._drain.leaving.wait,
        )

    def _settle(self, spool: Spool, remedies: Remedies) -> None:
        """Offers a predecessor's results first: a run with a result need not run again."""
        leaving, host, instance = self._drain.leaving, self._plan.host, self._tenure.instance
        insist(spool.offer, what="offering spooled results", ending=leaving)
        insist(
            lambda: give_back_own(self._store, remedies, host=host, instance=instance),
            what="handing back runs of the previous process",
            ending=leaving,
        )

    def _see_store(self) -> None:
        before, self.store_sight = self.store_sight, see_store(self._workspace.blobs)
        if before == self.store_sight:
            return
        if self.store_sight.fault:
            logger.warning("%s", self.store_sight.fault, extra={"action": "store_fault", "host": self._plan.host})
        self._on_change()

    def _prune(self) -> None:
        from times_doctor_worker.workspace.eviction import prune

        prune(self._workspace.cache, limit_bytes=self._plan.cache_bytes or 0)

    def _tell_offer(self) -> None:
        """What this host offers, what it lacks, and how to get it, for its log."""
        offer, plan = self.offer(), self._plan
        engines = ", ".join(f"{name} {version}" for name, version in offer.engines.items())
        logger.info(
            "offers %s: %s; %d slots, %d threads, %d MB",
            engines or "nothing",
            " ".join(offer.solvers) or "no solver",
            plan.slots,
            plan.cores,
            plan.memory_mb,
            extra={"action": "offer", "host": plan.host},
        )
        for note in offer.notes:
            logger.warning("%s", note, extra={"action": "host_note", "host": plan.host})
        if not offer.engines:
            logger.error(
                "can solve nothing: no work is taken until an engine is found; looked for every %.0f s",
                LOOK_S,
                extra={"action": "no_engine", "host": plan.host},
            )
