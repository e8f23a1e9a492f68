"""Builds a scan from its request: run folder, profiles, threads, documents, upload, publication."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from times_doctor_cli.client.host_cards import engine_of_note, licence_of
from times_doctor_cli.client.session import Client, whoami
from times_doctor_cli.planning.hosts import Fleet, queues_for
from times_doctor_cli.planning.model_scaling import with_ranges, with_scaled
from times_doctor_cli.planning.request import PRIORITIES, ScanRequest
from times_doctor_cli.planning.reuse import earlier_in, earlier_on, reuse
from times_doctor_cli.planning.runs import (
    BUILT_IN,
    Capacity,
    choose_profiles,
    choose_solvers,
    crowded,
    engine_of,
    make_runs,
    named_solvers,
    needless,
    new_scan_id,
    share_out,
    unheeded,
    why_these,
)
from times_doctor_cli.planning.runtime_estimates import (
    expected_memory,
    expected_runtimes,
    expected_words,
    history_for,
    history_words,
    versions_of,
)
from times_doctor_cli.reports.harvest import Harvest
from times_doctor_cli.reports.layout import OUT
from times_doctor_cli.reports.writers.trace_file import require_no_other_file
from times_doctor_cli.run_folder.fingerprint import fingerprint_of
from times_doctor_cli.run_folder.hash_cache import HashCache
from times_doctor_cli.run_folder.model import RunDir, SearchLimits
from times_doctor_cli.run_folder.run_dir import look
from times_doctor_cli.run_folder.snapshot import Snapshot, take_snapshot
from times_doctor_tasks.analysis.history import RunRecord
from times_doctor_tasks.blob_store.transfer_progress import OnSent
from times_doctor_tasks.config.settings import Settings
from times_doctor_tasks.contract.clock import now_ms
from times_doctor_tasks.contract.errors import UsageError
from times_doctor_tasks.contract.hosts import ENGINE_NAMES, HostCard
from times_doctor_tasks.contract.messages import ModelRef, RoundPlan, RunSpec, ScanSpec
from times_doctor_tasks.contract.states import ScanMode
from times_doctor_tasks.contract.wording import some_of
from times_doctor_tasks.profiles.option_check import check_profile, refusal, warnings
from times_doctor_tasks.profiles.option_file import needed_solver
from times_doctor_tasks.profiles.profile import Profile
from times_doctor_tasks.profiles.registry import built_in_profiles
from times_doctor_tasks.snapshot.manifest import manifest_sha256

#: Seconds of silence after which a private worker's run is restarted: it is watched closely.
LOCAL_LEASE_S = 5.0
#: Begins to ask for the hosts that have an engine, before the model is read; the returned function then waits for their
#: answer.
CallHosts: TypeAlias = Callable[[Client, ScanRequest, str], Callable[[], Fleet]]


class Prepared(msgspec.Struct, frozen=True):
    """A scan that only has to be submitted."""

    spec: ScanSpec
    runs: Sequence[RunSpec]
    run_dir: RunDir
    snapshot: Snapshot
    capacity: Capacity
    fleet: Fleet
    out: Path
    """Folder of this scan's files."""
    why_these: str = ""
    """Why it has these profiles, if the model's class decided; else empty."""
    remarks: tuple[str, ...] = ()
    """Notes on profiles and threads, as sentences."""
    history: str = ""
    """A sentence on what was best for this model or similar ones; empty if unknown."""


