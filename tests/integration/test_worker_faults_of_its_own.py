from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import wait_until
from tests.integration.workers import PATIENCE_S, Team, endless_mps
from tests.recorded.install import install_recorded_gams
from times_doctor_tasks.contract.messages import ScanSpec
from times_doctor_tasks.contract.states import RunState, StopReason, Verdict

RECORDED = Path(__file__).parents[1] / "recorded"
pytestmark = [pytest.mark.long, pytest.mark.server, pytest.mark.timeout(120)]


class Python:
    """An interpreter that can be taken away: HiGHS is started with it."""

    def __init__(self, folder: Path) -> None:
        self.program = folder / "bin" / "python"
        self.program.parent.mkdir(parents=True)
        (folder / "pyvenv.cfg").write_text((Path(sys.prefix) / "pyvenv.cfg").read_text())
        (folder / "lib").symlink_to(Path(sys.prefix) / "lib")
        self.put_back()

    def take_away(self) -> None:
        self.program.unlink()

    def put_back(self) -> None:
        self.program.symlink_to(Path(sys.executable).resolve())


@pytest.fixture
def python(tmp_path: Path) -> Python:
    return Python(tmp_path / "venv")


def test_a_host_whose_engine_broke_steps_aside_and_another_one_runs_it(team: Team, python: Python) -> None:
    broken = team.worker("h1", "--role", "solve", python=python.program)
    python.take_away()
    spec = team.submit({"a": ""})

    broken.wait_for("engine_out")
    broken.wait_for("handed_back")

    def steps_aside() -> bool:
        card = team.store.host("h1")
        return card is not None and card.queues == ("host.h1",) and any("out of rotation" in n for n in card.notes)

    wait_until(steps_aside, timeout_s=PATIENCE_S, what="its card says so")
    assert team.status(spec, "a").state in {RunState.QUEUED, RunState.PARKED}
    team.worker("h2")
    report = team.report(spec)
    assert [(a.host, a.ended_as.split(":")[0]) for a in report.runs[0].attempts] == [
        ("h1", "h1 cannot run it"),
        ("h2", "done"),
    ]
    pinned = team.submit({"b": ""}, queue="host.h1")
    team.wait_for_state(pinned, "b", RunState.PARKED)
    assert "out of rotation" in team.status(pinned, "b").reason


def test_a_run_that_no_host_can_run_ends_as_failed_and_names_them(team: Team, python: Python) -> None:
    for name in ("h1", "h2", "h3"):
        team.worker(name, "--role", "solve" if name != "h1" else "both", python=python.program)
    python.take_away()

    run = team.report(team.submit({"a": ""})).runs[0]

    assert (run.state, run.attempt) == (RunState.FAILED, 3)
    assert run.sentence.startswith("No host could run it: h")
    assert all(name in run.sentence for name in ("h1", "h2", "h3"))


def test_a_run_that_ends_every_worker_it_touches_ends_as_failed_and_names_them(team: Team) -> None:
    control = team.worker("c", "--role", "control")
    spec = team.submit({"poison": ""}, model=endless_mps(), lease_s=1.0)
    for name in ("h1", "h2", "h3"):
        control.signal(signal.SIGSTOP)  # so that it takes nobody for dead who is only slow
        worker = team.worker(name, "--role", "solve")
        team.wait_for_state(spec, "poison", RunState.RUNNING, host=name)
        worker.kill()
        control.signal(signal.SIGCONT)
        wait_until(
            lambda: team.status(spec, "poison").state is not RunState.RUNNING, timeout_s=PATIENCE_S, what="it is found"
        )

    run = team.report(spec).runs[0]

    assert (run.state, run.stop_reason) == (RunState.FAILED, StopReason.HOST_LOST)
    assert run.sentence == "Every worker that ran it ended: h1, h2, h3."


def test_a_model_beyond_a_licence_is_the_models_affair_but_a_licence_that_ended_is_the_hosts(
    team: Team, tmp_path: Path
) -> None:
    gams = install_recorded_gams(tmp_path / "gams", speed=0)
    worker = team.worker("h1", GAMS_PATH=str(gams))
    model = (RECORDED / "models" / "too_large.gms").read_bytes()

    def submit() -> ScanSpec:
        return team.submit({"dual": "lpmethod 2\n"}, model=model, engine="gams", solver="cplex", driver="too_large.gms")

    run = team.report(submit()).runs[0]
    assert (run.state, run.verdict) == (RunState.FAILED, Verdict.LICENCE)
    assert not worker.has_said("engine_out")

    install_recorded_gams(gams, speed=0, licence_until="Nov 20, 2026")
    spec = submit()
    worker.wait_for("handed_back")
    assert "The GAMS demo licence ended on 2026-11-20" in team.store.statuses(spec)["cplex.dual"].reason

    def offers_no_gams() -> bool:
        card = team.store.host("h1")
        return card is not None and "gams" not in card.engines

    wait_until(offers_no_gams, timeout_s=PATIENCE_S, what="its card offers no GAMS")
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0


def test_a_run_that_is_refused_a_licence_waits_for_one_as_long_as_it_was_told(team: Team, tmp_path: Path) -> None:
    gams = install_recorded_gams(tmp_path / "gams", speed=0)
    team.worker("h1", GAMS_PATH=str(gams))
    model = (RECORDED / "models" / "too_large.gms").read_bytes()
    given: dict[str, str] = {"engine": "gams", "solver": "cplex", "driver": "too_large.gms"}
    spec = team.submit({"dual": "lpmethod 2\n"}, model=model, wait_licence_s=4.0, **given)  # type: ignore[arg-type]

    def waits() -> bool:
        status = team.store.statuses(spec)["cplex.dual"]
        return (status.state, status.reason) == (RunState.PARKED, "handed back: no licence on h1")

    wait_until(waits, timeout_s=PATIENCE_S, what="it waits, and says why")
    run = team.report(spec).runs[0]
    assert (run.state, run.verdict) == (RunState.FAILED, Verdict.LICENCE)
    assert len(run.attempts) >= 2
    assert {attempt.ended_as for attempt in run.attempts[:-1]} == {"handed back: no licence on h1"}


def test_a_run_that_takes_more_memory_than_it_was_given_is_stopped(team: Team) -> None:
    team.worker("h1")

    run = team.report(team.submit({"a": ""}, model=endless_mps(), mem_mb=10)).runs[0]

    assert (run.state, run.verdict, run.stop_reason) == (RunState.FAILED, Verdict.LIMIT, StopReason.OUT_OF_MEMORY)
    assert "and was given 10 MB" in run.sentence


def test_a_model_too_big_for_the_disk_is_refused_before_it_is_staged(team: Team, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    # A disk of its own, which nobody else sees, with a little more room than a worker wants to keep free.
    within = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o size=96m td-test "$0" && exec "$@"', str(disk)]
    tried = subprocess.run([*within, "true"], capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"a disk that is full needs the right to mount one: {tried.stderr.strip()}")
    full = team.worker("h1", "--role", "solve", within=within, TIMES_DOCTOR_CACHE_DIR=str(disk))
    spec = team.submit({"a": ""}, model=b"*" * 60_000_000)

    full.wait_for("engine_out")
    full.wait_for("handed_back")

    reason = team.status(spec, "a").reason
    assert f"the disk of {disk} is full" in reason
    assert "No space left" not in reason
    full.signal(signal.SIGTERM)
    assert full.wait(PATIENCE_S) == 0
