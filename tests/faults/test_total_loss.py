from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.conftest import MODELS, Cli
from tests.conftest import wait_until
from tests.faults.bed import STOPPED_WITHIN_S, Bed
from tests.faults.broker import Door, PortBroker
from tests.faults.counting import Tell
from tests.faults.guarded_door import also_guarded
from times_doctor_tasks.contract.states import RunState

pytestmark = [pytest.mark.server, pytest.mark.faults, pytest.mark.timeout(300)]


@pytest.fixture
def forgetful(tmp_path: Path, door: Door) -> Iterator[Bed]:
    """A team whose server keeps nothing on disk."""
    broker = PortBroker("--appendonly", "no", door=door)
    bed = Bed(tmp_path, broker)
    yield bed
    bed.close()
    broker.close()


@pytest.fixture
def start(forgetful: Bed, tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """A scan of two endless runs from somebody's desk."""
    desks: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        bed, home = forgetful, tmp_path / "home"
        folder = home / "case"
        folder.mkdir(parents=True)
        (folder / "denselp.gms").write_bytes((MODELS / "denselp.gms").read_bytes())
        bed.set_speed(0.01)
        desk = Cli(home).start(
            "scan", folder, "--queue", "--parallel", "-p", "dual", "-p", "bar", **bed.desk_environ
        )  # fmt: skip
        desks.append(desk)
        return desk

    yield start
    for desk in desks:
        desk.kill()
        desk.communicate()


@also_guarded
@pytest.mark.parametrize("away_s", [0.0, 1.0, 6.0])
def test_a_server_that_comes_back_empty_ends_the_scan_in_words_and_its_solvers_and_takes_the_next(
    forgetful: Bed, tell: Tell, start: Callable[[], subprocess.Popen[str]], away_s: float
) -> None:
    bed = forgetful
    bed.control()
    workers = [bed.host(name) for name in ("h1", "h2")]
    desk = start()
    wait_until(lambda: len(bed.witness.now()) == 2, timeout_s=40, what="both are solved")

    bed.port_broker.restart(after_s=away_s)
    tell(faults=1)

    _, said = desk.communicate(timeout=60)
    assert desk.returncode == 5, said
    assert "it lost its data" in said
    wait_until(lambda: not bed.witness.now(), timeout_s=STOPPED_WITHIN_S, what="no solver works for nobody")
    spec = bed.submit_gams("bar", "dual", speed=4.0)
    assert [run.state for run in bed.report(spec, timeout_s=60).runs] == [RunState.DONE] * 2
    assert all(worker.process.poll() is None for worker in workers)
    bed.settled(spec)
