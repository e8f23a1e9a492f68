from __future__ import annotations

import random
import threading
import time

import pytest

from tests.conftest import wait_until
from tests.faults.bed import LEASE_S, STOPPED_WITHIN_S, Bed, seeds
from tests.faults.counting import Tell
from tests.faults.faults import LINE_FAULTS, LineFault, named
from times_doctor_tasks.contract.keys import host_queue
from times_doctor_tasks.contract.states import RunState

pytestmark = [pytest.mark.server, pytest.mark.faults, pytest.mark.timeout(400)]

FOUR = ("bar-1", "bar-2", "dual-1", "dual-2")
#: Speeds of the recorded GAMS: a run takes two seconds, some seconds, for ever.
SHORT, MIDDLE, ENDLESS = 1.5, 0.4, 0.01
#: Seconds after which a healed host takes work again, and after which a scan that lost a message has its report.
TAKES_WITHIN_S, HEALED_WITHIN_S = 30.0, 90.0


@pytest.mark.parametrize("seed", seeds(2))
@pytest.mark.parametrize("phase", ["start", "run", "end"])
@pytest.mark.parametrize("fault", LINE_FAULTS, ids=named)
def test_a_line_that_fails_for_less_than_a_lease_restarts_nothing(
    bed: Bed, tell: Tell, fault: LineFault, phase: str, seed: int
) -> None:
    dice = random.Random(seed)
    bed.control()
    bed.host("h1", slots=4)
    proxy = bed.proxies["h1"]
    seconds = dice.uniform(1, 5)
    striking = threading.Thread(target=fault, args=(proxy, seconds))
    if phase == "start":
        striking.start()
        time.sleep(0.2)
    spec = bed.submit_gams(*FOUR, speed=MIDDLE if phase == "run" else SHORT, lease_s=20.0)
    if phase != "start":
        bed.wait_for_solvers(spec, 2)
        time.sleep(dice.uniform(0, 0.5) if phase == "run" else dice.uniform(0.5, 2))
        striking.start()
    striking.join()
    healed_s = time.monotonic()
    report = bed.report(spec, timeout_s=HEALED_WITHIN_S)
    took_s = time.monotonic() - healed_s
    assert [run.state for run in report.runs] == [RunState.DONE] * 4
    begun = sum(len(run.attempts) for run in report.runs)
    tell(faults=1, recovery_s=took_s)
    bed.settled(spec)
    assert begun == 4


@pytest.mark.parametrize("seed", seeds(2))
@pytest.mark.parametrize("fault", LINE_FAULTS, ids=named)
def test_a_host_that_is_cut_off_for_longer_than_a_lease_gives_its_runs_up_and_works_again_when_it_is_back(
    bed: Bed, tell: Tell, fault: LineFault, seed: int
) -> None:
    dice = random.Random(seed)
    bed.control()
    for name in ("h1", "h2"):
        bed.host(name, slots=5)  # one more than all the others can take
    spec = bed.submit_gams(*FOUR, speed=ENDLESS)
    bed.wait_for_solvers(spec, 4)
    seconds = LEASE_S + dice.uniform(2, 8)

    fault(bed.proxies["h1"], seconds)

    healed_s = time.monotonic()
    pinned = bed.submit_gams("bar", speed=SHORT, queue=host_queue("h1"))
    bed.report(pinned, timeout_s=TAKES_WITHIN_S)
    took_s = time.monotonic() - healed_s
    wait_until(lambda: len(bed.witness.now()) == 4, timeout_s=STOPPED_WITHIN_S, what="one solver a run")
    bed.cancel(spec)
    bed.settled(spec, pinned, overlap_s=seconds - LEASE_S + STOPPED_WITHIN_S)
    tell(faults=1, recovery_s=took_s)
