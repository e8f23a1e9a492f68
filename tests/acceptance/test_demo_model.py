from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tools.sample.__main__ import system
from tools.sample.data import mean_weather
from tools.sample.mps import LinearProgram, build_plan

from tests.conftest import wait_until
from tests.unit.worker.engines.native_solve import solve as solve_natively
from tests.unit.worker.engines.native_solve import write_order
from times_doctor_cli.demo.files import DemoFiles, write_demo
from times_doctor_tasks.contract.states import StopReason, Verdict
from times_doctor_tasks.parsers.gams.trace import TraceRow, read_trace
from times_doctor_tasks.profiles.option_file import with_threads
from times_doctor_tasks.profiles.registry import built_in_profiles
from times_doctor_tasks.results.run_reader import read_native_run
from times_doctor_worker.engines.gams_installation import find_gams

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

PROFILES = ("dual", "sift", "bar_nox")
YEARS = system().names("WY")
#: Rows and columns that the demo licence allows, the objective among them.
LICENSED = 2000


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoFiles:
    return write_demo(tmp_path_factory.mktemp("demo") / "demo")


def _staged(source: Path, target: Path) -> Path:
    for path in sorted(source.rglob("*")):
        if path.is_file() and path.suffix != ".mps":
            staged = target / str(path.relative_to(source)).lower()
            staged.parent.mkdir(parents=True, exist_ok=True)
            lines = path.read_text().split("\n")
            staged.write_text("\n".join(s.replace("\\", "/") if "INCLUDE" in s else s for s in lines))
            staged.chmod(0o444)
    return target


