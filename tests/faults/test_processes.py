from __future__ import annotations

import random
import signal
import statistics
import sys
import time

import pytest

from tests.conftest import wait_until
from tests.faults.bed import LEASE_S, Bed, kill_host, part_of, seeds
from tests.faults.counting import Tell
from tests.faults.guarded_door import also_guarded
from times_doctor_tasks.contract.messages import RunResult, ScanSpec
from times_doctor_tasks.contract.states import RunState, StopReason, Verdict

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
    bed: Bed, tell: Tell, capsys: pytest.CaptureFixture[str]
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
    tell(faults=20, recovery_s=max(took_s))
    bed.settled(*specs)
    assert max(took_s) < LEASE_S + 3


def others_went_well(bed: Bed, spec: ScanSpec) -> list[RunResult]:
    """Results that are not as they should be, once all is over."""
    report = bed.report(spec, timeout_s=60)
    return [run for run in report.runs if (run.state, run.verdict) != (RunState.DONE, Verdict.OPTIMAL)]


@pytest.mark.parametrize("seed", seeds(3))
@pytest.mark.parametrize("part", ["td-supervisor", "recorded_gams.py", "gamscmex.out", "gmsgenux.out"])
def test_a_part_of_a_solve_that_is_killed_ends_that_run_in_words_and_no_other(
    bed: Bed, tell: Tell, part: str, seed: int
) -> None:
    bed.control()
    worker = bed.host("h1", slots=2)
    spec = bed.submit_gams("bar", "dual", speed=0.4)
    seats = bed.wait_for_solvers(spec, 2)
    wait_until(lambda: sum(len(pids) for pids in bed.witness.now().values()) == 3 * len(seats), what="both solve")
    time.sleep(random.Random(seed).uniform(0, 1))

    part_of(worker, part).kill()
    began_s = time.monotonic()

    wait_until(lambda: len(bed.witness.now()) < 2, what="its solver is gone", timeout_s=10)
    gone_s = time.monotonic() - began_s
    (struck,) = others_went_well(bed, spec)
    bed.settled(spec)
    assert struck.stop_reason is None
    assert struck.sentence
    assert struck.next_step
    tell(faults=1, recovery_s=gone_s)


@pytest.mark.parametrize("part", ["td-warden", "solve-sentinel"])
def test_a_solve_goes_on_without_a_helper_and_so_does_its_host(bed: Bed, tell: Tell, part: str) -> None:
    bed.control()
    worker = bed.host("h1", slots=2)
    first = bed.submit_gams("bar", speed=0.4)
    bed.wait_for_solvers(first, 1)
    part_of(worker, part).kill()
    tell(faults=1)
    second = bed.submit_gams("dual", speed=1.0)
    assert others_went_well(bed, first) == []
    assert others_went_well(bed, second) == []
    bed.settled(first, second)


@also_guarded
@pytest.mark.parametrize("seed", seeds(3))
def test_a_killed_control_worker_costs_no_run_and_no_report(bed: Bed, tell: Tell, seed: int) -> None:
    dice = random.Random(seed)
    keeper, kills = bed.keep(), 0
    bed.control("c")
    bed.host("h1", slots=3)
    specs = [bed.submit_gams("bar", "dual", "sift", speed=3.0) for _ in range(3)]
    for _ in range(4):
        time.sleep(dice.uniform(0.2, 1.5))
        control = next((one for one in bed.workers if one.name == "c"), None)
        if control is not None and control.process.poll() is None:
            kill_host(control)
            kills += 1
    tell(faults=kills)
    for spec in specs:
        assert others_went_well(bed, spec) == []
    assert keeper.starts > 0
    bed.settled(*specs)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_scan_whose_host_dies_with_nobody_left_to_take_it_waits_for_the_next(
    bed: Bed, tell: Tell, number: signal.Signals
) -> None:
    bed.control()
    worker = bed.host("h1", slots=1)
    spec = bed.submit_gams("bar-1", "bar-2", speed=2.0)
    bed.wait_for_solvers(spec, 1)
    worker.signal(number)
    worker.wait()
    wait_until(lambda: not bed.witness.now(), what="no solver outlives its owner")
    tell(faults=1)
    bed.host("h2", slots=1)
    report = bed.report(spec, timeout_s=90)
    assert [run.state for run in report.runs] == [RunState.DONE] * 2
    assert all(run.stop_reason is not StopReason.HOST_LOST for run in report.runs)
    bed.settled(spec)
