"""Which engines and solvers this host has."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from times_doctor_tasks.errors import EngineNotFound
from times_doctor_tasks.messages import WorkerPlan
from times_doctor_worker.engines.gams import GamsEngine
from times_doctor_worker.engines.highs import HighsEngine
from times_doctor_worker.engines.port import Engine
from times_doctor_worker.gams_system import clean_environ, find_gams, lp_solvers


@dataclass
class Found:
    """Engines of a host, what they can use, and what its people should know."""

    engines: dict[str, Engine] = field(default_factory=dict)
    solvers: list[str] = field(default_factory=list)
    """`<engine>.<solver>`."""
    licences: dict[str, str] = field(default_factory=dict)
    expires: date | None = None
    notes: list[str] = field(default_factory=list)


def find_engines(plan: WorkerPlan, environ: Mapping[str, str], *, today: date | None = None) -> Found:
    """Looks for the engines that the plan names; a missing one becomes a note."""
    found = Found()
    if "gams" in plan.engines:
        _find_gams(plan, environ, found, today or date.today())
    if "highs" in plan.engines:
        _find_highs(environ, found)
    return found


def _find_gams(plan: WorkerPlan, environ: Mapping[str, str], found: Found, today: date) -> None:
    path = Path(plan.gams_path) if plan.gams_path else None
    is_explicit = plan.gams_path_from == "--gams-path"
    try:
        system = find_gams(
            explicit=path if is_explicit else None,
            configured=None if is_explicit else path,
            configured_by=plan.gams_path_from,
            environ=environ,
            cache_dir=Path(plan.cache_dir),
            today=today,
        )
    except EngineNotFound as error:
        found.notes.append(str(error))
        return
    licence = system.licence
    found.licences["gams"] = licence.text
    found.expires = licence.expires
    if warning := licence.warning(today):
        found.notes.append(warning)
    if licence.expired:
        return
    found.engines["gams"] = GamsEngine(system.path, system.version, clean_environ(environ))
    names = system.usable_solvers(environ, today=today) if plan.check_solvers else lp_solvers(system.system_dir)
    found.solvers += [f"gams.{name.lower()}" for name in names]


def _find_highs(environ: Mapping[str, str], found: Found) -> None:
    if importlib.util.find_spec("highspy") is None:
        found.notes.append("HiGHS is not installed: pip install 'times-doctor[worker]'.")
        return
    from importlib.metadata import version  # here: it costs 70 ms that a GAMS scan need not wait for

    found.engines["highs"] = HighsEngine(version("highspy"), clean_environ(environ))
    found.solvers.append("highs.highs")
