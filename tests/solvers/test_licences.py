from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.solvers.conftest import require
from times_doctor_tasks.contract.hosts import WorkerPlan
from times_doctor_worker.engines.discovery import PACKAGES, find_engine

pytestmark = pytest.mark.timeout(120)


@pytest.mark.parametrize(
    ("solver", "environ", "why"),
    [
        ("gurobi", "GRB_LICENSE_FILE", "License expired 2020-01-01"),
        ("xpress", "XPAUTH_PATH", "Your license file contains no licenses"),
        ("copt", "COPT_LICENSE_DIR", "Invalid signature"),
    ],
)
def test_a_licence_of_ones_own_that_is_no_good_is_told_with_its_place(
    tmp_path: Path, solver: str, environ: str, why: str
) -> None:
    require(PACKAGES[solver])
    ended = "TYPE=NODE\nVERSION=13\nHOSTID=12345678\nEXPIRATION=2020-01-01\nKEY=ABCD1234\nCKEY=ABCD1234\n"
    for name, text in (("gurobi.lic", ended), ("xpauth.xpr", "hello"), ("license.dat", "hello"), ("license.key", "x")):
        (tmp_path / name).write_text(text)
    place = tmp_path / "gurobi.lic" if solver == "gurobi" else tmp_path
    plan = WorkerPlan(
        broker_url="redis://h", store_url="redis", host="h", cores=1, memory_mb=1, cache_dir=str(tmp_path)
    )

    found = find_engine(solver, plan, {"PATH": os.defpath, environ: str(place)})

    assert found.engine is None
    assert why in found.notes[0]
    assert environ in found.notes[0]
    assert "or take it away and use the free one." in found.notes[0]
