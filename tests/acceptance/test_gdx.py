"""GDX files from hosts that share nothing but the broker, as a person fetches them."""

from __future__ import annotations

import contextlib
import importlib
import json
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Cli, RunFolder
from tests.acceptance.test_queue import SLOW, detach, document, start_worker, wait_for_running
from tests.conftest import Server, wait_until
from tests.recorded.install import install_recorded_gams
from times_doctor_worker.engines.gams_installation import find_gams

pytestmark = [pytest.mark.long, pytest.mark.server, pytest.mark.timeout(120)]

VEDA = Path(__file__).parents[1] / "data" / "veda"
TWO = ("-p", "dual", "-p", "primal", "--parallel", "--threads", "1")


class Hosts:
    """Two hosts and a laptop of a team of their own."""

    def __init__(self, folder: Path, server: Server, gams: Path) -> None:
        self.folder = folder
        self.gams = gams
        self.environ = {"TIMES_DOCTOR_BROKER_URL": server.url, "TIMES_DOCTOR_KEY_PREFIX": f"g{uuid.uuid4().hex[:8]}"}
        (folder / "laptop").mkdir()
        self.laptop = Cli(folder / "laptop")
        self.laptop.environ |= self.environ | {"TIMES_DOCTOR_HOST": "laptop"}
        self.workers: dict[str, subprocess.Popen[str]] = {}
        for name in ("h1", "h2"):
            self.start(name)
        wait_until(lambda: self.live() == {"h1", "h2"}, timeout_s=60, what="both hosts are there")

    def start(self, name: str) -> None:
        self.workers[name] = start_worker(name, self.folder / name, self.environ, self.gams)

    def live(self) -> set[str]:
        cards = document(self.laptop.run("hosts", "--json"))["hosts"]
        return {card["host"] for card in cards if "solve" in card["roles"]}

    def kill(self, name: str) -> None:
        self.workers[name].kill()
        self.workers[name].wait()

    def folder_of(self, run: dict[str, Any]) -> Path:
        folder = Path(run["directory"])
        assert folder.is_relative_to(self.folder / run["host"])
        return folder

    def close(self) -> None:
        for worker in self.workers.values():
            worker.terminate()
        for worker in self.workers.values():
            worker.wait(timeout=30)


@pytest.fixture
def make_hosts(tmp_path: Path, server: Server) -> Iterator[Callable[[Path], Hosts]]:
    with contextlib.ExitStack() as stack:

        def make(gams: Path) -> Hosts:
            hosts = Hosts(tmp_path, server, gams)
            stack.callback(hosts.close)
            return hosts

        yield make


@pytest.fixture
def hosts(make_hosts: Callable[[Path], Hosts], tmp_path: Path) -> Hosts:
    return make_hosts(install_recorded_gams(tmp_path / "gams", speed=SLOW))


def scanned(hosts: Hosts, folder: Path, *words: str) -> tuple[dict[str, dict[str, Any]], str, Path]:
    """Its runs by profile, its id, and the folder of its files."""
    code, report = hosts.laptop.scan(folder, "--queue", *(words or TWO))
    assert code == 0
    runs = {run["profile"]: run for run in report["runs"]}
    return runs, report["scan"], folder / "times_doctor_out" / report["scan"]


def gdx_files(out: Path) -> set[str]:
    return {path.parent.name for path in out.rglob("run.gdx")}


def test_every_gdx_comes_from_its_host_while_all_slots_solve(hosts: Hosts, run_folder: RunFolder) -> None:
    runs, scan, out = scanned(hosts, run_folder("denselp"))
    assert len(gdx_files(out)) == 1  # the recommended one, unasked
    for run in runs.values():
        (hosts.folder_of(run) / "run.gdx").write_text(f"gdx of {run['run']} on {run['host']}\n")
    shutil.rmtree(out)
    busy = detach(hosts.laptop, run_folder("denselp", "busy"), "--parallel", "-p", "bar", "-p", "sift", "-p", "auto")
    wait_for_running(hosts.laptop, busy, runs=2)
    done = hosts.laptop.run("fetch", scan, "--gdx")
    assert done.returncode == 0, done.stderr
    for run in runs.values():
        assert (out / "scan_runs" / run["run"] / "run.gdx").read_text() == f"gdx of {run['run']} on {run['host']}\n"
        assert f"GDX of {run['run']}: scan_runs/{run['run']}/run.gdx" in done.stdout
    again = document(hosts.laptop.run("fetch", scan, "--gdx", "-p", "dual", "--json"))
    assert [(one["run"], one["came"]) for one in again["gdx"]] == [("cplex.dual", True)]
    hosts.laptop.run("cancel", busy, "--now")


def test_a_host_that_is_gone_and_a_folder_that_was_pruned_cost_a_sentence_each(
    hosts: Hosts, run_folder: RunFolder
) -> None:
    runs, scan, out = scanned(hosts, run_folder("denselp"), *TWO, "-p", "auto")
    at = {run["host"]: run for run in runs.values()}
    assert set(at) == {"h1", "h2"}
    shutil.rmtree(out)
    pruned = hosts.folder_of(at["h1"])
    shutil.rmtree(pruned)
    (pruned.parent / f".{pruned.name}.lock").unlink()
    hosts.kill("h2")
    wait_until(lambda: hosts.live() == {"h1"}, timeout_s=40, what="h2 is gone")
    done = hosts.laptop.run("fetch", scan, "--gdx", "--json")
    assert done.returncode == 5, done.stderr
    why = {one["run"]: one["why"] for one in json.loads(done.stdout)["gdx"]}
    assert f"gone: h1 has removed {pruned}" in why[at["h1"]["run"]]
    assert f"stays on h2 in {at['h2']['directory']}: h2 is not live" in why[at["h2"]["run"]]
    others = {run["run"] for run in runs.values() if run["host"] == "h1"} - {at["h1"]["run"]}
    assert gdx_files(out) == others
    assert (out / "scan_report.json").is_file()


