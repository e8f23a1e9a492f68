from __future__ import annotations

import importlib
import importlib.util
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import wait_until
from tests.solvers import models
from tests.solvers.conftest import require
from tests.unit.worker.engines.native_solve import solve, write_order
from times_doctor_tasks.contract.hosts import NATIVE_SOLVERS
from times_doctor_tasks.contract.states import StopReason, Verdict
from times_doctor_tasks.profiles.option_file import needed_solver, with_threads
from times_doctor_tasks.profiles.registry import built_in_profiles
from times_doctor_tasks.results.run_reader import RunReading, read_native_run

pytestmark = pytest.mark.timeout(300)

#: Real TIMES models, where somebody has a folder of them: none is committed.
TIMES_MODELS = sorted(Path(os.environ["TD_TIMES_MODELS"]).glob("*.mps")) if "TD_TIMES_MODELS" in os.environ else []
#: Options that choose the dual simplex, and that take presolve away, one thread each.
DUAL = {
    "highs": "solver = simplex\nthreads = 1\n",
    "cplex": "lpmethod 2\nthreads 1\n",
    "gurobi": "method 1\nthreads 1\n",
    "xpress": "defaultalg 2\nthreads 1\n",
    "copt": "LpMethod 1\nThreads 1\n",
}
WITHOUT_PRESOLVE = {
    "highs": "presolve = off\n", "cplex": "preind 0\n", "gurobi": "presolve 0\n", "xpress": "presolve 0\n",
    "copt": "Presolve 0\n",
}  # fmt: skip
ONE_THREAD = {"highs": "threads = 1\n"}
TIME_LIMIT = {
    "highs": "time_limit = 1\n", "cplex": "tilim 1\n", "gurobi": "timelimit 1\n", "xpress": "timelimit 1\n",
    "copt": "TimeLimit 1\n",
}  # fmt: skip
#: (option text, what is said of it): an unknown name, a value out of range, a value that is no number, a file.
BAD = {
    "highs": ["nosuch = 1", "simplex_strategy = 99", "threads = many", "solution_file = /tmp/x"],
    "cplex": ["nosuch 1", "lpmethod 99", "lpmethod many"],
    "gurobi": ["nosuch 1", "method 99", "method many", "logfile /tmp/x"],
    "xpress": ["nosuch 1", "defaultalg 99", "defaultalg many"],
    "copt": ["nosuch 1", "LpMethod 99", "LpMethod many"],
}


def reading(folder: Path, solver: str, code: int, result: dict[str, Any], **given: Any) -> RunReading:
    return read_native_run(folder / "run.log", solver, returncode=code, final=result, **given)


@pytest.mark.parametrize(("model", "objective"), [(models.LP, 9.0), (models.MIP, 11.0)])
def test_an_optimum_is_found_and_told(tmp_path: Path, solver: str, model: str, objective: float) -> None:
    code, result = solve(tmp_path, model, solver=solver)
    read = reading(tmp_path, solver, code, result)
    last = read.solves[-1]

    assert (code, read.verdict) == (0, Verdict.OPTIMAL), result
    assert last.objective == pytest.approx(objective, rel=1e-9)
    assert (last.rows, last.columns) == (2 if model is models.LP else 1, 2)
    if model is models.LP and solver != "highs":
        assert (last.basis, last.bound) == ("vertex", None)
    assert read.solver_version


@pytest.mark.parametrize("options", [{}, WITHOUT_PRESOLVE], ids=["presolve", "no presolve"])
@pytest.mark.parametrize(
    ("model", "verdict"), [(models.INFEASIBLE, Verdict.INFEASIBLE), (models.UNBOUNDED, Verdict.UNBOUNDED)]
)
def test_a_model_without_an_optimum_is_told_as_such(
    tmp_path: Path, solver: str, model: str, verdict: Verdict, options: dict[str, str]
) -> None:
    code, result = solve(tmp_path, model, options.get(solver, ""), solver=solver)
    read = reading(tmp_path, solver, code, result)

    # With presolve some only know that it is one of the two.
    either = {verdict} if options else {verdict, Verdict.INFEASIBLE}
    assert read.verdict in either, result
    assert read.solves[-1].objective is None
    assert read.solves[-1].basis is None


def test_a_time_limit_keeps_the_best_solution_of_a_mip(tmp_path: Path, solver: str) -> None:
    code, result = solve(tmp_path, models.market_split(tmp_path), TIME_LIMIT[solver], solver=solver)
    read = reading(tmp_path, solver, code, result)

    assert (code, read.verdict) == (0, Verdict.LIMIT), result
    assert read.judgement.sentence.startswith("The time limit ended the solve: the best solution so far was kept")
    assert read.solves[-1].objective is not None


def test_an_option_that_is_not_taken_ends_the_run_before_the_solve(tmp_path: Path, solver: str) -> None:
    for line in BAD[solver]:
        code, result = solve(tmp_path, models.LP, f"{DUAL[solver]}{line}\n", solver=solver)
        read = reading(tmp_path, solver, code, result)
        assert read.verdict is Verdict.NOT_APPLIED, (line, result)
        assert "line 3 of the options" in read.judgement.sentence
        assert "model_status" not in result


