"""Documents of a real scan (DemoS_007-all with CPLEX), with changes for tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from times_doctor_tasks.analysis.comparison import compare
from times_doctor_tasks.analysis.recommendation import recommend
from times_doctor_tasks.contract.messages import (
    AttemptRecord,
    ModelRef,
    PhaseSpan,
    Report,
    RunResult,
    RunSpec,
    ScanSpec,
    SolveRecord,
)
from times_doctor_tasks.contract.states import RunState, ScanMode, Verdict
from times_doctor_tasks.profiles.registry import built_in_profiles

SCAN = "20261123-1415-k3f9"
STARTED_MS = 1_795_443_300_000
#: The common values of all `make_result` runs.
_SOLVED: dict[str, Any] = {
    "scan": SCAN,
    "engine": "gams",
    "state": RunState.DONE,
    "attempt": 1,
    "host": "alpha",
    "verdict": Verdict.OPTIMAL,
    "sentence": "Solved to optimality.",
    "model_status": 1,
    "model_status_text": "Optimal",
    "solver_status": 1,
    "solver_status_text": "Normal Completion",
    "lp_status": "optimal",
    "rows": 981,
    "columns": 1423,
    "nonzeros": 5421,
    "matrix_min": 1e-4,
    "matrix_max": 8760.0,
    "solves": (SolveRecord(model="TIMES", model_type="LP", verdict=Verdict.OPTIMAL),),
    "solve_count": 1,
    "solver_time_s": 0.033,
    "queued_ms": STARTED_MS,
    "claimed_ms": STARTED_MS + 100,
    "started_ms": STARTED_MS + 400,
    "phases": (
        PhaseSpan(phase="compile", start_s=0.0, end_s=0.2),
        PhaseSpan(phase="simplex", start_s=0.2, end_s=1),
    ),
    "peak_memory_mb": 57.4,
    "threads": 1,
    "applied": True,
    "returncode": 0,
    "engine_version": "54.6.1",
    "solver_version": "22.2.0.0",
}


def make_result(profile: str = "dual", **changes: Any) -> RunResult:
    """A run's result by its profile; keyword arguments replace fields."""
    solver = changes.pop("solver", "cplex")
    runtime_s = changes.pop("runtime_s", 10.0)
    interior = profile.endswith("nox")
    ended_ms = STARTED_MS + 400 + round((runtime_s or 0) * 1000)
    fields = _SOLVED | {
        "run": f"{solver}.{profile}",
        "solver": solver,
        "profile": profile,
        "objective": 6407967.37637338 if interior else 6407967.45621011,
        "iterations": 27 if interior else 1026,
        "basis": "interior" if interior else "vertex",
        "ended_ms": ended_ms,
        "finished_ms": ended_ms + 150,
        "runtime_s": runtime_s,
        "cpu_s": runtime_s,
        "run_delay_s": 0.0 if runtime_s is not None else None,
        "attempts": (AttemptRecord(attempt=1, host="alpha", start_ms=STARTED_MS + 100, end_ms=ended_ms + 150),),
    }
    return RunResult(**(fields | changes))


def make_scan_spec(**changes: Any) -> ScanSpec:
    """A scan's request; keyword arguments replace fields."""
    model = ModelRef(
        title="parscen", run_dir="models/demo/parscen", snapshot="5d" * 32, driver="parscen/parscen.run", files=31
    )
    fields: dict[str, Any] = {
        "scan": SCAN,
        "created_ms": STARTED_MS,
        "mode": ScanMode.CHORD,
        "model": model,
        "runs": (),
        "client": "modeller@laptop",
    }
    return ScanSpec(**(fields | changes))


def make_run_spec(profile: str = "dual", **changes: Any) -> RunSpec:
    """The request of a built-in CPLEX profile's run; keyword arguments replace fields."""
    options = {p.name: p.options for p in built_in_profiles("cplex")}
    fields: dict[str, Any] = {
        "scan": SCAN,
        "run": f"cplex.{profile}",
        "index": 0,
        "engine": "gams",
        "solver": "cplex",
        "profile": profile,
        "options": options.get(profile, "lpmethod 4\n"),
    }
    return RunSpec(**(fields | changes))


def make_report(results: Sequence[RunResult] | None = None, **changes: Any) -> Report:
    """The report of `results`, compared and recommended by the real rules; keyword arguments replace the spec's."""
    runs = tuple(results if results is not None else (make_result("dual"), make_result("bar_nox", runtime_s=6.0)))
    spec = make_scan_spec(runs=tuple(r.run for r in runs), **changes)
    comparison = compare(runs, spec)
    return Report(
        scan=spec.scan,
        spec=spec,
        runs=runs,
        comparison=comparison,
        recommendation=recommend(runs, comparison, spec),
        created_ms=STARTED_MS + 60_000,
    )
