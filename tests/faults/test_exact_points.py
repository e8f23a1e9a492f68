from __future__ import annotations

import itertools
import time
from pathlib import Path

import pytest

from tests.conftest import wait_until
from tests.faults.bed import Bed, seeds
from tests.faults.counting import Tell
from tests.faults.guarded_door import also_guarded
from times_doctor_tasks.contract.states import RunState, ScanMode

pytestmark = [pytest.mark.server, pytest.mark.faults, pytest.mark.timeout(400)]

FIVE = ("bar-1", "dual-1", "sift-1", "bar-2", "dual-2")
STORE = "times_doctor_tasks.state_store.run_store:RunStore"
BACKEND = "times_doctor_tasks.celery_app.result_backend:ErrorProofBackend"
POSTMAN = "times_doctor_worker.redis_io.publisher:Postman"
#: Where a solve worker dies.
SOLVE_POINTS = {
    "claimed": f"{STORE}.claim:after",
    "solved": f"{STORE}.finish:before",
    "finished, not returned": f"{STORE}.finish:after",
    "successor published, not returned": f"{BACKEND}.store_result:before",
}
CHORD_POINTS = {
    "part not counted": f"{BACKEND}.on_chord_part_return:before",
    "part counted": f"{BACKEND}.on_chord_part_return:after",
}
#: Where a control worker dies.
CONTROL_POINTS = {
    "report begun": f"{STORE}.begin_report:after",
    "before the report is written": f"{STORE}.write_report:before",
    "report written": f"{STORE}.write_report:after",
}
#: Where a control worker dies while it takes a run from a host that is gone.
RECOVERY_POINTS = {
    "before it publishes": f"{POSTMAN}.again:before",
    "published, not marked": f"{STORE}.requeued:before",
    "marked": f"{STORE}.requeued:after",
}


@pytest.fixture
def deaths(tmp_path: Path) -> Path:
    """How many deaths are to come."""
    path = tmp_path / "deaths"
    path.write_text("0")
    return path


def all_done(bed: Bed, *scans: object) -> None:
    for spec in scans:
        report = bed.report(spec, timeout_s=120)  # type: ignore[arg-type]
        assert [run.state for run in report.runs] == [RunState.DONE] * len(report.runs)


@pytest.mark.parametrize("seed", seeds(2))
@pytest.mark.parametrize(
    ("mode", "point"),
    [*itertools.product(ScanMode, SOLVE_POINTS), *itertools.product([ScanMode.CHORD], CHORD_POINTS)],
)
def test_a_worker_that_dies_at_an_exact_point_again_and_again(
    bed: Bed, tell: Tell, deaths: Path, point: str, seed: int, mode: ScanMode
) -> None:
    bed.keep()
    bed.control()
    bed.host("h1", slots=2, dies_at=(SOLVE_POINTS | CHORD_POINTS)[point], deaths=deaths)
    planned = 3 + seed % 2
    deaths.write_text(str(planned))
    spec = bed.submit_gams(*FIVE, speed=5.0, mode=mode, max_attempts=20)
    all_done(bed, spec)
    died = planned - int(deaths.read_text())
    tell(faults=died)
    bed.settled(spec)
    assert died > 0


@also_guarded
@pytest.mark.parametrize("seed", seeds(2))
@pytest.mark.parametrize("point", CONTROL_POINTS)
def test_a_control_worker_that_dies_over_a_report_leaves_one(
    bed: Bed, tell: Tell, deaths: Path, point: str, seed: int
) -> None:
    bed.keep()
    bed.control(dies_at=CONTROL_POINTS[point], deaths=deaths)
    bed.host("h1")
    planned = 1 + seed % 2
    deaths.write_text(str(planned))
    spec = bed.submit_gams("bar", "dual", speed=5.0)
    all_done(bed, spec)
    wait_until(lambda: int(deaths.read_text()) < planned, timeout_s=30, what="control dies")  # its report came first
    tell(faults=planned - int(deaths.read_text()))
    bed.settled(spec)


@pytest.mark.parametrize("seed", seeds(2))
@pytest.mark.parametrize("point", RECOVERY_POINTS)
def test_a_control_worker_that_dies_while_it_recovers_a_run_loses_nothing(
    bed: Bed, tell: Tell, deaths: Path, point: str, seed: int
) -> None:
    bed.keep()
    bed.control(dies_at=RECOVERY_POINTS[point], deaths=deaths)
    lost = bed.host("h1", slots=1)
    planned = 1 + seed % 2
    deaths.write_text(str(planned))
    spec = bed.submit_gams("bar", speed=0.01)  # it is at work for as long as the other host takes to start
    bed.wait_for_solvers(spec, 1)
    bed.set_speed(2.0)
    bed.host("h2", slots=1)
    bed.workers.remove(lost)
    lost.kill()
    began_s = time.monotonic()
    wait_until(lambda: int(deaths.read_text()) < planned, timeout_s=30, what="control dies")
    all_done(bed, spec)
    died = planned - int(deaths.read_text())
    tell(faults=1 + died, recovery_s=time.monotonic() - began_s)
    bed.settled(spec)