def plan_scan(
    client: Client,
    request: ScanRequest,
    *,
    call_hosts: CallHosts,
    environ: Mapping[str, str],
    on_read: OnSent | None = None,
    limits: SearchLimits | None = None,
) -> Prepared:
    """Reads the run folder, hashes its files, and checks that hosts can run the request. Sends nothing.

    Args:
        client: The client of the scan's broker.
        request: With `resume`, runs whose inputs are the same as those of an earlier one (of RUN_DIR's own reports, or
            on this broker) carry its result.
        call_hosts: The hosts for its runs.
        environ: The variables that the model's paths may name.
        on_read: Called with the progress of reading files.
        limits: Limits of reading; without `strict` only for a plan.
    """
    settings = client.settings
    request = request.with_configured(settings)
    run_dir = look_at(request, settings, environ, limits)
    hosts = call_hosts(client, request, engine_of(run_dir))
    snapshot = take_snapshot(run_dir, HashCache(settings.cache_dir, run_dir.root), on_read)
    prepared = prepare(request, settings, run_dir, snapshot, hosts(), now_ms=client.now_ms())
    prepared = with_history(prepared, history_for(client if request.queue else None))
    if request.resume:
        with client.answering():
            on_broker = list(earlier_on(client.store, prepared.spec.model.snapshot))
        earlier = [*earlier_in(prepared.out.parent), *on_broker]
        prepared = with_reused(prepared, reuse(prepared.spec, prepared.runs, prepared.fleet, earlier))
    return prepared


def plan_without_hosts(request: ScanRequest, environ: Mapping[str, str], missing: str) -> Prepared:
    """The plan of a scan that cannot run now, for display: it assumes that whatever is missing exists.

    Args:
        missing: Why it cannot run, in sentences.
    """
    settings = Settings.load(environ)
    request = request.with_configured(settings)
    run_dir = look_at(request, settings, environ, SearchLimits(are_strict=False))
    snapshot = take_snapshot(run_dir, HashCache(settings.cache_dir, run_dir.root))
    engine = engine_of(run_dir)
    solvers = {*named_solvers(request), *(profile.solver for profile in built_in_profiles(engine=engine))}
    fleet = Fleet.imagined(engine, settings, solvers, missing)
    prepared = prepare(request, settings, run_dir, snapshot, fleet, now_ms=now_ms())
    return prepared if request.queue else with_history(prepared, history_for(None))


def look_at(
    request: ScanRequest, settings: Settings, environ: Mapping[str, str], limits: SearchLimits | None
) -> RunDir:
    """Reads the run folder, with the TIMES source from command line and configuration."""
    configured = settings.times_src if settings.origins.get("times_src") != "TIMES_SRC" else None
    run_dir = look(
        request.run_path,
        times_src=request.times_src,
        includes=request.includes,
        restart=request.restart,
        environ=environ,
        config_times_src=configured,
        gams_args=request.gams_args,
        vd=request.vd,
        limits=limits,
    )
    return with_ranges(run_dir)


def prepare(
    request: ScanRequest, settings: Settings, run_dir: RunDir, snapshot: Snapshot, fleet: Fleet, *, now_ms: int
) -> Prepared:
    """Chooses profiles and makes the scan's documents.

    Args:
        now_ms: The broker's clock, which orders the lists of scans.

    Raises:
        UsageError: a profile, solver or folder is invalid.
        NoHostForSolver: a profile's solver is on no host.
    """
    if request.queue:
        fleet.require(named_solvers(request))
    solvers = choose_solvers(request, run_dir, fleet.solvers)
    profiles = with_scaled(choose_profiles(request, run_dir, solvers, fleet.solvers), request, run_dir)
    own_options = _check_options(profiles, fleet)
    needed = {needed_solver(profile.options, profile.solver) for profile in profiles}
    fleet.require(needed)
    rooms = [(card.cores, card.slots) for card in fleet.fit if any(card in fleet.having(one) for one in needed)]
    capacity = share_out(request, amount := len(profiles) * (request.repeat or 1), rooms)
    crowding = "" if fleet.missing and request.queue else crowded(request, amount, rooms)
    untold = fleet.untold(request.notify)
    remarks = (needless(request, run_dir), unheeded(run_dir, profiles), crowding, *own_options, untold)
    scan = new_scan_id()
    runs = make_runs(request, scan, profiles, capacity.threads, veda=run_dir.veda)
    if request.queue:
        runs = _on_queues(fleet, runs)
    return Prepared(
        _spec(request, settings, run_dir, snapshot, runs, now_ms=now_ms),
        runs,
        run_dir,
        snapshot,
        capacity,
        fleet,
        out_folder(request, run_dir) / scan,
        why_these="" if request.profiles else why_these(run_dir, profiles),
        remarks=tuple(filter(None, remarks)),
    )


