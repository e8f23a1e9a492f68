from __future__ import annotations

import io
from collections.abc import Sequence

from rich.console import Console, RenderableType

from times_doctor_cli.scan_state.board import Board
from times_doctor_tasks.contract.messages import ModelRef, ProgressMade, RunResult, RunSpec, ScanSpec, StateChanged
from times_doctor_tasks.contract.progress import Phase, Progress
from times_doctor_tasks.contract.states import RunState, ScanMode, Verdict

#: When every scan of these tests was submitted.
T0_MS = 1_700_000_000_000


def make_runs(*names: str, threads: int = 2) -> list[RunSpec]:
    pairs = [name.split(".", 1) for name in names]
    return [
        RunSpec(
            scan="s1",
            run=name,
            index=index,
            engine="gams",
            solver=solver,
            profile=profile,
            options="",
            threads=threads,
        )
        for index, (name, (solver, profile)) in enumerate(zip(names, pairs, strict=True))
    ]


def make_spec(names: Sequence[str], *, mode: ScanMode = ScanMode.CHORD) -> ScanSpec:
    model = ModelRef(title="DemoS_007", run_dir="parscen", snapshot="0", driver="parscen.run")
    return ScanSpec(scan="s1", created_ms=T0_MS, mode=mode, model=model, runs=tuple(names))


def make_board(
    *names: str, mode: ScanMode = ScanMode.CHORD, note: str = "GAMS 54.6.1, demo licence until 26 Nov 2026"
) -> Board:
    names = names or ("cplex.dual", "cplex.sift", "cplex.bar_nox")
    return Board.of(make_spec(names, mode=mode), make_runs(*names), note=note)


def move(
    board: Board,
    run: str,
    state: RunState,
    *,
    at_s: float = 0.0,
    attempt: int = 1,
    host: str = "h1",
    reason: str = "",
    verdict: Verdict | None = None,
) -> bool:
    event = StateChanged(run=run, attempt=attempt, state=state, host=host, reason=reason, verdict=verdict)
    return board.apply(event, at_ms=T0_MS + round(at_s * 1000))


def start(board: Board, run: str, *, at_s: float = 0.0, attempt: int = 1, host: str = "h1") -> None:
    for state in (RunState.CLAIMED, RunState.STAGING, RunState.RUNNING):
        move(board, run, state, at_s=at_s, attempt=attempt, host=host)


def progress(
    board: Board,
    run: str,
    look: Progress,
    *,
    at_s: float,
    attempt: int = 1,
    runtime_s: float | None = None,
    memory_mb: float | None = None,
) -> bool:
    event = ProgressMade(
        run=run,
        attempt=attempt,
        progress=look,
        runtime_s=at_s if runtime_s is None else runtime_s,
        memory_mb=memory_mb,
    )
    return board.apply(event, at_ms=T0_MS + round(at_s * 1000))


def make_result(run: str, **fields: object) -> RunResult:
    solver, profile = run.split(".", 1)
    values: dict[str, object] = {
        "scan": "s1",
        "run": run,
        "engine": "gams",
        "solver": solver,
        "profile": profile,
        "state": RunState.DONE,
        "attempt": 1,
        "host": "h1",
        "verdict": Verdict.OPTIMAL,
        "objective": 6407967.45621011,
        "iterations": 1026,
        "basis": "vertex",
        "runtime_s": 12.34,
        "peak_memory_mb": 57.4,
        "applied": True,
        "threads": 1,
    }
    values |= {"cpu_s": fields.get("runtime_s", 12.34), "run_delay_s": 0.0}
    return RunResult(**(values | fields))  # type: ignore[arg-type]


def dual_simplex() -> Progress:
    return Progress(
        phase=Phase.SIMPLEX,
        solve=1,
        iteration=4_340,
        objective=6407967.456,
        speed_per_s=1240.4,
        detail="dual objective",
    )


def barrier(fraction: float = 0.62) -> Progress:
    return Progress(
        phase=Phase.BARRIER,
        solve=1,
        iteration=18,
        objective=6_500_123.25,
        gap_rel=3.2e-4,
        fraction=fraction,
        eta_s=125.0,
    )


def drawn(view: RenderableType, *, width: int = 80, encoding: str = "utf-8") -> str:
    """What a colourless terminal of that width would show."""
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, errors="replace", newline="\n")
    Console(file=file, width=width, height=24, color_system=None, markup=False, highlight=False).print(view)
    file.flush()
    return raw.getvalue().decode(encoding)
