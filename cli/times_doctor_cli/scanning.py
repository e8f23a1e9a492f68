"""One scan from its request to its exit code: look, snapshot, preflight, submit, show, report."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from times_doctor_cli import machine
from times_doctor_cli.client import Client
from times_doctor_cli.look.model import RunDir
from times_doctor_cli.look.run_dir import look
from times_doctor_cli.look.snapshot import Snapshot
from times_doctor_cli.plan import (
    Capacity,
    choose_profiles,
    choose_solvers,
    engine_of,
    make_runs,
    new_scan_id,
    share_out,
)
from times_doctor_cli.request import ScanRequest
from times_doctor_cli.upload import upload
from times_doctor_tasks.clock import now_ms
from times_doctor_tasks.errors import EngineNotFound, NoHostForSolver, UsageError
from times_doctor_tasks.manifest import manifest_sha256
from times_doctor_tasks.messages import HostCard, ModelRef, RunSpec, ScanSpec, WorkerPlan
from times_doctor_tasks.settings import Settings
from times_doctor_tasks.states import ScanMode

#: Folder below RUN_DIR for everything a scan leaves.
OUT = "times_doctor_out"
#: A private worker is watched closely: seconds of silence after which its run is started again.
LOCAL_LEASE_S = 5.0


@dataclass(frozen=True, slots=True)
class Prepared:
    """A scan that only has to be submitted."""

    spec: ScanSpec
    runs: Sequence[RunSpec]
    run_dir: RunDir
    snapshot: Snapshot
    capacity: Capacity
    host: HostCard
    out: Path


def look_at(request: ScanRequest, settings: Settings, environ: Mapping[str, str]) -> RunDir:
    """Reads the run folder with what command line and configuration say about the TIMES source."""
    configured = settings.times_src if settings.origins.get("times_src") != "TIMES_SRC" else None
    return look(
        request.run_path,
        times_src=request.times_src,
        includes=request.includes,
        restart=request.restart,
        environ=environ,
        config_times_src=configured,
    )


def local_worker_plan(request: ScanRequest, settings: Settings, broker_url: str, engine: str) -> WorkerPlan:
    """The plan of the private worker: all of this machine, one run at a time in a chain."""
    cores = machine.cores()
    most = request.max_workers or max(cores, 1)
    return WorkerPlan(
        broker_url=broker_url,
        store_url=store_url(settings),
        host=settings.host,
        slots=most if request.parallel else 1,
        cores=cores,
        memory_mb=machine.memory_mb(),
        cache_dir=str(settings.cache_dir),
        engines=(engine,),
        gams_path=str(request.gams_path or settings.gams_path) if request.gams_path or settings.gams_path else None,
        gams_path_from="--gams-path" if request.gams_path else settings.origins.get("gams_path", "configuration"),
        check_solvers=False,
    )


def store_url(settings: Settings) -> str:
    """Where blobs of local scans are kept: below the cache folder."""
    return (settings.cache_dir / "blobs").absolute().as_uri()


def preflight(hosts: Sequence[HostCard], engine: str) -> HostCard:
    """The host that runs a local scan.

    Raises:
        EngineNotFound: it has no such engine; says why in its own words.
    """
    card = hosts[0]
    if engine not in card.engines:
        raise EngineNotFound(" ".join(card.notes) or f"No {engine} on {card.host}.")
    return card


def prepare(request: ScanRequest, settings: Settings, run_dir: RunDir, snapshot: Snapshot, host: HostCard) -> Prepared:
    """Chooses profiles and makes the scan's documents.

    Raises:
        UsageError: a profile, solver or folder is not as it must be.
        NoHostForSolver: a profile's solver is on no host.
    """
    engine = engine_of(run_dir)
    usable = [name.split(".", 1)[1] for name in host.solvers if name.startswith(f"{engine}.")]
    solvers = choose_solvers(request, run_dir, usable)
    profiles = choose_profiles(request, run_dir, solvers)
    lacking = sorted({profile.solver for profile in profiles} - set(usable))
    if lacking:
        raise NoHostForSolver(f"No host has {', '.join(lacking)}: {host.host} has {', '.join(usable) or 'no solver'}.")
    capacity = share_out(request, len(profiles) * request.repeat, host.cores)
    scan = new_scan_id()
    runs = make_runs(request, scan, profiles, capacity.threads)
    spec = ScanSpec(
        scan=scan,
        created_ms=now_ms(),
        mode=ScanMode.CHORD if request.parallel else ScanMode.CHAIN,
        model=ModelRef(
            title=run_dir.driver.stem,
            run_dir=str(run_dir.root),
            snapshot=manifest_sha256(snapshot.manifest),
            driver=snapshot.manifest.driver,
            files=len(snapshot.manifest.files),
            size_bytes=sum(file.size_bytes for file in snapshot.manifest.files),
        ),
        runs=tuple(run.run for run in runs),
        client=f"{_user()}@{settings.host}",
        lease_s=min(LOCAL_LEASE_S, settings.lease_s),
        grace_s=settings.grace_s,
    )
    return Prepared(spec, runs, run_dir, snapshot, capacity, host, out_folder(request, run_dir) / scan)


def out_folder(request: ScanRequest, run_dir: RunDir) -> Path:
    """Where reports go, checked before anything is solved.

    Raises:
        UsageError: nothing can be written there.
    """
    folder = request.out or run_dir.root / OUT
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        raise UsageError(f"Reports cannot be written to {str(folder)!r}: no right to write there. Use --out DIR.")
    return folder


def engine_note(host: HostCard, engine: str) -> str:
    """A few words on the engine for the headline: `GAMS 54.6.1, demo licence until 26 Nov 2026`."""
    name = {"gams": "GAMS", "highs": "HiGHS"}[engine]
    licence = f", {host.licence}" if engine == "gams" and host.licence else ""
    return f"{name} {host.engines[engine]}{licence}"


def submit(client: Client, prepared: Prepared) -> None:
    """Uploads what the store lacks, then publishes the scan."""
    upload(prepared.snapshot, client.blobs)
    client.submit(prepared.spec, prepared.runs)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def plan_json(plan: WorkerPlan) -> bytes:
    """The private worker's plan as it is written to its file."""
    return msgspec.json.encode(plan)
