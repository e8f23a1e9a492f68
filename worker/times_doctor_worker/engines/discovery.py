"""Which engines and solvers this host has."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from times_doctor_tasks.contract.errors import EngineNotFound
from times_doctor_tasks.contract.hosts import WorkerPlan
from times_doctor_worker.engines.gams import GamsEngine
from times_doctor_worker.engines.gams_installation import clean_environ, find_gams, lp_solvers
from times_doctor_worker.engines.highs import HighsEngine
from times_doctor_worker.engines.port import Engine
from times_doctor_worker.engines.sandbox import is_confined

#: Seconds that HiGHS may take to load when it is asked to prove that it does.
LOAD_S = 60.0


@dataclass(frozen=True, slots=True)
class Found:
    """What a host has of one engine, and what its people should know."""

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
        anew: Prove that it works now, and believe nothing that was found before.
    """
    if name == "gams":
        return _find_gams(plan, environ, today or date.today(), anew=anew)
    return _find_highs(plan, environ, anew=anew)


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


def _find_highs(plan: WorkerPlan, environ: Mapping[str, str], *, anew: bool) -> Found:
    if importlib.util.find_spec("highspy") is None:
        return Found(notes=("HiGHS is not installed: pip install 'times-doctor[worker]'.",))
    environment = clean_environ(environ)
    if anew and (problem := _problem_of_highs(environment)):
        return Found(notes=(f"HiGHS does not load: {problem}.",))
    from importlib.metadata import version  # here: it costs 70 ms that a GAMS scan need not wait for

    engine = HighsEngine(version("highspy"), environment, confined=is_confined("highs", plan.sandbox))
    return Found(engine=engine, solvers=("highs.highs",))


def _problem_of_highs(environ: Mapping[str, str]) -> str:
    try:
        done = subprocess.run(
            [sys.executable, "-c", "import highspy"], env=dict(environ), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=LOAD_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or [f"exit code {done.returncode}"]
    return lines[-1] if done.returncode else ""
