from __future__ import annotations

from pathlib import Path

import pytest

from times_doctor_cli.local.private_worker import local_worker_plan
from times_doctor_cli.planning.request import ScanRequest
from times_doctor_tasks.config import resources
from times_doctor_tasks.config.settings import Settings


def test_a_scan_in_a_container_plans_for_what_the_container_may_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpu.max").write_text("100000 100000\n")
    (tmp_path / "memory.max").write_text(f"{300 << 20}\n")
    (tmp_path / "own").write_text("0::/\n")
    limits = {"cgroups": tmp_path, "own": tmp_path / "own"}
    for name in ("cores", "memory_mb"):
        monkeypatch.setitem(getattr(resources, name).__kwdefaults__, "cgroups", limits["cgroups"])
        monkeypatch.setitem(getattr(resources, name).__kwdefaults__, "own", limits["own"])

    plan = local_worker_plan(ScanRequest(run_path=tmp_path, parallel=True), Settings(), "redis://localhost", "highs")

    assert plan.cache_bytes == 20 * 10**9
    assert (plan.cores, plan.slots, plan.memory_mb) == (1, 1, 300)
