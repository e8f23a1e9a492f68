from __future__ import annotations

import contextlib
import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from tests.conftest import wait_until
from tests.faults.bed import Bed, seeds
from tests.faults.broker import Door, PortBroker
from tests.faults.counting import Tell
from times_doctor_tasks.contract.messages import ScanSpec
from times_doctor_tasks.contract.states import RunState, Verdict

pytestmark = [pytest.mark.server, pytest.mark.faults, pytest.mark.timeout(200)]

#: Of the disk, and of what a host wants to keep free on it before it begins anything (64 MB) and a little.
DISK_MB = 96


class Disk:
    """A small disk, mounted on a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._filler = folder / "filler"
        words = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "td-test", str(folder)]
        mounted = subprocess.run(words, capture_output=True, text=True)
        if mounted.returncode:
            pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")

    def fill(self) -> None:
        """To the last block, whoever else writes meanwhile."""
        block = bytes(1 << 20)
        with self._filler.open("ab", buffering=0) as filler, contextlib.suppress(OSError):
            while filler.write(block):
                pass
        assert os.statvfs(self._folder).f_bavail == 0

    def clear(self) -> None:
        self._filler.unlink()

    def close(self) -> None:
        subprocess.run(["umount", "--lazy", self._folder], check=True)


@pytest.fixture
def make_disk(bed: Bed, tmp_path: Path) -> Iterator[Callable[[str], Disk]]:
    """Under a folder of the host h1."""
    disks: list[Disk] = []

    def make(folder: str) -> Disk:
        path = tmp_path / "h1" / folder
        path.mkdir(parents=True)
        disks.append(Disk(path))
        return disks[-1]

    yield make
    bed.close()
    for disk in disks:
        disk.close()


def hosts_of(bed: Bed, spec: ScanSpec) -> list[list[str]]:
    report = bed.report(spec, timeout_s=60)
    assert [(run.state, run.verdict) for run in report.runs] == [(RunState.DONE, Verdict.OPTIMAL)] * len(report.runs)
    return [[attempt.host for attempt in run.attempts] for run in report.runs]


def test_a_disk_that_is_full_at_staging_sends_the_run_to_another_host(
    bed: Bed, tell: Tell, make_disk: Callable[[str], Disk]
) -> None:
    disk = make_disk("cache")
    bed.control()
    worker = bed.host("h1")
    disk.fill()
    tell(faults=1)
    spec = bed.submit_gams("bar", "dual", speed=4.0)
    worker.wait_for("engine_out")
    bed.host("h2")
    assert all(hosts[-1] == "h2" for hosts in hosts_of(bed, spec))
    bed.settled(spec)


def test_a_disk_that_fills_while_the_engine_writes_its_log_sends_the_run_to_another_host(
    bed: Bed, tell: Tell, make_disk: Callable[[str], Disk]
) -> None:
    disk = make_disk("cache")
    bed.control()
    worker = bed.host("h1", slots=1)
    spec = bed.submit_gams("bar", speed=0.4)
    bed.wait_for_solvers(spec, 1)
    disk.fill()
    tell(faults=1)
    worker.wait_for("engine_out")
    bed.host("h2")
    assert hosts_of(bed, spec) == [["h1", "h2"]]
    bed.settled(spec)


def test_a_disk_that_is_full_at_the_spool_costs_the_copy_and_not_the_result(
    bed: Bed, tell: Tell, make_disk: Callable[[str], Disk]
) -> None:
    disk = make_disk("cache/workers")
    bed.control()
    worker = bed.host("h1", slots=1)
    spec = bed.submit_gams("bar", speed=1.0)
    bed.wait_for_solvers(spec, 1)
    disk.fill()
    tell(faults=1)
    assert hosts_of(bed, spec) == [["h1"]]
    assert worker.has_said("spool_failed")
    bed.settled(spec)


class CrampedBroker(PortBroker):
    """A server with a small disk for its append-only file."""

    disk: Disk | None = None

    def start(self) -> None:
        self.disk = self.disk or Disk(Path(self.folder))
        super().start()

    def close(self) -> None:
        self.kill()
        if self.disk is not None:
            self.disk.close()
        Path(self.folder).rmdir()


@pytest.fixture
def cramped(tmp_path: Path, door: Door) -> Iterator[Bed]:
    broker = CrampedBroker(door=door)
    bed = Bed(tmp_path, broker)
    yield bed
    bed.close()
    broker.close()


@pytest.mark.parametrize("seed", seeds(3))
def test_a_server_whose_disk_is_full_while_runs_start_go_on_and_end_costs_time_only(
    cramped: Bed, tell: Tell, seed: int
) -> None:
    bed, disk, dice = cramped, cramped.broker.disk, random.Random(seed)  # type: ignore[attr-defined]  # a CrampedBroker
    bed.keep()
    bed.control()
    for name in ("h1", "h2"):
        bed.host(name)
    spec = bed.submit_gams("bar-1", "dual-1", "bar-2", "dual-2", "bar-3", speed=2.0, lease_s=10.0)
    time.sleep(dice.uniform(0, 3))
    disk.fill()
    wait_until(lambda: _refuses(bed), timeout_s=20, what="the server refuses what it cannot keep")
    time.sleep(dice.uniform(1, 6))
    disk.clear()
    wait_until(lambda: not _refuses(bed), timeout_s=20, what="the server writes again")
    healed_s = time.monotonic()
    assert all(len(hosts) == 1 for hosts in hosts_of(bed, spec))
    tell(faults=1, recovery_s=time.monotonic() - healed_s)
    bed.settled(spec)


def _refuses(bed: Bed) -> bool:
    try:
        bed.store.client.set("td-test", "", ex=1)
    except redis.ResponseError as error:
        return "MISCONF" in str(error)
    return False
