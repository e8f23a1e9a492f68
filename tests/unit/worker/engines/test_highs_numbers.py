from __future__ import annotations

from pathlib import Path

import highspy
import numpy as np
import pytest

from tests.unit.worker.engines.native_solve import solve
from times_doctor_worker.engines.highs_numbers import not_a_number
from times_doctor_worker.engines.native.adapter import Unreadable


def make_mps(folder: Path, cost: str = "1", entry: str = "1") -> Path:
    model = folder / "m.mps"
    model.write_text(
        f"NAME m\nROWS\n N c\n G r\nCOLUMNS\n x c 1 r 1\n wind c {cost} r {entry}\nRHS\n RHS r 2\nENDATA\n"
    )
    return model


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ({"cost": "nan"}, "the cost of wind is nan, not a number"),
        ({"cost": "-inf"}, "the cost of wind is -inf, not a number"),
        ({"entry": "nan"}, "a coefficient of wind is nan, not a number"),
    ],
)
def test_a_cost_or_coefficient_that_is_no_number_is_refused_by_name(
    tmp_path: Path, numbers: dict[str, str], words: str
) -> None:
    code, result = solve(tmp_path, make_mps(tmp_path, **numbers))
    assert (code, result["why"]) == (Unreadable.code, words)
    assert f"ERROR:   {words}\n" in (tmp_path / "run.log").read_text()


def test_every_column_of_a_large_model_is_looked_at() -> None:
    count = 250_001
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = count, 1
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = np.ones(count), np.zeros(count), np.ones(count)
    lp.row_lower_, lp.row_upper_ = np.zeros(1), np.ones(1)
    lp.a_matrix_.start_ = np.arange(count + 1, dtype=np.int32)
    lp.a_matrix_.index_ = np.zeros(count, dtype=np.int32)
    lp.a_matrix_.value_ = np.append(np.ones(count - 1), np.nan)
    highs = highspy.Highs()  # type: ignore[no-untyped-call]  # highspy is typed in part
    highs.setOptionValue("output_flag", False)
    highs.passModel(lp)
    assert not_a_number(highs) == "a coefficient of column 250001 is nan, not a number"


def test_a_model_of_numbers_is_taken(tmp_path: Path) -> None:
    highs = highspy.Highs()  # type: ignore[no-untyped-call]  # highspy is typed in part
    highs.setOptionValue("output_flag", False)
    highs.readModel(str(make_mps(tmp_path)))
    assert not_a_number(highs) == ""
