"""Memory, CPU time and wait for a core of one engine's process tree, read from its process group.

Memory is the sum of the resident sets. It counts a page once per process that shares it: 275 MB instead of 258 MB for
the proportional sum (PSS) of a small tree, and no real difference for a large one. For PSS the kernel would walk every
page of a huge solver at each look, under a lock that the solver needs. `ru_maxrss` is no substitute: it is the largest
single process, 137 MB of those 275.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class TreeUsage(msgspec.Struct, frozen=True):
    """One sample of a tree."""

    rss_bytes: int
    """Sum of the resident sets of what lives now."""
    cpu_s: float
    """Of what lives now and of the children it has waited for; falls when a process with waited children ends."""
    processes: int
    """How many live."""


class TreeMeter:
    """Samples one engine's process group and remembers its peak.

    A sample lists the machine's processes and reads those not yet seen in another group: a process cannot join a group
    of another session. So it takes one listing and about five small reads, whatever the number of processes.
    """

    def __init__(self, group: int) -> None:
        self._group = group
        self._strangers: set[int] = set()
        self._threads: dict[int, tuple[int, int]] = {}
        self.peak_rss_bytes = 0
        """The highest `rss_bytes` of all looks so far: a peak between two looks is missed."""

    def run_delay_s(self, cpu_s: float | None) -> float | None:
        """Seconds that the tree's threads were ready and waited for a core; None if the system does not count them.

        A thread's time after its last sample is added in proportion to the CPU time that was missed.

        Args:
            cpu_s: Exact CPU time of the whole tree; None: no correction.
        """
        on_cpu_ns = sum(on_cpu for on_cpu, _ in self._threads.values())
        if not on_cpu_ns:
            return None
        missed = max(1.0, cpu_s * 1e9 / on_cpu_ns) if cpu_s is not None else 1.0
        return sum(delay for _, delay in self._threads.values()) * missed / 1e9

    def sample(self) -> TreeUsage:
        """Takes a sample. A tree that has ended uses nothing."""
        pids = _all_pids()
        self._strangers &= pids
        rss_bytes, cpu_s, processes = 0, 0.0, 0
        for pid in pids - self._strangers:
            read = _read_process(pid)
            if read is None:
                continue
            group, pid_rss_bytes, pid_cpu_s = read
            if group != self._group:
                self._strangers.add(pid)
                continue
            self._threads |= _read_threads(pid)  # ended processes keep their last values
            rss_bytes += pid_rss_bytes
            cpu_s += pid_cpu_s
            processes += 1
        self.peak_rss_bytes = max(self.peak_rss_bytes, rss_bytes)
        return TreeUsage(rss_bytes, cpu_s, processes)


if sys.platform == "linux":

    def _all_pids() -> set[int]:
        return {int(name) for name in os.listdir("/proc") if name.isdigit()}  # noqa: PTH208

    def _read_process(pid: int) -> tuple[int, int, float] | None:
        """Its group, resident bytes and CPU seconds; None when it has ended."""
        try:
            file = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
        except (FileNotFoundError, PermissionError):
            return None
        try:
            data = os.read(file, 1024)
        except ProcessLookupError:
            return None
        finally:
            os.close(file)
        # proc(5): the fields behind the name in brackets, of which this is the third (state) and so on.
        fields = data.rpartition(b")")[2].split()
        if fields[0] in (b"Z", b"X"):
            return None
        ticks = sum(map(int, fields[11:15]))  # utime, stime, cutime, cstime
        return int(fields[2]), int(fields[21]) * _PAGE_BYTES, ticks / _TICKS_PER_S

    def _read_threads(pid: int) -> dict[int, tuple[int, int]]:
        """Nanoseconds on a core and waiting for one, by thread; empty if the kernel does not count them."""
        found = {}
        try:
            for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208
                file = os.open(f"/proc/{pid}/task/{thread}/schedstat", os.O_RDONLY)
                try:
                    on_cpu, delay, *_ = os.read(file, 128).split()
                finally:
                    os.close(file)
                found[int(thread)] = int(on_cpu), int(delay)
        except (OSError, ValueError):
            pass  # it has ended, or there is no schedstat
        return found

else:

    def _read_threads(_pid: int) -> dict[int, tuple[int, int]]:
        return {}

    def _all_pids() -> set[int]:
        import psutil  # type: ignore[import-untyped]  # has no stubs of its own

        return set(psutil.pids())

    def _read_process(pid: int) -> tuple[int, int, float] | None:
        import psutil

        try:
            group = os.getpgid(pid)
            process = psutil.Process(pid)
            times = process.cpu_times()
            return group, process.memory_info().rss, times.user + times.system
        except (psutil.Error, OSError):
            # Ended meanwhile, or another user's.
            return None


def oom_kills() -> int:
    """Number of processes that the OOM killer has killed since boot; 0 if unknown."""
    try:
        lines = Path("/proc/vmstat").read_text("ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