@pytest.mark.parametrize("text", ["hello\n", ""])
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, solver: str, text: str) -> None:
    (tmp_path / "m.mps").write_text(text)
    code, result = solve(tmp_path, tmp_path / "m.mps", solver=solver)
    assert reading(tmp_path, solver, code, result).verdict in (Verdict.COMPILE_ERROR, Verdict.NO_SOLVE), result


@pytest.mark.parametrize("solver", [name for name in NATIVE_SOLVERS if name != "highs"], indirect=True)
def test_a_model_beyond_the_free_licence_is_told_with_its_size_and_the_limit(tmp_path: Path, solver: str) -> None:
    adapter = getattr(importlib.import_module(f"times_doctor_worker.engines.native.{solver}"), solver.capitalize())
    code, result = solve(tmp_path, models.beyond(tmp_path, adapter.BEYOND), solver=solver)
    read = reading(tmp_path, solver, code, result)

    assert read.verdict is Verdict.LICENCE, result
    assert adapter.FREE in read.judgement.sentence
    assert f"{adapter.BEYOND:,} columns" in read.judgement.sentence


def test_xpress_keeps_to_the_method_that_a_profile_names_on_several_threads(tmp_path: Path) -> None:
    require("xpress")
    model = models.dense_lp(tmp_path, size=40)
    for text, basis in (("defaultAlg 4\ncrossover 0\nthreads 2\n", False), ("defaultAlg 2\nthreads 2\n", True)):
        code, result = solve(tmp_path, model, text, solver="xpress")
        assert (code, result["model_status"], result["basis"]) == (0, "Optimal", basis), (
            tmp_path / "run.log"
        ).read_text()
        (tmp_path / "run.log").unlink()


def stopped(folder: Path, solver: str, model: Path, options: str, *, how: signal.Signals) -> tuple[float, RunReading]:
    """Seconds from the signal to the end, and what is left; the solve was at work."""
    words = write_order(folder, model, options, solver=solver)
    log = folder / "run.log"
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_until(lambda: log.exists() and len(log.read_bytes()) > 100, what="it has read the model", timeout_s=60)
        time.sleep(2.0)  # so that there is something to keep
        process.send_signal(how)
        start_s = time.monotonic()
        code = process.wait(60)
    result = json.loads((folder / "result.json").read_text())
    return time.monotonic() - start_s, reading(folder, solver, code, result, stop_reason=StopReason.USER)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_mip_that_is_stopped_keeps_what_it_has(tmp_path: Path, solver: str, how: signal.Signals) -> None:
    model = models.market_split(tmp_path)
    seconds, read = stopped(tmp_path, solver, model, ONE_THREAD.get(solver, "threads 1\n"), how=how)

    assert read.verdict is Verdict.INTERRUPTED
    assert read.solves[-1].objective is not None
    assert seconds < 15, seconds


def test_a_simplex_that_is_stopped_ends_soon(tmp_path: Path, solver: str) -> None:
    model = models.dense_lp(tmp_path)
    seconds, read = stopped(tmp_path, solver, model, DUAL[solver], how=signal.SIGINT)

    assert read.verdict is Verdict.INTERRUPTED
    assert seconds < 15, seconds


@pytest.mark.parametrize("moment_s", [0.0, 0.02, 0.05, 0.1, 0.2, 0.4])
def test_a_signal_while_it_starts_is_not_lost(tmp_path: Path, solver: str, moment_s: float) -> None:
    words = write_order(tmp_path, models.market_split(tmp_path), ONE_THREAD.get(solver, ""), solver=solver)
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        time.sleep(moment_s)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) in (0, 1, -signal.SIGINT, 130)


@pytest.mark.parametrize("name", ["dual", "sift", "bar", "bar_nox"])
@pytest.mark.parametrize("model", TIMES_MODELS, ids=lambda path: path.stem)
def test_a_real_times_model_has_one_objective(tmp_path: Path, solver: str, model: Path, name: str) -> None:
    profiles = [one for one in built_in_profiles(solver, engine="native") if one.name == name]
    if not profiles:
        pytest.skip(f"{solver} has no {name}")
    code, result = solve(tmp_path, model, with_threads(profiles[0].options, solver, 1), solver=solver)
    read = reading(tmp_path, solver, code, result)
    if solver == "cplex" and max(result["rows"], result["columns"]) > 1000:
        assert read.verdict is Verdict.LICENCE
        return

    _, other = solve(tmp_path, model, DUAL["highs"])
    assert read.verdict is Verdict.OPTIMAL, result
    assert read.solves[-1].objective == pytest.approx(other["objective"], rel=1e-5 if profiles[0].interior else 1e-9)
    assert read.solves[-1].basis == ("interior" if profiles[0].interior else "vertex")


def test_every_built_in_text_is_taken(tmp_path: Path, solver: str) -> None:
    for profile in built_in_profiles(solver, engine="native"):
        if needed_solver(profile.options, solver) == "hipo" and importlib.util.find_spec("highspy_extras") is None:
            continue
        code, result = solve(tmp_path, models.MIP, with_threads(profile.options, solver, 1), solver=solver)
        assert (code, result["model_status"]) == (0, "Optimal"), (profile.name, result)
