"""Models as Python packages export them (docs/export.md): every solver reads the file and finds the same answer."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Cli
from tests.solvers.conftest import require
from times_doctor_tasks.contract.hosts import NATIVE_SOLVERS

pytestmark = [pytest.mark.server, pytest.mark.timeout(300), pytest.mark.filterwarnings("ignore")]

require("cplex")


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    (tmp_path / "home").mkdir()
    return Cli(tmp_path / "home")


def of_pyomo(path: Path) -> float:
    pyo: Any = pytest.importorskip("pyomo.environ")
    model = pyo.ConcreteModel()
    model.hour, model.plant = pyo.RangeSet(4), pyo.Set(initialize=["coal power", "gas"])
    model.p = pyo.Var(model.hour, model.plant, domain=pyo.NonNegativeReals)
    model.on = pyo.Var(model.hour, domain=pyo.Binary)
    costs = {"coal power": 20, "gas": 50}
    model.cost = pyo.Objective(
        expr=sum(costs[g] * model.p[t, g] for t in model.hour for g in model.plant)
        + sum(model.on[t] for t in model.hour)
    )
    model.demand = pyo.Constraint(model.hour, rule=lambda m, t: sum(m.p[t, g] for g in m.plant) == 10 * t)
    model.unit = pyo.Constraint(model.hour, rule=lambda m, t: m.p[t, "gas"] <= 100 * m.on[t])
    model.coal = pyo.Constraint(model.hour, rule=lambda m, t: (0, m.p[t, "coal power"], 15))
    model.write(str(path), io_options={"symbolic_solver_labels": True})
    return 3353.0


def of_linopy(path: Path, **words: Any) -> float:
    linopy: Any = pytest.importorskip("linopy")
    pandas: Any = pytest.importorskip("pandas")
    model = linopy.Model()
    hour, plant = pandas.RangeIndex(6, name="hour"), pandas.Index(["coal power", "wind/off-shore", "gas"], name="plant")
    p = model.add_variables(lower=0, coords=[hour, plant], name="Generator-p")
    size = model.add_variables(lower=0, upper=pandas.Series([50, 40, 60], plant), name="size")
    model.add_constraints(p - size <= 0, name="limit")
    model.add_constraints(p.sum("plant") == pandas.Series([30, 50, 70, 60, 40, 20], hour), name="load")
    model.add_objective((p * pandas.Series([20, 1, 50], plant)).sum() + 5 * size.sum())
    model.to_file(path, **words)
    return 1760.0


def of_linopy_by_names(path: Path) -> float:
    return of_linopy(path, explicit_coordinate_names=True)


def of_pypsa(path: Path) -> float:
    pypsa: Any = pytest.importorskip("pypsa")
    network = pypsa.Network()
    network.set_snapshots(range(4))
    network.add("Bus", ["DE 1", "FR"])
    network.add("Generator", "wind DE", bus="DE 1", p_nom=60, marginal_cost=0.1, p_max_pu=[0.3, 0.8, 0.1, 0.5])
    network.add("Generator", "gas FR", bus="FR", p_nom=200, marginal_cost=60)
    network.add("Line", "line", bus0="DE 1", bus1="FR", x=0.1, s_nom=70)
    network.add("Load", "load", bus="DE 1", p_set=[50, 40, 40, 70])
    model = network.optimize.create_model()
    model.to_file(path, explicit_coordinate_names=True)
    return 60 * (32 + 0 + 34 + 40) + 0.1 * (18 + 40 + 6 + 30)


@pytest.mark.parametrize(
    ("export", "name"),
    [
        (of_pyomo, "m.lp"),
        (of_pyomo, "m.mps"),
        (of_linopy, "m.lp"),
        (of_linopy, "m.mps"),
        (of_linopy_by_names, "m.mps"),
        (of_pypsa, "m.mps"),
    ],
)
def test_every_solver_finds_the_same_in_an_exported_model(
    export: Callable[[Path], float], name: str, cli: Cli, tmp_path: Path
) -> None:
    with warnings.catch_warnings(action="ignore"):
        objective = export(tmp_path / name)

    code, report = cli.scan(tmp_path / name, "--solver", "all", "--parallel", "--threads", "1")

    assert (code, report["comparison"]["agree"]) == (0, True), report
    assert {run["solver"] for run in report["runs"]} == set(NATIVE_SOLVERS)
    assert {run["verdict"] for run in report["runs"]} == {"optimal"}
    assert report["comparison"]["reference_objective"] == pytest.approx(objective)
    told = cli.run("diagnose", tmp_path / name)
    assert told.returncode == 0, told.stderr
    assert "Optimal" in told.stdout


def test_names_that_an_lp_file_cannot_hold_lead_to_an_mps_file(cli: Cli, tmp_path: Path) -> None:
    of_linopy_by_names(tmp_path / "m.lp")

    told = cli.run("diagnose", tmp_path / "m.lp")

    assert told.returncode == 2
    assert "signs such as `-`" in told.stderr
