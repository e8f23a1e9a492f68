from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import wait_until
from tests.recorded import recorded_gams
from tests.recorded.install import install_recorded_gams

from times_doctor_tasks.parsers.gams.trace import TraceRow, read_trace
from times_doctor_worker.engines.gams_installation import find_gams

HERE = Path(__file__).parent
INDEX: list[dict[str, Any]] = json.loads((HERE.parent / "data" / "recordings" / "index.json").read_text())

pytestmark = pytest.mark.timeout(60)


class Run:
    """One start of the stand-in, with the command line that the worker uses."""

    def __init__(self, gams: Path, folder: Path, driver: str, options: dict[str, str], solver: str = "CPLEX") -> None:
        self.folder = folder
        (folder / f"{solver.lower()}.opt").write_text("".join(f"{k} {v}\n" for k, v in options.items()))
        words = [driver, f"LP={solver}", "optfile=1", "lo=2", "logfile=run.log", "o=run.lst", "trace=trace.txt"]
        self.process = subprocess.Popen([gams / "gams", *words], cwd=folder, start_new_session=True)

    @property
    def log(self) -> str:
        path = self.folder / "run.log"
        return path.read_text() if path.exists() else ""

    def wait_for(self, text: str) -> None:
        wait_until(lambda: text in self.log, what=text)

    def rows(self) -> list[TraceRow]:
        return read_trace((self.folder / "trace.txt").read_text())

    def children(self) -> dict[str, int]:
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if os.getpgid(int(folder.name)) == self.process.pid:
                    found[(folder / "comm").read_text().strip()] = int(folder.name)
            except OSError:
                continue
        return found

    def child(self, name: str) -> int:
        wait_until(lambda: name in self.children(), what=name)
        return self.children()[name]


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., Run]:
    def start(driver: str, profile: str, *, speed: float) -> Run:
        gams = install_recorded_gams(tmp_path / "gams", speed=speed)
        entry = next(entry for entry in INDEX if (entry["driver"], entry["profile"]) == (driver, profile))
        folder = tmp_path / "work"
        folder.mkdir(exist_ok=True)
        return Run(gams, folder, f"{driver}.gms", entry["options"], entry["solver"])

    return start


@pytest.mark.parametrize("entry", INDEX, ids=lambda entry: f"{entry['driver']}.{entry['profile']}")
def test_every_recording_is_found_and_replayed_to_its_end(start: Callable[..., Run], entry: dict[str, Any]) -> None:
    run = start(entry["driver"], entry["profile"], speed=0)

    code = run.process.wait()

    assert code == {"too_large": 7, "broken": 2, "missing_file": 2, "aborts": 3, "unknown_solver": 6}.get(
        entry["driver"], 0
    )
    assert run.log.startswith("--- Job ")
    assert f"{run.folder}/cplex.opt" in run.log or "--- Reading option file" not in run.log
    assert "@" not in run.log.replace("support@gams.com", "").replace("sales@gams.com", "")
    assert sorted(path.suffix for path in run.folder.iterdir()) == [".log", ".lst", ".opt", ".txt"]
    assert len({row.solver for row in run.rows()}) <= 1


class Clock:
    """Stands in for the module `time`: whoever sleeps moves it on."""

    strftime, time = staticmethod(time.strftime), staticmethod(time.time)

    def __init__(self) -> None:
        self.now_s = 500.0

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.mark.parametrize("speed", [1.0, 10.0])
def test_each_line_is_replayed_at_its_recorded_time_or_as_much_earlier_as_was_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, speed: float
) -> None:
    clock = Clock()
    monkeypatch.setattr(recorded_gams, "time", clock)
    monkeypatch.setattr(recorded_gams, "SPEED", speed)
    monkeypatch.chdir(tmp_path)
    entry = next(entry for entry in INDEX if (entry["driver"], entry["profile"]) == ("lp_limit", "bar_nox"))
    recording = recorded_gams._load(entry["file"])
    replay = recorded_gams.Cmex(recorded_gams.Call(["lp_limit.gms", "lo=0"]), recording)
    lines = recording["variants"]["complete"]["log"]

    for line in lines:
        replay._play(line)
        assert clock.now_s - 500.0 == pytest.approx(line[0] / speed)

    assert lines[-1][0] > 3


def test_a_replay_takes_at_least_the_recorded_time(start: Callable[..., Run]) -> None:
    begin_s = time.monotonic()
    for _ in range(2):
        run = start("lp_limit", "bar_nox", speed=2)
        run.process.wait()

    assert time.monotonic() - begin_s > 3.0
    assert len(run.rows()) == 2  # GAMS appends to a trace file


def test_the_log_grows_while_the_solver_works(start: Callable[..., Run]) -> None:
    run = start("denselp", "bar_nox", speed=0.5)
    run.wait_for("\n   2 ")
    size = len(run.log)
    wait_until(lambda: len(run.log) > size, what="the log grows")

    assert "--- Reading solution" not in run.log
    os.killpg(run.process.pid, signal.SIGKILL)
    run.process.wait()


