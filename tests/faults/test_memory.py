from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # has no stubs of its own
import pytest

from tests.conftest import wait_until
from tests.faults.bed import Bed, part_of
from tests.faults.counting import Tell
from times_doctor_tasks.contract.states import RunState, StopReason, Verdict
from times_doctor_worker.process.process_usage import oom_kills

pytestmark = [pytest.mark.server, pytest.mark.faults, pytest.mark.timeout(200)]

GROUPS = Path("/sys/fs/cgroup")
LIMIT_MB = 120
#: Takes more and more. Two processes: a single one with nearly all memory would be killed instead of the right one.
EATER = """
import os, pathlib, sys, time
pathlib.Path(sys.argv[1]).write_text("0")
os.fork()
kept = bytearray()
while True:
    kept += bytes(1 << 20)
    time.sleep(0.01)
"""


class MemoryGroup:
    """A group of processes that have little memory between them."""

    def __init__(self, folder: Path, limit: str) -> None:
        folder.mkdir()
        self._folder = folder
        self.members = folder / "cgroup.procs"
        (folder / limit).write_text(str(LIMIT_MB << 20))

    def close(self) -> None:
        for pid in self.members.read_text().split():
            with contextlib.suppress(psutil.NoSuchProcess):
                psutil.Process(int(pid)).kill()
        wait_until(lambda: not self.members.read_text(), what="nobody is left in the group")
        self._folder.rmdir()

    def take_in(self, process: psutil.Process) -> None:
        """And let the kernel choose it when memory runs out."""
        self.members.write_text(str(process.pid))
        Path(f"/proc/{process.pid}/oom_score_adj").write_text("1000")

    def run_out(self) -> None:
        """Takes memory until the kernel has killed a process."""
        before = oom_kills()
        eater = subprocess.Popen([sys.executable, "-c", EATER, str(self.members)], start_new_session=True)
        try:
            wait_until(lambda: oom_kills() > before, timeout_s=30, what="the kernel kills for want of memory")
        finally:
            os.killpg(eater.pid, signal.SIGKILL)
            eater.wait()


@pytest.fixture
def group() -> Iterator[MemoryGroup]:
    name = f"td-test-{uuid.uuid4().hex[:8]}"
    places = [(GROUPS / "memory" / name, "memory.limit_in_bytes"), (GROUPS / name, "memory.max")]
    try:
        made = next(MemoryGroup(folder, limit) for folder, limit in places if folder.parent.is_dir())
    except (OSError, StopIteration) as error:
        pytest.skip(f"no memory can be limited here, which needs root and a writable {GROUPS}: {error}")
    yield made
    made.close()


@pytest.mark.parametrize("part", ["recorded_gams.py", "gamscmex.out", "gmsgenux.out"])
def test_a_part_of_a_solve_that_the_kernel_kills_for_want_of_memory_is_said_to_have_run_out_of_it(
    bed: Bed, tell: Tell, group: MemoryGroup, part: str
) -> None:
    bed.control()
    worker = bed.host("h1", slots=2)
    spec = bed.submit_gams("bar", "dual", speed=0.4)
    bed.wait_for_solvers(spec, 2)
    wait_until(lambda: sum(len(pids) for pids in bed.witness.now().values()) == 6, what="both solve")
    victim = part_of(worker, part)

    group.take_in(victim)
    group.run_out()
    tell(faults=1)

    wait_until(lambda: not victim.is_running(), what="the kernel has killed it")
    report = bed.report(spec, timeout_s=60)
    bed.settled(spec)
    struck, other = sorted(report.runs, key=lambda run: run.state is RunState.DONE)
    assert (other.state, other.verdict) == (RunState.DONE, Verdict.OPTIMAL)
    assert (struck.state, struck.stop_reason) == (RunState.FAILED, StopReason.OUT_OF_MEMORY)
    assert "memory ran out" in struck.sentence
    assert "--mem" in struck.next_step


def test_a_worker_that_the_kernel_kills_for_want_of_memory_leaves_no_solver_and_loses_no_run(
    bed: Bed, tell: Tell, group: MemoryGroup
) -> None:
    bed.control()
    keeper = bed.keep()
    worker = bed.host("h1", slots=1)
    spec = bed.submit_gams("bar", speed=1.0)
    bed.wait_for_solvers(spec, 1)

    group.take_in(psutil.Process(worker.process.pid))
    group.run_out()
    tell(faults=1)

    report = bed.report(spec, timeout_s=60)
    assert [(run.state, run.verdict) for run in report.runs] == [(RunState.DONE, Verdict.OPTIMAL)]
    assert keeper.starts == 1
    bed.settled(spec)
