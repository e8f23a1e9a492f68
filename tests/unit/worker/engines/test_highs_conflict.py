from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import highspy
import pytest

from times_doctor_worker.engines import highs_conflict
from times_doctor_worker.engines.highs_conflict import seek

_DEMAND = "Minimize\n x + 2 y\nSubject To\n demand: x + y >= 10\n limx: x <= 4\n limy: y <= 3\n other: x + z >= 1\n"
_BOUNDS = "Minimize\n cost: x + y\nSubject To\n demand: x + y >= 10\n free: x - z >= -5\nBounds\n x <= 2\n y <= 3\n"
_QUADRATIC = "Minimize\n cost: x + [ 2 x^2 + y^2 ] / 2\nSubject To\n demand: x + y >= 10\n limit: x + y <= 7\n"
_PARITY = (
    "Minimize\n cost: x\nSubject To\n even: 2 x + 2 y = 3\n most: x + y <= 9\nBounds\n x <= 9\n y <= 9\nGeneral\n x y\n"
)
_MIP = "Minimize\n cost: x\nSubject To\n need: 2 x + 2 y >= 30\n most: x + y <= 9\nGeneral\n x y\n"
_SEMI = "Minimize\n x\nSubject To\n need: x + y >= 3\n most: x + 2 y <= 3\nBounds\n 4 <= x <= 9\nSemi-continuous\n x\n"


def found_in(folder: Path, model: str) -> dict[str, Any]:
    (folder / "model.lp").write_text(f"{model}End\n")
    assert seek(folder / "model.lp", folder / "found.json", 60.0) == 0
    found: dict[str, Any] = json.loads((folder / "found.json").read_text())
    return found


@pytest.mark.parametrize(
    ("model", "rows", "bounds"),
    [
        (_DEMAND, ["demand", "limx", "limy"], []),
        (_BOUNDS, ["demand"], ["x", "y"]),
        ("Minimize\n x\nSubject To\n a: x + y <= 9\nBounds\n 7 <= x <= 5\n", [], ["x"]),
        ("Minimize\n x\nSubject To\n nothing: 0 x >= 3\n a: x + y <= 9\n", ["nothing"], []),
        (_QUADRATIC, ["demand", "limit"], []),
        (_MIP, ["need", "most"], []),
    ],
    ids=["rows", "row and bounds", "crossed bounds", "empty row", "quadratic costs", "mip"],
)
def test_the_smallest_conflict_of_an_infeasible_model_is_named(
    tmp_path: Path, model: str, rows: list[str], bounds: list[str]
) -> None:
    found = found_in(tmp_path, model)
    assert (found["outcome"], found["minimal"]) == ("conflict", True)
    assert [part["name"] for part in found["rows"]] == rows
    assert [part["name"] for part in found["bounds"]] == bounds


@pytest.mark.parametrize(
    ("model", "discrete"),
    [(_PARITY, True), (_SEMI, True), ("Minimize\n - x\nSubject To\n a: x - y <= 1\n", False)],
    ids=["integrality", "semi-continuous", "unbounded"],
)
def test_rows_with_a_solution_hold_no_conflict(tmp_path: Path, model: str, discrete: bool) -> None:
    found = found_in(tmp_path, model)
    assert (found["outcome"], found["discrete"]) == ("feasible", discrete)


def test_columns_that_cannot_be_negative_are_counted_and_not_named(tmp_path: Path) -> None:
    found = found_in(tmp_path, "Minimize\n x\nSubject To\n debt: x + y + z <= 0.5\nBounds\n z >= 1\n")
    assert (found["not_negative_count"], found["bound_count"]) == (2, 1)
    assert [(part["name"], part["lower"]) for part in found["bounds"]] == [("z", 1.0)]


def test_a_set_that_is_no_conflict_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(highs_conflict, "STRATEGY", int(highspy.IisStrategy.kIisStrategyLight))
    found = found_in(tmp_path, _DEMAND)
    assert found["outcome"] == "unproved"
    assert "rows" not in found


def test_names_are_made_where_the_file_has_none(tmp_path: Path) -> None:
    found = found_in(tmp_path, "Minimize\n x\nSubject To\n x + y >= 10\n x + y <= 7\n")
    assert len({part["name"] for part in found["rows"]}) == 2
    assert all(part["name"] for part in found["rows"])


def test_a_long_conflict_is_cut_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(highs_conflict, "MOST_NAMED", 2)
    found = found_in(tmp_path, _DEMAND)
    assert (len(found["rows"]), found["row_count"]) == (2, 3)
