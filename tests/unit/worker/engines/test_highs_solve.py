from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import highspy
import pytest

from tests.unit.worker.engines.native_solve import solve
from times_doctor_worker.engines.native.adapter import BadOption

_LP = "Minimize\n cost: 2 x + 3 y\nSubject To\n need: x + y >= 4\n most: x <= 3\nEnd\n"
_MIP = "Maximize\n gain: 3 x + 2 y\nSubject To\n most: 2 x + 2 y <= 9\nBounds\n x <= 3\nGeneral\n x y\nEnd\n"
_NONE = "Minimize\n cost: x\nSubject To\n need: x >= 4\n most: x <= 3\nEnd\n"


def quality_with(folder: Path, model: str, options: str) -> dict[str, Any]:
    code, result = solve(folder, model, options)
    assert code == 0, result
    quality: dict[str, Any] = result["quality"]
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


FILE_OPTIONS = [
    "read_solution_file", "read_basis_file", "write_model_file", "solution_file", "write_basis_file",
    "write_presolved_model_file", "write_iis_model_file", "mip_improving_solution_file",
]  # fmt: skip


def answer(folder: Path, options: str) -> int:
    return solve(folder, _LP, options)[0]


@pytest.mark.parametrize("name", FILE_OPTIONS)
def test_an_option_that_names_a_file_is_refused_and_said_in_the_log(tmp_path: Path, name: str) -> None:
    target = tmp_path / "target"
    assert answer(tmp_path, f"write_model_to_file = true\n{name} = {target}\n") == BadOption.code
    refused = f"ERROR:   line 2 of the options, '{name}' = '{target}': it names a file"
    assert refused in (tmp_path / "run.log").read_text()
    assert not target.exists()


def test_these_are_all_options_of_the_installed_highs_that_take_a_file(tmp_path: Path) -> None:
    highs: Any = highspy.Highs()  # type: ignore[no-untyped-call]
    highs.setOptionValue("output_flag", False)
    highs.writeOptions(str(tmp_path / "all"))
    texts = re.findall(r"type: string, .*default: \"\"\]\n(\w+) =", (tmp_path / "all").read_text())
    assert sorted(texts) == sorted([*FILE_OPTIONS, "log_file"])


@pytest.mark.parametrize("value", ["my.log", "/dev/full"])
def test_a_log_file_in_the_options_does_not_move_the_log(tmp_path: Path, value: str) -> None:
    assert answer(tmp_path, f"log_file = {value}\n") == 0
    assert "Coefficient ranges" in (tmp_path / "run.log").read_text()
    assert {path.name for path in tmp_path.iterdir()} == {"m.lp", "order.json", "run.log", "result.json"}


@pytest.mark.parametrize("line", ["nonsense = 1", "threads = 1.5", "solver = simplx", '"threads" = 1', "threads 4"])
def test_a_line_that_highs_does_not_take_ends_the_run(tmp_path: Path, line: str) -> None:
    assert answer(tmp_path, f"presolve = on\n{line}\n") == BadOption.code
    assert "line 2 of the options" in (tmp_path / "run.log").read_text()
