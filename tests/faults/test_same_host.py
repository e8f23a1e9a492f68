from __future__ import annotations

import time

import pytest

from tests.conftest import wait_until
from tests.faults.bed import STOPPED_WITHIN_S, Bed
from tests.faults.counting import Tell
from times_doctor_tasks.celery_app.app import app
from times_doctor_tasks.celery_app.canvas import publish_again
from times_doctor_tasks.contract.messages import ScanSpec

pytestmark = [pytest.mark.server, pytest.mark.faults, pytest.mark.timeout(120)]

RUN = "cplex.bar"


def forget_and_deliver(bed: Bed, spec: ScanSpec) -> None:
    """As a server that lost its last second: the claim is gone, and the message is in its queue again."""
    bed.store.client.delete(bed.store.keys.state(spec.scan, RUN))
    publish_again(app, bed.store, spec.scan, RUN)


def test_a_host_that_gets_the_run_it_works_on_again_solves_it_once_at_a_time(bed: Bed, tell: Tell) -> None:
    bed.control()
    worker = bed.host("h1", slots=4)
    spec = bed.submit_gams("bar")
    bed.wait_for_solvers(spec, 1)

    forget_and_deliver(bed, spec)
    tell(faults=1)

    wait_until(lambda: worker.log.count("action=run_taken") == 2, what="it is taken again", timeout_s=20)
    time.sleep(STOPPED_WITHIN_S)
    assert len(bed.witness.now()) == 1
    assert bed.witness.overlaps_s() == {}
    assert bed.store.status(spec, RUN).beat > 5
    bed.cancel(spec)
    bed.settled(spec)
    assert bed.store.history(spec.scan, RUN)[-1].ended_as == "cancelled"
