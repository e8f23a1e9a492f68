"""Makes the runs of a scan from a request and a run folder: profiles, option texts, threads and queues."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from times_doctor_cli.planning.request import ScanRequest
from times_doctor_cli.run_folder.model import RunDir, RunKind
from times_doctor_tasks.contract.errors import UsageError
from times_doctor_tasks.contract.hosts import NATIVE, NATIVE_SOLVERS, engine_for
from times_doctor_tasks.contract.keys import solve_queue
from times_doctor_tasks.contract.messages import RunSpec, VedaResults
from times_doctor_tasks.profiles.built_in import DEFAULT_SETS
from times_doctor_tasks.profiles.option_file import (
    CONFLICT_SOLVERS,
    needed_solver,
    parse_options,
    with_conflict_search,
    with_display,
    with_mip_start,
    with_threads,
)
from times_doctor_tasks.profiles.profile import SCALED, ModelClass, Profile
from times_doctor_tasks.profiles.registry import CURRENT, built_in_profiles, by_key, own_profile, resolve

#: The folder in RUN_DIR with the user's profiles, one folder per solver.
OPT_FILES = "_td_opt_files"
#: Origin of a profile that is not the user's.
BUILT_IN = "built in"
#: Solvers that `--solver both` means, as in dlg0/times-doctor.
BOTH = ("cplex", "gurobi")
#: GAMS solvers that `--solver auto` tries, best first, if nothing in RUN_DIR names one.
PREFERRED = ("cplex", "gurobi", "xpress", "copt", "mosek", "highs", "cbc")


class Capacity(msgspec.Struct, frozen=True):
    """How many runs go at once, and the threads of each."""

    slots: int
    threads: int


def new_scan_id() -> str:
    """A short id, safe in a file name, that sorts by time (UTC, to a hundredth of a second): `261123-142305-47a1b2`."""
    now_s = time.time()
    hundredths = int(now_s * 100) % 100
    return f"{time.strftime('%y%m%d-%H%M%S', time.gmtime(now_s))}-{hundredths:02d}{secrets.token_hex(2)}"


def engine_of(run_dir: RunDir) -> str:
    """What a run folder needs: "gams", or "native": any solver without it."""
    return NATIVE if run_dir.kind is RunKind.LP else "gams"


def choose_solvers(request: ScanRequest, run_dir: RunDir, usable: Sequence[str]) -> tuple[str, ...]:
    """The solvers to scan.

    Args:
        usable: Solvers (without their engine) that some host can run.

    Raises:
        UsageError: the named solver is not usable; lists those that are.
    """
    kind = engine_of(run_dir)
    wanted = named_solvers(request) or _auto_solvers(request, run_dir, usable)
    if request.solver.lower() == "all":
        profiled = {profile.solver for profile in built_in_profiles(engine=kind)}
        wanted = tuple(solver for solver in PREFERRED if solver in usable and solver in profiled)
    # The fleet reports what a host lacks, as it knows why.
    missing = [solver for solver in wanted if solver not in usable and (kind == "gams" or solver not in NATIVE_SOLVERS)]
    if missing:
        alone = "" if kind == "gams" else f" A model file is solved by {', '.join(NATIVE_SOLVERS)}; others need GAMS."
        raise UsageError(
            f"--solver {request.solver}: no host has {', '.join(missing)}. "
            f"Usable here: {', '.join(sorted(usable)) or 'none'}.{alone}"
        )
    if kind == "gams" and request.iis and not set(wanted) & set(CONFLICT_SOLVERS):
        able = [solver for solver in CONFLICT_SOLVERS if solver in usable]
        raise UsageError(
            f"--iis: {', '.join(wanted)} cannot say under GAMS which equations contradict each other. "
            + (f"Use --solver {able[0]}." if able else f"{', '.join(CONFLICT_SOLVERS)} can, and none is usable here.")
        )
    return wanted


def named_solvers(request: ScanRequest) -> tuple[str, ...]:
    """Solvers that `--solver` names; none for `auto` and `all`, which depend on the hosts."""
    asked = request.solver.lower()
    return {"auto": (), "all": (), "both": BOTH}.get(asked, (asked,))


def engines_to_find(request: ScanRequest, kind: str) -> tuple[str, ...]:
    """Engines that the private worker of this scan looks for: each check takes time.

    >>> engines_to_find(ScanRequest(run_path=Path("."), profiles=("cplex:sift", "dual")), "native")
    ('cplex', 'highs')
    """
    if kind == "gams":
        return ("gams",)
    if request.solver.lower() == "all":
        return NATIVE_SOLVERS
    named = [*named_solvers(request), *(name.split(":")[0].lower() for name in request.profiles if ":" in name)]
    is_open = not named_solvers(request) and (not request.profiles or any(":" not in name for name in request.profiles))
    wanted = (*named, *(("highs",) if is_open else ()))
    return tuple(engine for engine in dict.fromkeys(wanted) if engine in NATIVE_SOLVERS) or ("highs",)


def _auto_solvers(request: ScanRequest, run_dir: RunDir, usable: Sequence[str]) -> tuple[str, ...]:
    named = [name.split(":")[0] for name in request.profiles if ":" in name]
    if named and len(named) == len(request.profiles):
        return tuple(dict.fromkeys(named))
    if engine_of(run_dir) == NATIVE:
        return ("highs",) if "highs" in usable else tuple(solver for solver in PREFERRED if solver in usable)[:1]
    with_files = [path.name.lower() for path in _opt_folders(run_dir.root)]
    if with_files:
        return tuple(with_files)
    with_options = [solver for solver in PREFERRED if solver in run_dir.option_files and solver in usable]
    for solver in (*with_options, *PREFERRED):
        if solver in usable:
            return (solver,)
    raise UsageError(f"No host has an LP solver that times-doctor knows: found {', '.join(usable) or 'none'}.")


def own_profiles(request: ScanRequest, run_dir: RunDir, solvers: Sequence[str]) -> Mapping[str, Profile]:
    """The user's profiles: RUN_DIR's own option file as `current`, `_td_opt_files/<solver>/*.opt`, `--opt-file`."""

    def own(name: str, solver: str, path: Path) -> Profile:
        engine = engine_for(engine_of(run_dir), solver)
        return own_profile(name, solver, read_options(path), origin=str(path), engine=engine)

    found = []
    for solver in solvers:
        path = run_dir.option_files.get(solver)
        if path is not None:
            found.append(own(CURRENT, solver, path))
    for folder in _opt_folders(run_dir.root):
        found += [own(path.stem, folder.name.lower(), path) for path in sorted(folder.glob("*.opt"))]
    for path in request.opt_files:
        solver = path.stem.lower() if path.stem.lower() in solvers else solvers[0]
        found.append(own(path.stem, solver, path))
    return by_key(found)


def read_options(path: Path) -> str:
    """Text of an option file; bytes that are not UTF-8 are written back unchanged.

    Raises:
        UsageError: it cannot be read.
    """
    if path.exists() and not path.is_file():  # a pipe might block for ever
        raise UsageError(f"The option file {str(path)!r} is not a readable file. Name a plain file.")
    try:
        return path.read_text("utf-8", "surrogateescape")
    except OSError as error:
        raise UsageError(f"The option file {str(path)!r} cannot be read: {error.strerror}. Check its name.") from error


def choose_profiles(
    request: ScanRequest, run_dir: RunDir, solvers: Sequence[str], usable: Sequence[str] = ()
) -> tuple[Profile, ...]:
    """The profiles to run: those named, else the user's own, else the default set; `current` first.

    `--opt-file` adds to the named ones; alone it runs after the baseline. A set is limited to what a host can run:
    `usable` says whether one has HiPO.
    """
    named = {name.split(":")[-1] for name in request.profiles}
    return tuple(
        profile
        for profile in _meant(request, run_dir, solvers)
        if profile.name in named or needed_solver(profile.options, profile.solver) in (profile.solver, *usable)
    )


def _meant(request: ScanRequest, run_dir: RunDir, solvers: Sequence[str]) -> tuple[Profile, ...]:
    own = own_profiles(request, run_dir, solvers)
    engine = engine_of(run_dir)
    default, _ = DEFAULT_SETS[run_dir.model_class]
    if not request.opt_files:
        return resolve(request.profiles, solvers, own, engine=engine, default=default)
    given = {str(path) for path in request.opt_files}
    files = tuple(profile for profile in own.values() if profile.origin in given)
    if request.profiles:
        named = resolve(request.profiles, solvers, own, engine=engine, default=default)
    else:
        named = tuple(profile for profile in own.values() if profile.name == CURRENT)
    return tuple(dict.fromkeys((*named, *files)))


def why_these(run_dir: RunDir, profiles: Sequence[Profile]) -> str:
    """A sentence on the default set that an LP file got and why; empty if its class did not decide."""
    name, why = DEFAULT_SETS[run_dir.model_class]
    chosen = ", ".join(profile.name for profile in profiles if name in profile.sets and profile.engine == "highs")
    if not chosen:
        return ""
    whose = "profiles" if all(profile.engine == "highs" for profile in profiles) else "HiGHS runs"
    words = f"{run_dir.driver.name} is of class {run_dir.model_class}: {whose} {chosen}, because {why}."
    scaled = any(profile.name == SCALED for profile in profiles)
    return f"{words} Profile {SCALED} runs too, because it is badly scaled." if scaled else words


def needless(request: ScanRequest, run_dir: RunDir) -> str:
    """A warning that `--iis` does nothing for a model file; empty if it applies."""
    if not request.iis or engine_of(run_dir) == "gams":
        return ""
    but = " But --iis-seconds 0 says not to search." if not request.iis_s else ""
    return f"--iis is for GAMS: where a model file is infeasible, HiGHS names the conflict anyway.{but}"


def unheeded(run_dir: RunDir, profiles: Sequence[Profile]) -> str:
    """A warning if HiGHS will ignore the method that profiles choose; else empty."""
    if run_dir.model_class is ModelClass.LP:
        return ""
    alone = [profile for profile in profiles if profile.engine == "highs"]
    choosing = [p.name for p in alone if parse_options(p.options, p.solver).value("solver", "choose") != "choose"]
    if not choosing:
        return ""
    return (
        f"HiGHS chooses the method of a {run_dir.model_class} itself and ignores `solver`: {', '.join(choosing)} "
        "will end as `not applied`. `times-doctor profiles` lists what it uses."
    )


def share_out(request: ScanRequest, runs: int, hosts: Sequence[tuple[int, int]]) -> Capacity:
    """How many runs go at once, and the most threads with which they fit.

    A chain runs one at a time with all cores of the largest host. With `--threads`, as many runs go at once as there
    are cores for.

    Args:
        hosts: Cores and slots of each.

    >>> share_out(ScanRequest(run_path=Path("."), parallel=True), 3, [(8, 8)])
    Capacity(slots=3, threads=2)
    >>> share_out(ScanRequest(run_path=Path("."), parallel=True), 3, [(16, 4), (16, 4)])
    Capacity(slots=3, threads=8)
    """
    most = min(runs, request.max_workers or runs) if request.parallel else 1
    if request.threads is not None:
        return Capacity(max(1, min(most, _fitting(hosts, request.threads))), request.threads)
    slots = max(1, min(most, _fitting(hosts, 1)))
    largest = max(cores for cores, _ in hosts)
    return Capacity(slots, next((t for t in range(largest, 1, -1) if _fitting(hosts, t) >= slots), 1))


def crowded(request: ScanRequest, runs: int, hosts: Sequence[tuple[int, int]]) -> str:
    """A warning if `--threads` makes fewer runs go at once; empty if not.

    Args:
        hosts: Cores and slots of each.

    Raises:
        UsageError: more threads than any host has cores, or so many that `--parallel` would have no effect.
    """
    threads = request.threads
    if threads is None:
        return ""
    most = min(runs, request.max_workers or runs) if request.parallel else 1
    could = min(most, _fitting(hosts, 1))
    fitting = _fitting(hosts, threads)
    if fitting >= could > 0:
        return ""
    cores = sum(cores for cores, _ in hosts)
    there = "there is 1 core" if cores == 1 else f"there are {cores} cores"
    there += f" on {len(hosts)} hosts" if len(hosts) > 1 else ""
    fair = next((t for t in range(threads, 1, -1) if _fitting(hosts, t) >= could), 1)
    product = f"{most} runs x {threads} threads are {most * threads} threads, and {there}"
    if fitting > 1:
        return f"{product}: {fitting} run at once. With --threads {fair} it would be {could}."
    if most > 1:
        raise UsageError(f"{product}: they could not run in parallel. Use --threads {fair}, or auto.")
    raise UsageError(f"--threads {threads}: {there}. Use --threads {fair} at most, or auto.")


def _fitting(hosts: Sequence[tuple[int, int]], threads: int) -> int:
    return sum(min(slots, cores // threads) for cores, slots in hosts)


def make_runs(
    request: ScanRequest,
    scan: str,
    profiles: Sequence[Profile],
    threads: int,
    *,
    veda: VedaResults | None = None,
) -> list[RunSpec]:
    """The runs of a scan, round by round, so that compared runs have the same load."""
    texts = {profile: _option_text(request, profile, threads) for profile in profiles}
    rounds = [(repeat, profile) for repeat in range(1, (request.repeat or 1) + 1) for profile in profiles]
    return [
        RunSpec(
            scan=scan,
            run=f"{profile.solver}.{profile.name}" + (f".{repeat}" if request.repeat != 1 else ""),
            index=index,
            engine=profile.engine,
            solver=profile.solver,
            profile=profile.name,
            options=texts[profile],
            repeat=repeat,
            origin=profile.origin,
            threads=threads,
            mem_mb=request.mem_mb,
            timeout_s=request.timeout_s,
            wait_licence_s=request.wait_licence_min * 60,
            iis_s=request.iis_s,
            interior=profile.interior,
            baseline=profile.name == CURRENT,
            queue=solve_queue(profile.engine, needed_solver(profile.options, profile.solver)),
            veda=veda,
        )
        for index, (repeat, profile) in enumerate(rounds)
    ]


def _option_text(request: ScanRequest, profile: Profile, threads: int) -> str:
    """The text of a profile's option file."""
    text = with_display(with_threads(profile.options, profile.solver, threads), profile.solver)
    if profile.origin == BUILT_IN:
        # A MIP's root and nodes then use the profile's method too; an LP ignores it.
        text = with_mip_start(text, profile.solver)
    if request.iis and profile.engine == "gams":
        text = with_conflict_search(text, profile.solver)
    return text


def _opt_folders(root: Path) -> list[Path]:
    base = root / OPT_FILES
    return sorted(path for path in base.iterdir() if path.is_dir() and any(path.glob("*.opt"))) if base.is_dir() else []