def _on_queues(fleet: Fleet, runs: Sequence[RunSpec]) -> list[RunSpec]:
    """Each run with the queue from which a host of the team will take it."""
    queues = queues_for(fleet, [needed_solver(run.options, run.solver) for run in runs], runs[0].threads)
    return [msgspec.structs.replace(run, queue=queue) for run, queue in zip(runs, queues, strict=True)]


def _check_options(profiles: Sequence[Profile], fleet: Fleet) -> list[str]:
    """Warnings on the user's own option texts.

    Raises:
        UsageError: a solver would refuse some of their lines; names them all.
    """
    found = [
        (profile, finding)
        for profile in profiles
        if profile.origin != BUILT_IN
        for finding in check_profile(profile, versions=[card.engines.get(profile.engine, "") for card in fleet.fit])
    ]
    if words := refusal(found):
        raise UsageError(words)
    return warnings(found)


def _spec(
    request: ScanRequest,
    settings: Settings,
    run_dir: RunDir,
    snapshot: Snapshot,
    runs: Sequence[RunSpec],
    *,
    now_ms: int,
) -> ScanSpec:
    files = snapshot.manifest.files
    plan = RoundPlan(planner="repeat", seed=runs[0].scan, budget_s=request.repeat_budget_s)
    return ScanSpec(
        scan=runs[0].scan,
        created_ms=now_ms,
        # A round is a chord: if it must not run in parallel, slots and threads prevent that.
        mode=ScanMode.CHORD if request.parallel or request.repeat is None else ScanMode.CHAIN,
        model=ModelRef(
            title=run_dir.driver.stem,
            run_dir=str(run_dir.root),
            snapshot=manifest_sha256(snapshot.manifest),
            driver=snapshot.manifest.driver,
            files=len(files),
            size_bytes=sum(file.size_bytes for file in files),
            fingerprint=fingerprint_of(run_dir),
        ),
        runs=tuple(run.run for run in runs),
        client=whoami(settings),
        priority=PRIORITIES[request.priority],
        lease_s=settings.lease_s if request.queue else min(LOCAL_LEASE_S, settings.lease_s),
        max_attempts=settings.max_attempts,
        grace_s=settings.grace_s,
        stop_cap_s=settings.stop_cap_s,
        rounds=plan if request.repeat is None else None,
        race=request.race,
        cap_factor=request.cap_factor,
        notify=request.notify or "",
        packs=True,
    )


def with_history(prepared: Prepared, past: Sequence[RunRecord]) -> Prepared:
    """The same scan with estimates from the history.

    Raises:
        NoHostForSolver: a run took more memory before than any host has.
    """
    model, present = prepared.spec.model.fingerprint, versions_of(prepared.fleet)
    if model is None:
        return prepared
    expected_s = expected_runtimes(past, model, prepared.runs, present)
    expected_mb = expected_memory(past, model, prepared.runs)
    runs = [
        msgspec.structs.replace(run, expected_s=expected_s.get(run.run), expected_mb=expected_mb.get(run.run))
        for run in prepared.runs
    ]
    if not prepared.fleet.missing:
        prepared.fleet.require_memory(runs)
    return replace(prepared, runs=runs, history=history_words(past, model, present))


def with_reused(prepared: Prepared, runs: Sequence[RunSpec]) -> Prepared:
    """The same scan with the results of earlier runs in those of `runs` that have one."""
    reused = tuple(run.run for run in runs if run.reused is not None)
    return replace(prepared, spec=msgspec.structs.replace(prepared.spec, reused=reused), runs=runs)


