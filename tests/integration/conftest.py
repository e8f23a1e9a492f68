from __future__ import annotations

from collections.abc import Callable

import pytest

from times_doctor_tasks.contract.keys import solve_queue
from times_doctor_tasks.contract.messages import ModelRef, RunResult, RunSpec, ScanSpec
from times_doctor_tasks.contract.states import RunState, ScanMode, Verdict
from times_doctor_tasks.state_store.run_store import RunStore
from times_doctor_worker.recovery import sweeper

pytest.register_assert_rewrite("tests.integration.workers")

from tests.integration.workers import broker, team  # noqa: E402, F401  # after what makes its asserts tell

Submit = Callable[..., ScanSpec]
TWO = ("cplex.a", "cplex.b")


def make_scan(mode: ScanMode = ScanMode.CHORD, runs: tuple[str, ...] = TWO, **fields: object) -> ScanSpec:
    model = ModelRef(title="m", run_dir="/m", snapshot="0" * 64, driver="model/m.run")
    return ScanSpec(scan="s1", created_ms=1_000, mode=mode, model=model, runs=runs, **fields)  # type: ignore[arg-type]


def make_runs(spec: ScanSpec, **fields: object) -> list[RunSpec]:
    return [
        RunSpec(
            scan=spec.scan,
            run=run,
            index=index,
            engine="gams",
            solver="cplex",
            profile=run.split(".")[1],
            options="lpmethod 2\n",
            queue=solve_queue("gams", "cplex"),
            **fields,  # type: ignore[arg-type]
        )
        for index, run in enumerate(spec.runs)
    ]


def make_result(spec: ScanSpec, run: str, state: RunState = RunState.DONE, **fields: object) -> RunResult:
    return RunResult(
        scan=spec.scan,
        run=run,
        engine="gams",
        solver="cplex",
        profile=run.split(".")[1],
        state=state,
        verdict=Verdict.OPTIMAL if state is RunState.DONE else None,
        **fields,  # type: ignore[arg-type]
    )


@pytest.fixture
def near_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweeper's round trips take no time, however busy this machine is: it waits longer on a slow line."""
    monkeypatch.setattr(sweeper, "monotonic_s", lambda: 0.0)


@pytest.fixture
def submit(store: RunStore) -> Submit:
    def submit(mode: ScanMode = ScanMode.CHORD, runs: tuple[str, ...] = TWO, **fields: object) -> ScanSpec:
        spec = make_scan(mode, runs, **fields)
        store.submit(spec, make_runs(spec))
        return spec

    return submit
