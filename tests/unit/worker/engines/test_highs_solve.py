from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from times_doctor_worker.engines.highs_solve import solve

_LP = "Minimize\n cost: 2 x + 3 y\nSubject To\n need: x + y >= 4\n most: x <= 3\nEnd\n"
_MIP = "Maximize\n gain: 3 x + 2 y\nSubject To\n most: 2 x + 2 y <= 9\nBounds\n x <= 3\nGeneral\n x y\nEnd\n"
_NONE = "Minimize\n cost: x\nSubject To\n need: x >= 4\n most: x <= 3\nEnd\n"


def quality_with(folder: Path, model: str, options: str) -> dict[str, Any]:
    (folder / "m.lp").write_text(model)
    (folder / "highs.opt").write_text(options)
    assert solve(folder / "m.lp", folder / "highs.opt", folder / "run.log", folder / "result.json") == 0
    quality: dict[str, Any] = json.loads((folder / "result.json").read_text())["quality"]
    return quality


@pytest.mark.parametrize(
    ("options", "tolerances"),
    [
        ("solver = simplex\n", (1e-7, 1e-7, 1e-7)),
        ("solver = ipx\nrun_crossover = off\n", (1e-7, 1e-7, 1e-8)),
        ("primal_feasibility_tolerance = 1e-9\n", (1e-9, 1e-7, 1e-7)),
        ("kkt_tolerance = 1e-5\nsolver = ipx\n", (1e-5, 1e-5, 1e-5)),
    ],
)
def test_an_lp_says_how_far_it_is_off_and_what_it_was_asked_for(
    tmp_path: Path, options: str, tolerances: tuple[float, ...]
) -> None:
    quality = quality_with(tmp_path, _LP, options)
    assert quality["primal_infeasibility"] <= 1e-6
    assert quality["gap_rel"] <= 1e-6
    assert tuple(quality[f"{name}_tolerance"] for name in ("primal", "dual", "gap")) == tolerances


def test_a_mip_has_no_duals_and_is_held_to_its_own_tolerance(tmp_path: Path) -> None:
    quality = quality_with(tmp_path, _MIP, "mip_feasibility_tolerance = 1e-8\n")
    assert (quality["integrality"], quality["primal_tolerance"]) == (pytest.approx(0.0, abs=1e-8), 1e-8)
    assert not any(name.startswith("dual") for name in quality)


def test_without_a_solution_there_is_nothing_to_measure(tmp_path: Path) -> None:
    assert all(name.endswith("_tolerance") for name in quality_with(tmp_path, _NONE, "presolve = on\n"))
