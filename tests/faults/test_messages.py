from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.acceptance.conftest import MODELS, Cli
from tests.conftest import wait_until
from tests.faults.bed import Bed, seeds
from tests.faults.counting import Tell
from times_doctor_tasks.contract.keys import solve_queue
from times_doctor_tasks.contract.messages import ScanSpec
from times_doctor_tasks.contract.states import RunState, ScanMode

pytestmark = [pytest.mark.server, pytest.mark.faults, pytest.mark.timeout(400)]

FOUR = ("bar", "dual", "sift", "bar-2")
SHORT = 4.0
#: Seconds after which a scan that lost messages has its report: each waits for its patience, which backs off.
FOUND_WITHIN_S = 120.0


def queue_of(bed: Bed) -> str:
    """The one list in which the runs of these tests wait: priority 5."""
    return bed.store.keys.queue_lists(solve_queue("gams", "cplex"))[5]


def all_done(bed: Bed, spec: ScanSpec) -> float:
    """Seconds until the report says that all went well."""
    began_s = time.monotonic()
    report = bed.report(spec, timeout_s=FOUND_WITHIN_S)
    assert [run.state for run in report.runs] == [RunState.DONE] * len(report.runs)
    return time.monotonic() - began_s


@pytest.mark.parametrize("mode", ScanMode)
@pytest.mark.parametrize("seed", seeds(3))
def test_messages_lost_from_their_queue_are_published_again(bed: Bed, tell: Tell, seed: int, mode: ScanMode) -> None:
    dice = random.Random(seed)
    bed.control()
    spec = bed.submit_gams(*FOUR, speed=SHORT, mode=mode)
    queue, client = queue_of(bed), bed.store.client
    waiting = client.lrange(queue, 0, -1)
    lost = dice.sample(waiting, dice.randint(1, len(waiting)))
    assert all(client.lrem(queue, 1, message) == 1 for message in lost)
    bed.host("h1")
    tell(faults=len(lost), recovery_s=all_done(bed, spec))
    bed.settled(spec)


@pytest.mark.parametrize("mode", ScanMode)
@pytest.mark.parametrize("seed", seeds(3))
def test_messages_twice_and_in_another_order_solve_every_run_once(
    bed: Bed, tell: Tell, seed: int, mode: ScanMode
) -> None:
    dice = random.Random(seed)
    bed.control()
    spec = bed.submit_gams(*FOUR, speed=SHORT, mode=mode)
    queue, client = queue_of(bed), bed.store.client
    waiting = client.lrange(queue, 0, -1) * dice.randint(2, 4)
    dice.shuffle(waiting)
    client.delete(queue)
    client.rpush(queue, *waiting)
    for name in ("h1", "h2"):
        bed.host(name)
    tell(faults=len(waiting) - len(FOUR), recovery_s=all_done(bed, spec))
    bed.settled(spec)
    assert [len(run.attempts) for run in bed.report(spec).runs] == [1] * len(FOUR)


@pytest.mark.parametrize("is_kept", [False, True])
@pytest.mark.parametrize(
    ("mode", "published"),
    [(ScanMode.CHAIN, 0), *((ScanMode.CHORD, n) for n in range(4))],  # of a chain, only the first leaves the client
)
def test_a_client_that_dies_while_it_publishes_leaves_a_scan_that_is_run(
    bed: Bed, tell: Tell, mode: ScanMode, published: int, is_kept: bool
) -> None:
    bed.control()
    bed.host("h1")
    spec = bed.submit_gams(*FOUR, speed=SHORT, mode=mode, dies_over=published, keeps=is_kept)
    tell(faults=1, recovery_s=all_done(bed, spec))
    bed.settled(spec)


def test_a_scan_whose_command_line_vanished_goes_on_to_its_report(bed: Bed, tell: Tell, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    cli = Cli(home)
    bed.control()
    bed.host("h1")
    folder = cli.home / "case"
    folder.mkdir()
    (folder / "denselp.gms").write_bytes((MODELS / "denselp.gms").read_bytes())
    bed.set_speed(0.4)
    process = cli.start("scan", folder, "--queue", "--parallel", "-p", "dual", "-p", "bar", **bed.desk_environ)
    wait_until(bed.witness.now, timeout_s=40, what="it is solved")
    process.kill()
    process.communicate()
    tell(faults=1)
    (scan,) = bed.store.scans()
    spec = bed.store.scan(scan)
    assert spec is not None
    all_done(bed, spec)
    bed.settled(spec)
