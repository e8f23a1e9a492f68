from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.conftest import Cli
from tests.conftest import Server, wait_until
from tests.integration.workers import TINY_MPS
from tests.solvers import models
from tests.solvers.conftest import require
from times_doctor_tasks.contract.hosts import NATIVE_SOLVERS

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]

require("cplex")
#: What each host of the team has.
HOSTS = {"h1": "cplex", "h2": "gurobi,highs", "h3": "xpress,copt"}


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    (tmp_path / "home").mkdir()
    return Cli(tmp_path / "home")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "small.lp"
    path.write_text(models.LP)
    return path


def test_all_solvers_of_this_machine_run_their_default_sets(cli: Cli, model: Path) -> None:
    code, report = cli.scan(model, "--solver", "all", "--parallel", "--threads", "1")
    assert code == 0, report
    assert {run["solver"] for run in report["runs"]} == set(NATIVE_SOLVERS)
    assert {run["verdict"] for run in report["runs"]} == {"optimal"}
    assert report["comparison"]["agree"]
    assert {run["solver"]: bool(run["solver_version"]) for run in report["runs"]} == dict.fromkeys(NATIVE_SOLVERS, True)


def test_a_winner_of_cplex_comes_as_the_file_that_gams_reads(cli: Cli, model: Path, tmp_path: Path) -> None:
    code, _ = cli.scan(model, "-p", "cplex:sift", "-p", "cplex:bar_nox", "--out", tmp_path / "out")
    assert code == 0
    options = next(tmp_path.glob("out/**/recommended/cplex.opt")).read_text()
    assert "lpmethod 5" in options
    assert "names no" in options


def test_an_option_of_gams_only_is_said_and_left_out(cli: Cli, model: Path, tmp_path: Path) -> None:
    (tmp_path / "cplex.opt").write_text("lpmethod 2\nrerun yes\n")
    done = cli.run("scan", model, "--solver", "cplex", "--opt-file", tmp_path / "cplex.opt")
    assert done.returncode == 0, done.stderr
    assert "'rerun' exists only in GAMS" in " ".join(done.stdout.split())


def test_an_option_that_no_version_knows_stops_the_scan_before_it_starts(cli: Cli, model: Path, tmp_path: Path) -> None:
    (tmp_path / "gurobi.opt").write_text("metod 2\n")
    done = cli.run("scan", model, "--solver", "gurobi", "--opt-file", tmp_path / "gurobi.opt")
    assert done.returncode == 2
    assert "'metod' is not an option of GUROBI" in done.stderr
    assert "Did you mean 'method'?" in done.stderr


def test_a_model_beyond_a_licence_is_told_and_the_others_go_on(cli: Cli, tmp_path: Path) -> None:
    path = models.beyond(tmp_path, 1500)
    code, report = cli.scan(path, "-p", "cplex:dual", "-p", "highs:dual")
    verdicts = {run["run"]: (run["verdict"], run["sentence"]) for run in report["runs"]}
    assert code == 3
    assert verdicts["highs.dual"][0] == "optimal"
    assert verdicts["cplex.dual"][0] == "licence"
    assert "1,500 columns, and the free licence takes 1,000 rows and 1,000 columns" in verdicts["cplex.dual"][1]


def test_the_commands_of_the_page_about_exports_run(cli: Cli) -> None:
    page = (Path(__file__).parents[2] / "docs" / "export.md").read_text("utf-8")
    lines = [line.partition("#")[0].split() for line in page.splitlines() if line.startswith("times-doctor ")]
    assert ["check"] in [words[1:] for words in lines]
    (cli.home / "model.mps").write_bytes(TINY_MPS)
    for words in lines:
        done = cli.run(*words[1:])
        assert done.returncode == 0, (words, done.stdout, done.stderr)


def test_the_demo_runs_the_reference_profiles_on_cplex(cli: Cli, tmp_path: Path) -> None:
    done = cli.run("demo", tmp_path / "demo", "--solvers")
    assert done.returncode == 0, done.stderr
    for name in ("cplex.dual", "cplex.sift", "cplex.bar_nox"):
        assert f"{name}" in done.stdout


def start_worker(name: str, home: Path, environ: dict[str, str]) -> subprocess.Popen[str]:
    (home / "tmp").mkdir(parents=True)
    own = {
        "PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(home / "tmp"),
        "TIMES_DOCTOR_CACHE_DIR": str(home / "cache"), "TIMES_DOCTOR_ENGINES": HOSTS[name],
    }  # fmt: skip
    words = ["worker", "--name", name, "--slots", "1", "--threads", "2"]
    argv = [sys.executable, "-c", "from times_doctor_cli.entry import main; main()", *words]
    with (home / "log").open("w") as log:
        return subprocess.Popen(argv, env=environ | own, stdout=log, stderr=log, text=True, cwd=home)


@pytest.fixture
def team(server: Server, tmp_path: Path) -> Iterator[dict[str, str]]:
    environ = {"TIMES_DOCTOR_BROKER_URL": server.url, "TIMES_DOCTOR_KEY_PREFIX": f"n{uuid.uuid4().hex[:8]}"}
    workers = [start_worker(name, tmp_path / name, environ) for name in HOSTS]
    (tmp_path / "probe").mkdir()
    probe = Cli(tmp_path / "probe")

    def live() -> set[str]:
        done = probe.run("hosts", "--json", **environ)
        cards = json.loads(done.stdout)["hosts"] if done.stdout else []
        return {card["host"] for card in cards if card["engines"]}

    try:
        wait_until(lambda: live() >= set(HOSTS), timeout_s=120, what="all hosts are there")
        yield environ
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait(60)


def test_three_hosts_with_different_solvers_serve_one_mixed_scan(cli: Cli, model: Path, team: dict[str, str]) -> None:
    shown = cli.run("hosts", **team).stdout
    assert "CPLEX 22" in shown
    assert "size-limited: 1,000 rows" in shown
    asked = ("-p", "cplex:dual", "-p", "gurobi:bar", "-p", "highs:dual", "-p", "xpress:dual", "-p", "copt:bar_nox")

    code, report = cli.scan(model, *asked, "--queue", "--parallel", **team)

    assert code == 0, report
    assert {run["run"]: run["host"] for run in report["runs"]} == {
        "cplex.dual": "h1", "gurobi.bar": "h2", "highs.dual": "h2", "xpress.dual": "h3", "copt.bar_nox": "h3",
    }  # fmt: skip
    lacking = cli.run("scan", model, "-p", "highs:hipo", "--queue", **team)
    assert lacking.returncode == 5
    assert "No live host has hipo" in lacking.stderr
