"""Which engines and solvers this host has."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import msgspec

from times_doctor_tasks.contract.errors import EngineNotFound
from times_doctor_tasks.contract.hosts import ENGINE_NAMES, FULL, WorkerPlan
from times_doctor_tasks.contract.limits import LICENCE_WARN_DAYS
from times_doctor_worker.engines.gams import GamsEngine
from times_doctor_worker.engines.gams_installation import clean_environ, find_gams, lp_solvers
from times_doctor_worker.engines.native.engine import PROGRAM, NativeEngine
from times_doctor_worker.engines.port import Engine
from times_doctor_worker.engines.sandbox import is_confined

#: Seconds that a solver may take to load when we check that it works.
LOAD_S = 60.0
#: The Python packages that bring the solvers.
PACKAGES = {"highs": "highspy", "cplex": "cplex", "gurobi": "gurobipy", "xpress": "xpress", "copt": "coptpy"}


class Found(msgspec.Struct, frozen=True):
    """What a host has of one engine, and notes for its operator."""

    engine: Engine | None = None
    """None where it is missing or may not be used; the notes say why."""
    solvers: tuple[str, ...] = ()
    """`<engine>.<solver>`."""
    licence: str = ""
    expires: date | None = None
    notes: tuple[str, ...] = ()


def find_engine(
    name: str, plan: WorkerPlan, environ: Mapping[str, str], *, today: date | None = None, anew: bool = False
) -> Found:
    """Looks for one engine; a missing one becomes a note.

    Args:
        anew: Check again that it works now, and ignore cached results.
    """
    if name == "gams":
        return _find_gams(plan, environ, today or date.today(), anew=anew)
    return _find_native(name, plan, environ, today or date.today(), anew=anew)


def _find_gams(plan: WorkerPlan, environ: Mapping[str, str], today: date, *, anew: bool) -> Found:
    path = Path(plan.gams_path) if plan.gams_path else None
    is_explicit = plan.gams_path_from == "--gams-path"
    try:
        system = find_gams(
            explicit=path if is_explicit else None,
            configured=None if is_explicit else path,
            configured_by=plan.gams_path_from,
            environ=environ,
            cache_dir=None if anew else Path(plan.cache_dir),
            today=today,
        )
    except EngineNotFound as error:
        return Found(notes=(str(error),))
    licence = system.licence
    notes = (warning,) if (warning := licence.warning(today)) else ()
    if licence.expired:
        return Found(licence=licence.text, expires=licence.expires, notes=notes)
    tries = plan.check_solvers or anew
    names = system.usable_solvers(environ, today=today) if tries else lp_solvers(system.system_dir)
    if not names:
        return Found(
            licence=licence.text,
            expires=licence.expires,
            notes=(*notes, f"GAMS {system.version} at {system.system_dir} solves nothing: no solver passed a tiny LP."),
        )
    return Found(
        engine=GamsEngine(
            system.path,
            system.version,
            clean_environ(environ),
            system.system_dir,
            confined=is_confined("gams", plan.sandbox),
        ),
        solvers=tuple(f"gams.{name.lower()}" for name in names),
        licence=licence.text,
        expires=licence.expires,
        notes=notes,
    )


def _find_native(name: str, plan: WorkerPlan, environ: Mapping[str, str], today: date, *, anew: bool) -> Found:
    package, label = PACKAGES[name], ENGINE_NAMES[name]
    if importlib.util.find_spec(package) is None:
        wanted = name == "highs"  # the others are optional extras
        missing = f"{label} is not installed: pip install '.[worker]' in a clone of times-doctor."
        return Found(notes=(missing,) if wanted else ())
    environment = clean_environ(environ)
    told = _probed(name, environment) if anew or name != "highs" else {}
    if why := told.get("why"):
        step = f"See that `python -c 'import {package}'` works for the worker's user."
        if told.get("licence"):
            step = f"Its licence is {told['licence']}."
        return Found(notes=(f"{label} cannot be used: {why}. {step}",))
    from importlib.metadata import version  # imported here: it takes 70 ms, and a GAMS scan does not need it

    engine = NativeEngine(version(package), environment, name, confined=is_confined(name, plan.sandbox))
    if name == "highs":
        return _found_highs(engine)
    until = date.fromisoformat(told["until"]) if told.get("until") else None
    free = f"size-limited: {told['free']}" if told.get("free") else ""
    licence = ", ".join(filter(None, (free, f"until {until}" if until else "")))
    notes: tuple[str, ...] = ()
    if until and (until - today).days < LICENCE_WARN_DAYS:
        step = f"a newer {package}, or a licence of your own, goes on" if free else "renew it"
        notes = (f"The {label} licence ends on {until}: {step}.",)
    solvers = (f"{name}.{name}",) if free else (f"{name}.{name}", f"{FULL}.{name}")
    return Found(engine=engine, solvers=solvers, licence=licence, expires=until, notes=notes)


def _found_highs(engine: NativeEngine) -> Found:
    """HiGHS, and HiPO with it where its extras are of the same version."""
    from importlib.metadata import version

    if importlib.util.find_spec("highspy_extras") is None:
        return Found(engine, ("highs.highs",))
    extras = version("highspy-extras")
    if extras == engine.version:
        return Found(engine, ("highs.highs", "highs.hipo"), licence=f"with HiPO {extras}")
    note = f"HiPO cannot be used: highspy-extras {extras} does not fit HiGHS {engine.version}."
    return Found(engine, ("highs.highs",), notes=(f"{note} `pip install '.[hipo]'` in a clone has a pair that fits.",))


def _probed(name: str, environ: Mapping[str, str]) -> dict[str, str]:
    """What a solver reports: `free` is the limit of its free licence, `until` its end, `why` why it is unusable."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", PROGRAM, "--probe", name], env=dict(environ), stdin=subprocess.DEVNULL,
            capture_output=True, timeout=LOAD_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"why": str(error)}
    try:  # the last line: some solvers print while they load
        lines = done.stdout.decode("utf-8", "replace").strip().splitlines()
        told: dict[str, str] = json.loads(lines[-1])
    except (ValueError, IndexError):
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or [f"exit code {done.returncode}"]
        return {"why": lines[-1].rstrip(".")}
    said = [line.partition("[ERROR] ")[2] for line in lines if "[ERROR] " in line]  # COPT's exception has no reason
    return told | {"why": "; ".join([told["why"], *said])} if "why" in told else told
