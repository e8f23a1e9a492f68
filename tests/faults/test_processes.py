from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Callable

import pytest

from tests.conftest import wait_until
from tests.faults.bed import LEASE_S, Bed, kill_host, seeds
from times_doctor_tasks.messages import ScanSpec

pytestmark = [pytest.mark.server, pytest.mark.faults, pytest.mark.timeout(400)]


def starts_elsewhere(bed: Bed, spec: ScanSpec, host: str) -> float:
    """Seconds until a solver works on a run of the scan on another host."""
    began_s = time.monotonic()
    wait_until(
        lambda: any(seat.host != host for seat in bed.witness.now() if seat.scan == spec.scan),
        what="its run starts elsewhere",
        timeout_s=30,
    )
    return time.monotonic() - began_s


def test_a_killed_hosts_run_starts_elsewhere_within_its_lease_and_three_seconds_twenty_times(
    bed: Bed, tell: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    bed.control()
    workers = {name: bed.host(name) for name in ("h1", "h2")}
    specs: list[ScanSpec] = []
    took_s: list[float] = []
    for seed in seeds(20):
        specs.append(spec := bed.submit_gams("bar"))
        (seat,) = bed.wait_for_solvers(spec, 1)
        time.sleep(random.Random(seed).uniform(0, 1))
        kill_host(workers[seat.host])
        took_s.append(starts_elsewhere(bed, spec, seat.host))
        workers[seat.host] = bed.host(seat.host)
        bed.cancel(spec)
    with capsys.disabled():
        rows = "".join(f"\n{turn:4d}  {seconds:5.2f}" for turn, seconds in enumerate(took_s, 1))
        middle = f"median {statistics.median(took_s):.2f}, max {max(took_s):.2f}"
        sys.stdout.write(f"\nkilled host, lease {LEASE_S} s: seconds until its run starts elsewhere{rows}\n{middle}\n")
    tell(taken_over_s=[round(seconds, 2) for seconds in took_s])
    bed.settled(*specs)
    assert max(took_s) < LEASE_S + 3
