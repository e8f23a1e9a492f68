from __future__ import annotations

import csv
import os
import signal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Cli, RunFolder, is_worker, processes_of, solvers_of
from tests.conftest import wait_until
from tests.recorded.install import install_recorded_gams

pytestmark = [pytest.mark.server, pytest.mark.timeout(120)]

THREE = ("-p", "dual", "-p", "sift", "-p", "bar_nox")
#: Each takes more than five seconds at its own speed.
LONG = ("-p", "sift", "-p", "bar", "-p", "bar_nox")


def by_profile(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {run["profile"]: run for run in report["runs"]}


def intervals(report: dict[str, Any]) -> list[tuple[int, int]]:
    return sorted((run["started_ms"], run["ended_ms"]) for run in report["runs"])


@pytest.mark.parametrize("mode", [(), ("--parallel",)])
def test_a_scan_says_the_same_in_a_chain_and_in_a_chord(
    cli: Cli, recorded: Path, run_folder: RunFolder, mode: tuple[str, ...]
) -> None:
    folder = run_folder("denselp")
    code, report = cli.scan(folder, "--gams-path", recorded, *mode)
    runs = by_profile(report)
    assert code == 0
    assert list(runs) == ["dual", "sift", "bar_nox"]
    assert {run["verdict"] for run in runs.values()} == {"optimal"}
    assert runs["sift"]["objective"] == pytest.approx(runs["dual"]["objective"], rel=1e-6)
    assert [run["basis"] for run in runs.values()] == ["vertex", "vertex", "interior"]
    assert report["recommendation"]["run"] in {run["run"] for run in runs.values()}


def test_a_scan_on_this_machine_keeps_the_cache_within_its_limit(
    cli: Cli, recorded: Path, run_folder: RunFolder
) -> None:
    old = cli.home / "cache" / "runs" / "20260101-000000-aaaa" / "cplex.dual.1"
    old.mkdir(parents=True)
    (old / "run.gdx").write_bytes(bytes(2_000_000))
    limits = {"TIMES_DOCTOR_CACHE_DIR": str(cli.home / "cache"), "TIMES_DOCTOR_CACHE_GB": "0.001"}
    code, report = cli.scan(run_folder("denselp"), "--gams-path", recorded, "-p", "dual", **limits)
    assert code == 0
    assert not old.exists()
    assert Path(report["runs"][0]["directory"]).is_dir()


@pytest.mark.long
def test_three_solves_overlap_in_a_chord_and_never_in_a_chain(cli: Cli, tmp_path: Path, run_folder: RunFolder) -> None:
    slow = install_recorded_gams(tmp_path / "slow", speed=1)
    folder = run_folder("denselp")
    common = (folder, "--gams-path", slow, "--threads", "1")
    _, chain = cli.scan(*common, *THREE)
    assert all(before[1] <= after[0] for before, after in pairwise(intervals(chain)))
    _, chord = cli.scan(*common, *LONG, "--parallel")
    first, second, _ = intervals(chord)
    assert second[0] < first[1]


def test_everything_a_scan_leaves_stands_in_its_folder(cli: Cli, recorded: Path, run_folder: RunFolder) -> None:
    folder = run_folder("cover", files=[("cplex.opt", "lpmethod 1\n")])
    code, report = cli.scan(folder, "--gams-path", recorded, "--parallel")
    out = folder / "times_doctor_out"
    scan = out / report["scan"]
    assert code == 0
    assert {path.name for path in out.iterdir()} == {
        report["scan"], "scan_report.csv", "scan_report.json", "scan_report.html",
    }  # fmt: skip
    assert (scan / "manifest.json").is_file()
    best = by_profile(report)[report["recommendation"]["run"].split(".")[1]]
    # Which is the fastest depends on the machine's load; the GDX of the recommended run alone comes by itself.
    brought = {"run.gdx"} if best["run"] == "cplex.dual" else set()
    assert {path.name for path in (scan / "scan_runs" / "cplex.dual").iterdir()} == brought | {
        "cplex.opt", "run.log", "run.lst", "trace.txt",
    }  # fmt: skip
    kept = scan / "scan_runs" / best["run"] / "cplex.opt"
    assert (scan / "recommended" / "cplex.opt").read_bytes() == kept.read_bytes()
    rows = list(csv.DictReader((out / "scan_report.csv").read_text("utf-8").splitlines()))
    assert [row["profile"] for row in rows] == ["current", "dual", "sift", "bar_nox"]
    assert list(rows[0])[:12] == [
        "profile", "solver", "model_status", "solver_status", "lp_status", "objective", "runtime", "runtime_seconds",
        "matrix_min", "matrix_max", "dir", "lst",
    ]  # fmt: skip
    assert (folder / "cplex.opt").read_text() == "lpmethod 1\n"


@pytest.mark.long
def test_a_second_scan_leaves_the_first_ones_results_alone(cli: Cli, recorded: Path, run_folder: RunFolder) -> None:
    folder = run_folder("cover")
    _, first = cli.scan(folder, "--gams-path", recorded, "-p", "dual")
    _, second = cli.scan(folder, "--gams-path", recorded, "-p", "bar")
    out = folder / "times_doctor_out"
    assert (out / first["scan"] / "scan_report.csv").is_file()
    assert (out / "scan_report.csv").read_bytes() == (out / second["scan"] / "scan_report.csv").read_bytes()


@pytest.mark.parametrize(
    ("model", "verdict", "state", "code"),
    [
        ("option_lp", "not_applied", "done", 4),
        ("optfile_zero", "not_applied", "done", 4),
        ("infeasible", "infeasible", "done", 4),
        ("unbounded", "unbounded", "done", 4),
        ("too_large", "licence", "failed", 3),
        ("broken", "compile_error", "failed", 3),
        ("aborts", "optimal", "done", 0),
        ("no_solve", "no_solve", "failed", 3),
        ("lp_limit", "limit", "done", 3),
        ("mkp", "optimal", "done", 0),
    ],
)
def test_each_way_to_end_comes_out_as_what_it_is(
    cli: Cli, recorded: Path, run_folder: RunFolder, model: str, verdict: str, state: str, code: int
) -> None:
    profile = "bar" if model == "lp_limit" else "dual"
    exit_code, report = cli.scan(run_folder(model), "--gams-path", recorded, "-p", profile)
    (run,) = report["runs"]
    assert (run["verdict"], run["state"], exit_code) == (verdict, state, code), run["sentence"]
    assert run["sentence"]
    assert run["next_step"]


@pytest.mark.long
def test_a_driver_that_overrules_the_solver_is_named_with_its_line(
    cli: Cli, recorded: Path, run_folder: RunFolder
) -> None:
    _, report = cli.scan(run_folder("option_lp"), "--gams-path", recorded, "-p", "dual")
    (run,) = report["runs"]
    assert "option_lp.gms:" in run["sentence"]
    assert report["recommendation"]["run"] is None


@pytest.mark.long
def test_a_time_limit_keeps_what_the_solver_had(cli: Cli, tmp_path: Path, run_folder: RunFolder) -> None:
    gams = install_recorded_gams(tmp_path / "gams", speed=1)
    code, report = cli.scan(run_folder("denselp"), "--gams-path", gams, "-p", "bar_nox", "--timeout-seconds", "1")
    (run,) = report["runs"]
    assert (run["verdict"], run["stop_reason"], run["state"]) == ("limit", "timeout", "done")
    assert code == 3


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGTERM])
def test_a_signal_without_a_terminal_cancels_reports_and_leaves_nothing(
    cli: Cli, tmp_path: Path, run_folder: RunFolder, number: signal.Signals
) -> None:
    gams = install_recorded_gams(tmp_path / "gams", speed=0.3)
    folder = run_folder("denselp")
    process = cli.start("scan", folder, "--gams-path", gams, "--parallel", "-p", "dual", "-p", "bar")
    wait_until(lambda: solvers_of(cli), what="GAMS runs")
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, (out, err)
    assert (folder / "times_doctor_out" / "scan_report.csv").is_file()
    wait_until(lambda: not processes_of(tmp_path), what="nothing is left")


