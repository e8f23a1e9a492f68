"""The resources of this machine: processors and memory, within the limits of its control groups."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

#: Assumed where the platform does not say, MB.
UNKNOWN_MEMORY_MB = 8 * 1024

_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUPS = Path("/proc/self/cgroup")
_MEMINFO = Path("/proc/meminfo")
_MB = 1 << 20


def cores(*, cgroups: Path = _CGROUPS, own: Path = _OWN_CGROUPS) -> int:
    """Processors that this process may use: its affinity, and no more than its control group's quota."""
    if sys.platform == "linux":
        present = len(os.sched_getaffinity(0))
    else:
        present = os.cpu_count() or 1
    quotas = [*_v2_quotas(cgroups, own), *_v1_quotas(cgroups, own)]
    return max(1, min([present, *(int(quota) for quota in quotas)]))


def memory_mb(*, cgroups: Path = _CGROUPS, own: Path = _OWN_CGROUPS) -> int:
    """Physical memory, and no more than its control group's limit."""
    limits = [
        *_numbers(cgroups, own, "", "memory.max"),
        *_numbers(cgroups, own, "memory", "memory.limit_in_bytes"),
    ]
    return min([_physical_mb(), *(limit // _MB for limit in limits)])


def memory_used_mb(*, cgroups: Path = _CGROUPS, own: Path = _OWN_CGROUPS, meminfo: Path = _MEMINFO) -> int | None:
    """How much of `memory_mb` is in use, without caches that the kernel can free; None if unknown.

    Within a limit of its control group (version 2) the group's use counts, else the machine's (proc_meminfo(5)).
    """
    try:
        if memory_mb(cgroups=cgroups, own=own) < _physical_mb():
            current = next(_numbers(cgroups, own, "", "memory.current"))
            stat = _words_of(next(_texts(cgroups, own, "", "memory.stat")))
            return max(0, current - stat["inactive_file"]) // _MB
        found = _words_of(meminfo.read_text("ascii"))
        return (found["MemTotal:"] - found["MemAvailable:"]) // 1024
    except (OSError, StopIteration, KeyError, ValueError):
        return None


def disk_mb(folder: Path) -> tuple[int, int] | None:
    """Size and use of a folder's disk; None if unknown."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return None
    return usage.total // _MB, (usage.total - usage.free) // _MB


def load_1m() -> float | None:
    """The load average of the last minute; None if the platform has none."""
    if sys.platform == "win32":
        return None
    try:
        return round(os.getloadavg()[0], 2)
    except OSError:
        return None


def _physical_mb() -> int:
    if sys.platform == "win32":
        return UNKNOWN_MEMORY_MB
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // _MB
    except (ValueError, OSError):
        return UNKNOWN_MEMORY_MB


def _words_of(text: str) -> dict[str, int]:
    """Lines of a name and a number."""
    return {words[0]: int(words[1]) for line in text.splitlines() if len(words := line.split()) > 1}


def _v2_quotas(cgroups: Path, own: Path) -> Iterator[float]:
    for text in _texts(cgroups, own, "", "cpu.max"):
        quota, _, period = text.partition(" ")
        if quota.isdigit() and period.isdigit():
            yield int(quota) / int(period)


def _v1_quotas(cgroups: Path, own: Path) -> Iterator[float]:
    quotas = _texts(cgroups, own, "cpu", "cpu.cfs_quota_us")
    periods = _texts(cgroups, own, "cpu", "cpu.cfs_period_us")
    for quota, period in zip(quotas, periods, strict=False):
        if quota.isdigit() and period.isdigit():  # "-1" is no limit
            yield int(quota) / int(period)


def _numbers(cgroups: Path, own: Path, controller: str, name: str) -> Iterator[int]:
    return (int(text) for text in _texts(cgroups, own, controller, name) if text.isdigit())  # "max" is no limit


def _texts(cgroups: Path, own: Path, controller: str, name: str) -> Iterator[str]:
    """The values of `name` in our control group and in all above it: each of them limits us.

    In a container the group's path may be the host's and its mount our own: then only the top is there.
    """
    group = _own_group(own, controller)
    if group is None:
        return
    top = cgroups / controller
    folder = top / group.lstrip("/")
    for place in (folder, *folder.parents):
        if place != top and top not in place.parents:
            return
        try:
            yield (place / name).read_text("ascii").strip()
        except (OSError, ValueError):
            continue


def _own_group(own: Path, controller: str) -> str | None:
    """Our group under a controller of version 1, or ("") under version 2; `/proc/self/cgroup`, cgroups(7)."""
    try:
        lines = own.read_text("utf-8").splitlines()
    except OSError:
        return None
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return path
    return None