def test_the_number_of_threads_is_echoed_as_asked(start: Callable[..., Run], tmp_path: Path) -> None:
    options = {**next(e for e in INDEX if e["profile"] == "dual")["options"], "threads": "4"}
    folder = tmp_path / "work"
    folder.mkdir()

    run = Run(install_recorded_gams(tmp_path / "gams", speed=0), folder, "denselp.gms", options)
    run.process.wait()

    assert "--- Setting 'threads': 4\n" in run.log


def test_sigint_to_gams_ends_a_barrier_with_what_it_has(start: Callable[..., Run]) -> None:
    run = start("denselp", "bar_nox", speed=0.5)
    run.wait_for("\n   2 ")

    run.process.send_signal(signal.SIGINT)

    assert run.process.wait() == 0
    assert "LP status (13): user aborted" in run.log
    assert [(row.model_status, row.solver_status) for row in run.rows()] == [(6, 8)]
    assert "**** SOLVER STATUS     8 User Interrupt" in (run.folder / "run.lst").read_text()
    assert not (run.folder / "225a").exists()


def test_sigint_before_the_solver_is_an_execution_error(start: Callable[..., Run]) -> None:
    run = start("denselp", "bar_nox", speed=0.1)
    run.wait_for("--- Starting compilation")

    run.process.send_signal(signal.SIGINT)

    assert run.process.wait() == 3
    assert "*** Status: Execution error(s)" in run.log
    assert run.rows() == []


def test_loss_of_the_solver_alone_is_a_system_failure(start: Callable[..., Run]) -> None:
    run = start("denselp", "bar_nox", speed=0.5)

    os.kill(run.child("gmsgenux.out"), signal.SIGKILL)

    assert run.process.wait() == 0
    assert [(row.model_status, row.solver_status) for row in run.rows()] == [(13, 13)]


def test_loss_of_gamscmex_alone_orphans_the_solver(start: Callable[..., Run]) -> None:
    run = start("denselp", "bar_nox", speed=0.5)
    solver = run.child("gmsgenux.out")

    os.kill(run.child("gamscmex.out"), signal.SIGKILL)

    assert run.process.wait() == 144
    assert run.children()["gmsgenux.out"] == solver
    os.kill(solver, signal.SIGKILL)


def test_sigterm_to_gams_alone_orphans_the_rest_which_goes_on_writing(start: Callable[..., Run]) -> None:
    run = start("denselp", "bar_nox", speed=0.5)
    run.child("gmsgenux.out")

    run.process.terminate()

    assert run.process.wait() == -15
    size = len(run.log)
    wait_until(lambda: len(run.log) > size)
    assert (run.folder / "225a").exists()
    os.killpg(run.process.pid, signal.SIGKILL)


def test_sigterm_to_the_group_ends_all_of_it(start: Callable[..., Run]) -> None:
    run = start("mkp", "dual", speed=0.5)
    run.child("gmsgenux.out")

    os.killpg(run.process.pid, signal.SIGTERM)

    assert run.process.wait() == -15
    wait_until(lambda: not _living(run))
    assert not (run.folder / "trace.txt").exists()


def test_a_driver_may_name_the_recording_it_wants(start: Callable[..., Run], tmp_path: Path) -> None:
    driver = tmp_path / "my case.run"
    driver.write_text("$title mine\n* recording: infeasible\n")
    options = next(e for e in INDEX if (e["driver"], e["profile"]) == ("infeasible", "dual"))["options"]
    folder = tmp_path / "work"
    folder.mkdir()

    run = Run(install_recorded_gams(tmp_path / "gams", speed=0), folder, str(driver), options)

    assert run.process.wait() == 0
    assert [row.model_status for row in run.rows()] == [4]
    assert f"Input {driver}" in run.log
    assert "--- my case.run(" in run.log


def test_a_run_that_nobody_recorded_says_which_there_are(tmp_path: Path) -> None:
    gams = install_recorded_gams(tmp_path / "gams")

    done = subprocess.run([gams / "gams", "other.gms", "lo=2"], cwd=tmp_path, capture_output=True, text=True)

    assert done.returncode == 1
    assert "no recording of 'other'" in done.stderr
    assert "denselp.bar_nox" in done.stderr


def test_the_stand_in_is_found_as_a_gams_with_cplex(tmp_path: Path) -> None:
    system = find_gams(explicit=install_recorded_gams(tmp_path / "gams"))

    assert (system.version, system.licence.kind, system.licence.expires) == ("54.6.1", "demo", None)
    assert system.usable_solvers() == ("cplex",)


def _living(run: Run) -> list[int]:
    # A zombie has no memory map; who reaps orphans differs from machine to machine.
    return [pid for pid in run.children().values() if _maps(pid)]


def _maps(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/maps").read_text()
    except OSError:  # it was reaped meanwhile
        return ""