@pytest.mark.long
def test_a_killed_command_line_leaves_no_process_and_no_folder(cli: Cli, tmp_path: Path, run_folder: RunFolder) -> None:
    gams = install_recorded_gams(tmp_path / "gams", speed=0.3)
    sockets = tmp_path / "run"
    sockets.mkdir(mode=0o700)
    process = cli.start(
        "scan", run_folder("denselp"), "--gams-path", gams, "--parallel", "-p", "dual", XDG_RUNTIME_DIR=str(sockets)
    )
    wait_until(lambda: solvers_of(cli), what="GAMS runs")
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=30)
    wait_until(lambda: not processes_of(tmp_path), what="nothing is left")
    assert list(sockets.iterdir()) == []


@pytest.mark.long
def test_a_killed_worker_is_replaced_and_the_run_ends_well(cli: Cli, tmp_path: Path, run_folder: RunFolder) -> None:
    gams = install_recorded_gams(tmp_path / "gams", speed=0.5)
    sockets = tmp_path / "run"
    sockets.mkdir(mode=0o700)
    process = cli.start(
        "scan", run_folder("denselp"), "--gams-path", gams, "-p", "bar", "--json", XDG_RUNTIME_DIR=str(sockets)
    )
    wait_until(lambda: solvers_of(cli), what="GAMS runs")
    workers = [p for p in processes_of(sockets) if is_worker(p)]
    min(workers, key=lambda p: p.create_time()).kill()
    out, err = process.communicate(timeout=90)
    assert process.returncode == 0, (out, err)
    assert '"attempt": 2' in out


@pytest.mark.long
def test_the_first_optimal_run_of_a_race_stops_the_others_and_nobody_failed(
    cli: Cli, tmp_path: Path, run_folder: RunFolder
) -> None:
    gams = install_recorded_gams(tmp_path / "gams", speed=0.5)
    words = ("--parallel", "--threads", "1", "-p", "dual", "-p", "bar_nox")
    code, report = cli.scan(run_folder("denselp"), "--gams-path", gams, *words, "--race")
    runs = by_profile(report)
    assert (runs["dual"]["verdict"], runs["bar_nox"]["state"]) == ("optimal", "cancelled")
    assert runs["bar_nox"]["stop_reason"] == "beaten"
    assert code == 0
