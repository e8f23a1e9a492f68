from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.bed import Bed
from tests.faults.counting import Tell
from times_doctor_tasks.messages import ScanSpec
from times_doctor_tasks.states import RunState, Verdict

pytestmark = [pytest.mark.server, pytest.mark.faults, pytest.mark.timeout(200)]

#: Of the disk, and of what a host wants to keep free on it before it begins anything (64 MB) and a little.
DISK_MB = 96


class Disk:
    """A small disk under a folder of one host."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._filler = folder / "filler"

    def fill(self) -> None:
        """To the last block, whoever else writes meanwhile."""
        block = bytes(1 << 20)
        with self._filler.open("ab", buffering=0) as filler, contextlib.suppress(OSError):
            while filler.write(block):
                pass
        assert os.statvfs(self._folder).f_bavail == 0


@pytest.fixture
def make_disk(bed: Bed, tmp_path: Path) -> Iterator[Callable[[str], Disk]]:
    """Under a folder of the host h1."""
    mounts: list[Path] = []

    def make(folder: str) -> Disk:
        path = tmp_path / "h1" / folder
        path.mkdir(parents=True)
        words = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "td-test", str(path)]
        mounted = subprocess.run(words, capture_output=True, text=True)
        if mounted.returncode:
            pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
        mounts.append(path)
        return Disk(path)

    yield make
    bed.close()
    for path in mounts:
        subprocess.run(["umount", "--lazy", path], check=True)


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
