from __future__ import annotations

import os
from pathlib import Path

import pytest

from times_doctor_tasks.config import resources


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))


@pytest.mark.usefixtures("eight_cores")
@pytest.mark.parametrize(
    ("own", "files", "cores"),
    [
        ("0::/\n", {}, 8),
        ("0::/\n", {"cpu.max": "max 100000"}, 8),
        ("0::/\n", {"cpu.max": "250000 100000"}, 2),
        ("0::/\n", {"cpu.max": "50000 100000"}, 1),
        ("0::/team/worker\n", {"team/cpu.max": "300000 100000", "team/worker/cpu.max": "max 100000"}, 3),
        ("4:cpu,cpuacct:/docker/x\n0::/\n", {"cpu/cpu.cfs_quota_us": "400000", "cpu/cpu.cfs_period_us": "100000"}, 4),
        ("4:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 8),
    ],
)
def test_cores_are_those_of_the_affinity_within_every_quota_above(
    tmp_path: Path, own: str, files: dict[str, str], cores: int
) -> None:
    write(tmp_path / "own", own)
    for name, text in files.items():
        write(tmp_path / "fs" / name, text + "\n")
    assert resources.cores(cgroups=tmp_path / "fs", own=tmp_path / "own") == cores


@pytest.mark.parametrize(
    ("own", "files", "limit_mb"),
    [
        ("0::/\n", {"memory.max": "536870912"}, 512),
        ("0::/a/b\n", {"a/memory.max": "268435456", "a/b/memory.max": "max"}, 256),
        ("4:memory:/docker/x\n", {"memory/memory.limit_in_bytes": "134217728"}, 128),
    ],
)
def test_memory_is_no_more_than_the_smallest_limit_above(
    tmp_path: Path, own: str, files: dict[str, str], limit_mb: int
) -> None:
    write(tmp_path / "own", own)
    for name, text in files.items():
        write(tmp_path / "fs" / name, text + "\n")
    assert resources.memory_mb(cgroups=tmp_path / "fs", own=tmp_path / "own") == limit_mb


def test_a_host_without_control_groups_has_what_it_has(tmp_path: Path) -> None:
    assert resources.cores(cgroups=tmp_path, own=tmp_path / "none") >= 1
    assert resources.memory_mb(cgroups=tmp_path, own=tmp_path / "none") > 100


MEMINFO = "MemTotal:       8388608 kB\nMemFree:         100 kB\nMemAvailable:   2097152 kB\n"


@pytest.mark.parametrize(
    ("files", "used_mb"),
    [
        ({}, 6144),
        ({"team/memory.max": "max"}, 6144),
        ({"team/memory.max": str(1 << 30), "team/memory.current": str(600 << 20)}, None),
        (
            {
                "team/memory.max": str(1 << 30),
                "team/memory.current": str(600 << 20),
                "team/memory.stat": f"anon 5\ninactive_file {100 << 20}",
            },
            500,
        ),
    ],
)
def test_memory_in_use_is_that_of_the_limit_that_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], used_mb: int | None
) -> None:
    monkeypatch.setattr(resources, "_physical_mb", lambda: 8192)
    write(tmp_path / "own", "0::/team\n")
    write(tmp_path / "meminfo", MEMINFO)
    for name, text in files.items():
        write(tmp_path / "fs" / name, text + "\n")
    places = {"cgroups": tmp_path / "fs", "own": tmp_path / "own", "meminfo": tmp_path / "meminfo"}
    assert resources.memory_used_mb(**places) == used_mb


def test_what_cannot_be_asked_is_not_known(tmp_path: Path) -> None:
    assert resources.memory_used_mb(meminfo=tmp_path / "none", cgroups=tmp_path, own=tmp_path / "none") is None
    assert resources.disk_mb(tmp_path / "none") is None
    total_mb, used_mb = resources.disk_mb(tmp_path) or (0, 0)
    assert total_mb >= used_mb > 0