def test_a_recommended_gdx_whose_host_is_gone_costs_a_sentence_and_no_exit_code(
    hosts: Hosts, run_folder: RunFolder
) -> None:
    runs, scan, out = scanned(hosts, run_folder("denselp"), "-p", "dual", "--hosts", "h2")
    shutil.rmtree(out)
    hosts.kill("h2")
    wait_until(lambda: hosts.live() == {"h1"}, timeout_s=40, what="h2 is gone")
    fetched = hosts.laptop.run("fetch", scan)
    assert fetched.returncode == 0
    assert f"The GDX of cplex.dual stays on h2 in {runs['dual']['directory']}: h2 is not live." in fetched.stderr
    assert (out / "scan_runs" / "cplex.dual" / "run.lst").is_file()


@pytest.mark.gams
def test_real_gams_files_are_those_that_the_hosts_have(make_hosts: Callable[[Path], Hosts], tmp_path: Path) -> None:
    hosts = make_hosts(find_gams().path.parent)
    hosts.laptop.run("demo", tmp_path / "demo")
    runs, scan, out = scanned(hosts, tmp_path / "demo" / "parscen")
    (unasked,) = gdx_files(out)
    assert hosts.laptop.run("fetch", scan, "--gdx").returncode == 0
    for run in runs.values():
        kept = (hosts.folder_of(run) / "run.gdx").read_bytes()
        assert b"GAMSGDX" in kept[:64]
        assert (out / "scan_runs" / run["run"] / "run.gdx").read_bytes() == kept
    assert unasked in gdx_files(out) == {run["run"] for run in runs.values()}


def test_after_a_scan_on_this_machine_the_recommended_gdx_is_beside_its_files(
    cli: Cli, run_folder: RunFolder, recorded: Path
) -> None:
    folder = run_folder("denselp")
    code, report = cli.scan(folder, "--gams-path", recorded, "-p", "dual", "-p", "primal")
    assert code == 0
    out = folder / "times_doctor_out" / report["scan"]
    assert gdx_files(out) == {report["recommendation"]["run"]}


def veda_case(folder: Path) -> Path:
    """A run folder as VEDA leaves it, whose VTRUN.CMD makes results for VEDA."""
    shutil.copy(VEDA / "tiny.vdd", folder / "times2veda.vdd")
    script = "gams denselp.gms lo=1 gdx=GAMSSAVE\\case_a\r\nGDX2VEDA GAMSSAVE\\case_a times2veda.vdd case_a_1103\r\n"
    (folder / "VTRUN.CMD").write_bytes(script.encode())
    return folder


def install_gams_with_gdx2veda(folder: Path, speed: float) -> Path:
    gamspy_base = importlib.import_module("gamspy_base")
    gams = install_recorded_gams(folder, speed=speed, gdx=VEDA / "tiny.gdx")
    # A script: the tool looks for its libraries beside its own name.
    (gams / "gdx2veda").write_text(f'#!/bin/sh\nexec {gamspy_base.directory}/gdx2veda "$@"\n')
    (gams / "gdx2veda").chmod(0o755)
    return gams


def results_for_veda(out: Path) -> dict[str, list[str]]:
    return {path.parent.name: sorted(file.name for file in path.iterdir()) for path in out.rglob("veda")}


FILES = ["case_a_1103.vd", "case_a_1103.vde", "case_a_1103.vds"]


def test_after_a_scan_on_this_machine_the_recommended_runs_results_for_veda_are_there(
    cli: Cli, run_folder: RunFolder, tmp_path: Path
) -> None:
    folder = veda_case(run_folder("denselp"))
    gams = install_gams_with_gdx2veda(tmp_path / "gams", speed=0)
    code, report = cli.scan(folder, "--gams-path", gams, "-p", "dual", "-p", "primal")
    assert code == 0
    out = folder / "times_doctor_out" / report["scan"]
    assert results_for_veda(out) == {report["recommendation"]["run"]: FILES}


def test_results_for_veda_come_from_the_host_that_has_the_gdx(
    make_hosts: Callable[[Path], Hosts], run_folder: RunFolder, tmp_path: Path
) -> None:
    hosts = make_hosts(install_gams_with_gdx2veda(tmp_path / "gams", speed=0))
    folder = veda_case(run_folder("denselp"))
    done = hosts.laptop.run("scan", folder, "--queue", *TWO)
    assert done.returncode == 0, done.stderr
    (out,) = [path for path in (folder / "times_doctor_out").iterdir() if path.is_dir()]
    (recommended,) = gdx_files(out)
    assert f"Results for VEDA of {recommended}: scan_runs/{recommended}/veda" in done.stdout
    assert results_for_veda(out) == {recommended: FILES}

    shutil.rmtree(out)
    assert hosts.laptop.run("fetch", out.name, "--gdx").returncode == 0
    assert results_for_veda(out) == {"cplex.dual": FILES, "cplex.primal": FILES}