@pytest.fixture(scope="module")
def staged(demo: DemoFiles, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _staged(demo.lp_file.parent, tmp_path_factory.mktemp("staged"))


def _options(profile: str) -> str:
    return with_threads(next(p.options for p in built_in_profiles("cplex") if p.name == profile), "cplex", 1)


def _gams(staged: Path, folder: Path, options: str, *words: str) -> tuple[int, list[TraceRow]]:
    folder.mkdir()
    (folder / "cplex.opt").write_text(options)
    argv = [str(find_gams().path), str(staged / "parscen" / "parscen.run")]
    argv += [f"idir1={staged / 'parscen'}", f"idir2={staged / 'source'}", f"idir3={staged}", "fileCase=4"]
    argv += ["lo=2", "logfile=run.log", "o=run.lst", "trace=trace.txt", "traceopt=3"]
    argv += ["LP=CPLEX", "optfile=1", *words]
    done = subprocess.run(argv, cwd=folder, env={"PATH": os.environ["PATH"], "HOME": str(folder)}, timeout=100)
    return done.returncode, read_trace((folder / "trace.txt").read_text())


@pytest.fixture(scope="module")
def solves(staged: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[TraceRow]]:
    runs = tmp_path_factory.mktemp("runs")

    def solve(profile: str) -> list[TraceRow]:
        returncode, rows = _gams(staged, runs / profile, _options(profile), "--ERR_ABORT=NO")
        assert returncode == 0, (runs / profile / "run.log").read_text()[-2000:]
        return rows

    with ThreadPoolExecutor(2) as two:
        return dict(zip(PROFILES, two.map(solve, PROFILES), strict=True))


def _highs(program: LinearProgram | Path, folder: Path, **options: str) -> float:
    model = program if isinstance(program, Path) else folder / "model.mps"
    if isinstance(program, LinearProgram):
        model.write_text("".join(program.mps()))
    # In a process of its own: HiGHS has one scheduler a process, made by whoever solves first in it.
    words = [f"{name} = {value}\n" for name, value in {"threads": 1, **options}.items()]
    work = Path(tempfile.mkdtemp(dir=folder))
    code, result = solve_natively(work, model.absolute(), "".join(words))
    assert code == 0
    assert result["model_status"] == "Optimal"
    return float(result["objective"])


@pytest.mark.gams
def test_every_profile_solves_every_weather_within_the_demo_licence(solves: dict[str, list[TraceRow]]) -> None:
    for rows in solves.values():
        assert len(rows) == len(YEARS) + 1
        for row in rows:
            assert (row.solver, row.model_status, row.solver_status, row.option_file) == ("CPLEX", 1, 1, 1)
            assert 0.9 * LICENSED < (row.rows or 0) <= LICENSED
            assert (row.columns or 0) <= LICENSED


@pytest.mark.gams
def test_profiles_agree_on_the_cost_of_every_weather(solves: dict[str, list[TraceRow]]) -> None:
    costs = {profile: [row.objective for row in rows] for profile, rows in solves.items()}

    assert len({round(cost) for cost in costs["dual"] if cost}) == len(YEARS) + 1
    assert costs["sift"] == pytest.approx(costs["dual"], rel=1e-7)
    assert costs["bar_nox"] == pytest.approx(costs["dual"], rel=1e-6)


@pytest.mark.gams
def test_gams_and_highs_find_the_same_costs_with_either_form_of_the_network(
    solves: dict[str, list[TraceRow]], tmp_path: Path
) -> None:
    data = system()
    weathers = [mean_weather(data, year, [year], weight=1) for year in YEARS]
    weathers.append(mean_weather(data, "design", YEARS, weight=1))

    costs = [_highs(build_plan(data, [weather]), tmp_path) for weather in weathers]

    assert costs == pytest.approx([row.objective for row in solves["dual"]], rel=1e-7)


@pytest.mark.gams
@pytest.mark.parametrize(("words", "returncode"), [((), 3), (("--ERR_ABORT=NO",), 0)])
def test_a_solve_that_is_cut_short_is_the_last_one(
    staged: Path, tmp_path: Path, words: tuple[str, ...], returncode: int
) -> None:
    ended, rows = _gams(staged, tmp_path / "run", _options("dual") + "\nitlim 5\n", *words)

    assert ended == returncode
    assert [row.solver_status for row in rows] == [2]


@pytest.fixture(scope="module")
def plans(demo: DemoFiles) -> Iterator[dict[str, float]]:
    options = {
        "simplex": {"solver": "simplex"},
        "ipm": {"solver": "ipm", "run_crossover": "on"},
        "ipm_nox": {"solver": "ipm", "run_crossover": "off"},
    }
    with ThreadPoolExecutor(2) as two:
        costs = two.map(lambda name: _highs(demo.lp_file, demo.run_dir, **options[name]), options)
        yield dict(zip(options, costs, strict=True))


def test_highs_methods_agree_on_the_large_plan(plans: dict[str, float]) -> None:
    assert plans["ipm"] == pytest.approx(plans["simplex"], rel=1e-7)
    assert plans["ipm_nox"] == pytest.approx(plans["simplex"], rel=1e-6)


def test_one_plan_for_all_weathers_costs_more_than_a_plan_for_each(plans: dict[str, float], tmp_path: Path) -> None:
    data = system()
    each = [_highs(build_plan(data, [mean_weather(data, year, [year], weight=1)]), tmp_path) for year in YEARS]

    assert plans["simplex"] > sum(each) / len(each) > 0


def test_highs_that_is_interrupted_keeps_what_it_has(demo: DemoFiles, tmp_path: Path) -> None:
    log, result = tmp_path / "run.log", tmp_path / "result.json"
    argv = write_order(tmp_path, demo.lp_file, "solver = simplex\nthreads = 1\n")
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    # Rows of the simplex: it iterates, so that its callbacks come.
    wait_until(lambda: log.exists() and "Pr: " in log.read_text(), what="the simplex iterates", timeout_s=60)

    process.send_signal(signal.SIGINT)

    assert process.wait(60) == 0
    assert json.loads(result.read_text())["model_status"] == "Interrupted by user"
    reading = read_native_run(log, returncode=0, stop_reason=StopReason.TIMEOUT)
    assert (reading.verdict, reading.judgement.sentence) == (
        Verdict.LIMIT,
        "Stopped at its time limit.",
    )
