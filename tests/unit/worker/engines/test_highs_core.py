from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.worker.engines.native_solve import solve

_LP = "Minimize\n cost: 2 x + 3 y\nSubject To\n need: x + y >= 4\n most: x <= 3\nEnd\n"
#: What the program loads, and whether it solves all the same.
_LOADED = """
import sys
from times_doctor_worker.engines.native import highs
{before}
api = highs.load(whole={whole})
made = api.Highs() if hasattr(api, "Highs") else api._Highs()
made.setOptionValue("output_flag", False)
made.readModel({model!r})
made.run()
print("numpy" in sys.modules, made.getInfo().objective_function_value)
"""
_BROKEN = "import types; sys.modules['highspy._core'] = types.ModuleType('highspy._core')"


@pytest.mark.parametrize(
    ("before", "whole", "said"),
    [("", False, "False 9.0"), ("", True, "True 9.0"), (_BROKEN, False, "True 9.0")],
    ids=["short way", "whole", "another layout"],
)
def test_the_installed_highs_solves_without_numpy_and_with_it(
    tmp_path: Path, before: str, whole: bool, said: str
) -> None:
    (tmp_path / "m.lp").write_text(_LP)
    code = _LOADED.format(before=before, whole=whole, model=str(tmp_path / "m.lp"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip().splitlines()[-1] == said, done.stderr


@pytest.mark.parametrize(("cost", "ended"), [("2", 0), ("1e999", 2), ("nan", 2)])
def test_a_number_that_is_none_is_found_whichever_way_highs_is_loaded(tmp_path: Path, cost: str, ended: int) -> None:
    model = tmp_path / "m.mps"
    model.write_text(f"NAME m\nROWS\n N c\n G r\nCOLUMNS\n x c {cost} r 1\nRHS\n RHS r 2\nENDATA\n")
    code, result = solve(tmp_path, model)
    assert code == ended, result
