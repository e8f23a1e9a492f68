from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.conftest import wait_until
from tests.faults.bed import LEASE_S, Bed, kill_host
from tests.faults.broker import Door, PortBroker
from tests.faults.counting import Tell
from tests.integration.workers import TINY_MPS, Worker, endless_mps
from times_doctor_tasks.contract.messages import ScanSpec
from times_doctor_tasks.contract.states import RunState, StopReason

#: Debian's package faketime, for the clock of a server. It is not for hosts: under it every `time.sleep` of Python
#: fails with EINVAL (0.9.10 and Python 3.11, which sleeps until a moment and not for a time).
LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
pytestmark = [pytest.mark.server, pytest.mark.faults, pytest.mark.timeout(300)]
HOUR_S = 3600
#: Loaded by a worker's interpreter at its start: its clock of the day is wrong, its monotonic clock is not.
WRONG_CLOCK = """
import os, time

_OFFSET_S = int(os.environ["TD_TEST_CLOCK"])
_time, _time_ns = time.time, time.time_ns
time.time = lambda: _time() + _OFFSET_S
time.time_ns = lambda: _time_ns() + _OFFSET_S * 1_000_000_000
"""


@pytest.fixture
def wrong_by(tmp_path: Path) -> Callable[[int], dict[str, str]]:
    """Environment of a worker whose clock is wrong by so many hours."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(WRONG_CLOCK)
    path = f"{site}:{os.environ.get('PYTHONPATH', '')}"
    return lambda hours: {"PYTHONPATH": path, "TD_TEST_CLOCK": str(hours * HOUR_S)}


def hours_of(worker: Worker) -> int:
    """How wrong its clock is, by its log."""
    said = datetime.fromisoformat(worker.log[:19])
    return round((said - datetime.now()).total_seconds() / HOUR_S)


def starts_elsewhere(bed: Bed, spec: ScanSpec, host: str) -> float:
    began_s = time.monotonic()
    with bed.explaining(spec):
        wait_until(
            lambda: any(seat.host != host for seat in bed.witness.now()), timeout_s=60, what="it starts elsewhere"
        )
    return time.monotonic() - began_s


@pytest.mark.parametrize(("first", "second", "control"), [(5, -7, 3), (-9, 9, -3), (0, 12, -12)])
def test_hosts_whose_clocks_are_hours_apart_share_a_scan_and_take_over_from_each_other(
    bed: Bed, tell: Tell, wrong_by: Callable[[int], dict[str, str]], first: int, second: int, control: int
) -> None:
    bed.control(environ=wrong_by(control))
    workers = {
        "h1": bed.host("h1", environ=wrong_by(first)),
        "h2": bed.host("h2", environ=wrong_by(second)),
    }
    assert (hours_of(workers["h1"]), hours_of(workers["h2"])) == (first, second)
    quick = bed.submit({f"p{n}": "" for n in range(6)}, model=TINY_MPS, lease_s=LEASE_S)
    assert [run.state for run in bed.report(quick).runs] == [RunState.DONE] * 6

    long = bed.submit({"long": ""}, model=endless_mps(), lease_s=LEASE_S)
    (seat,) = bed.wait_for_solvers(long, 1)
    kill_host(workers[seat.host])
    took_s = starts_elsewhere(bed, long, seat.host)
    bed.cancel(long)
    bed.settled(quick, long)
    assert took_s < LEASE_S + 3
    tell(faults=4, recovery_s=took_s)


class JumpingBroker(PortBroker):
    """A server whose clock of the day can be set while it runs."""

    def __init__(self, folder: Path, door: Door) -> None:
        self._clock = folder / "server-clock"
        self.jump(0)
        super().__init__(door=door)

    def jump(self, seconds: int) -> None:
        part = self._clock.with_suffix(".part")
        part.write_text(f"{seconds:+d}\n")
        part.replace(self._clock)

    def environ(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self._clock),
            "FAKETIME_CACHE_DURATION": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }


@pytest.fixture
def jumpy(tmp_path: Path, door: Door) -> Iterator[Bed]:
    broker = JumpingBroker(tmp_path, door)
    bed = Bed(tmp_path, broker)
    yield bed
    bed.close()
    broker.close()


@pytest.mark.skipif(LIBRARY is None, reason="no libfaketime here (Debian: apt install faketime)")
@pytest.mark.parametrize("hours", [5, -5])
def test_a_server_whose_clock_jumps_restarts_nothing_and_still_recovers(jumpy: Bed, tell: Tell, hours: int) -> None:
    bed, broker = jumpy, jumpy.broker
    assert isinstance(broker, JumpingBroker)
    bed.control()
    workers = {name: bed.host(name) for name in ("h1", "h2")}
    before_ms = bed.store.server_ms()
    spec = bed.submit({"a": "", "b": ""}, model=endless_mps(), lease_s=LEASE_S)
    bed.wait_for_solvers(spec, 2)
    began = set(bed.witness.now())

    broker.jump(hours * HOUR_S)

    wait_until(lambda: abs(bed.store.server_ms() - before_ms) > 4 * HOUR_S * 1000, what="the clock jumps")
    time.sleep(2 * LEASE_S)
    assert set(bed.witness.now()) == began
    victim = next(iter(began)).host
    runs = {seat.run for seat in began if seat.host == victim}
    kill_host(workers[victim])
    killed_s = time.monotonic()
    wait_until(
        lambda: {seat.run for seat in bed.witness.now() if seat.host != victim} >= runs,
        timeout_s=90,
        what="its runs start elsewhere",
    )
    took_s = time.monotonic() - killed_s
    bed.cancel(spec)
    bed.settled(spec)
    assert {run.stop_reason for run in bed.report(spec).runs} == {StopReason.USER}
    tell(faults=2, recovery_s=took_s)