def out_folder(request: ScanRequest, run_dir: RunDir) -> Path:
    """Where reports go, checked before anything is solved.

    Raises:
        UsageError: it cannot be written, or `--trace` names a file of another kind.
    """
    folder = request.out or run_dir.root / OUT
    if request.trace is not None:
        require_no_other_file(request.trace)
    try:
        nearest = next(path for path in (folder, *folder.absolute().parents) if _is_there(path))
        # We try it, as shares and /proc may report that it is writable and then refuse, and names may be too long.
        with tempfile.TemporaryDirectory(prefix=".times-doctor-", dir=nearest) as trial:
            for name in folder.absolute().relative_to(nearest).parts:
                Path(trial, name).mkdir(exist_ok=True)
    except OSError as error:
        raise UsageError(f"Reports cannot be written to {str(folder)!r}: {error.strerror}. Use --out DIR.") from error
    return folder


def _is_there(path: Path) -> bool:
    """As `Path.exists`, which says no to a link in a circle, and in newer Pythons to a name that is too long."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def engine_note(prepared: Prepared) -> str:
    """The engines for the headline: `GAMS 54.6.1, demo licence until 26 Nov 2026`."""
    cards, engines = prepared.fleet.fit, list(dict.fromkeys(run.engine for run in prepared.runs))
    if prepared.fleet.missing:
        names = " and ".join(ENGINE_NAMES[engine] for engine in engines)
        return f"{names}, not usable now; what it has is taken for granted"
    words = []
    for engine in engines:
        having = [card for card in cards if engine in card.engines]
        versions = " and ".join(dict.fromkeys(card.engines[engine] for card in having))
        words.append(f"{ENGINE_NAMES[engine]} {versions}" + ("" if len(having) == 1 else f" on {len(having)} hosts"))
        licences = list(dict.fromkeys(licence for card in having if (licence := licence_of(card, engine))))
        words += licences if engine == "gams" else []
        is_short = engine != "gams" and len(engines) < 3  # no room for more: `check` shows it
        words[-1] += f" ({'; '.join(licences)})" if licences and is_short else ""
    return ", ".join(words)


def warnings_of(prepared: Prepared) -> tuple[str, ...]:
    """The warnings before the scan starts, each once."""
    fleet = prepared.fleet
    said_by: dict[str, list[HostCard]] = {}
    for card in fleet.fit:
        for note in card.notes:
            if engine_of_note(note) in ("", *(run.engine for run in prepared.runs)):
                said_by.setdefault(note, []).append(card)
    notes = [note if fleet.is_here else f"{host_names(cards)}: {note}" for note, cards in said_by.items()]
    return (*prepared.run_dir.warnings, *prepared.remarks, *fleet.left_out(), *notes)


def harvest_of(prepared: Prepared, trace: Path | None = None) -> Harvest:
    """The folder for a scan's files if its RUN_DIR is on this machine."""
    run_dir = prepared.run_dir
    return Harvest(
        prepared.out,
        prepared.runs,
        prepared.snapshot.manifest,
        copy_to=run_dir.root,
        listing=run_dir.listing,
        trace=trace,
    )


def publish(client: Client, prepared: Prepared) -> None:
    """Publishes a scan, after its model was uploaded."""
    client.submit(prepared.spec, longest_first(prepared.spec, prepared.runs))


def longest_first(spec: ScanSpec, runs: Sequence[RunSpec]) -> Sequence[RunSpec]:
    """Orders each round of a scan so that it ends soonest; keeps the given order if a run's time is unknown.

    For a race or a cap the fastest run should end early: they keep the given order, as does a chain.
    """
    is_fixed = spec.mode is ScanMode.CHAIN or spec.race or spec.cap_factor is not None
    if is_fixed or any(run.expected_s is None for run in runs):
        return runs
    return sorted(runs, key=lambda run: (run.repeat, -(run.expected_s or 0.0)))


def expectation(prepared: Prepared) -> str:
    """The estimates for the runs; empty if no similar run is known."""
    spec = prepared.spec
    words = expected_words(longest_first(spec, prepared.runs), prepared.capacity.slots, prepared.fleet.counted)
    return f"{words}, for the first round" if words and spec.rounds else words


def host_names(cards: Sequence[HostCard], most: int = 5) -> str:
    """Hosts as text: `h1, h2 and 3 more`."""
    return some_of([card.host for card in cards], most)
