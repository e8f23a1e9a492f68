from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = "times_doctor_worker.engines.highs_ranges"
_MODEL = """Minimize
 cost: 1e-4 x + 5 y - 2e7 z
Subject To
 a: 3 x + 4e8 y <= 20
 b: x - 1e-5 z >= -7
 c: y + z = 0
Bounds
 -2 <= x <= 9
 y <= 1e30
 z = 6
"""


def measure(model: Path, result: Path) -> int:
    """The program's return code: a process of its own, because it loads HiGHS in its own way."""
    return subprocess.run(
        [sys.executable, "-m", PROGRAM, model, result], check=False, stdout=subprocess.DEVNULL
    ).returncode


def test_numpy_is_not_loaded_for_it(tmp_path: Path) -> None:
    (tmp_path / "m.lp").write_text(f"{_MODEL}End\n")
    code = f"import sys, pathlib; from {PROGRAM} import measure; measure(*map(pathlib.Path, sys.argv[1:]))"
    argv = [sys.executable, "-c", f"{code}; print('numpy' in sys.modules)", "m.lp", "ranges.json"]
    done = subprocess.run(argv, check=True, capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.endswith("False\n")


def ranges_in(folder: Path, model: str, name: str = "m.lp") -> dict[str, Any]:
    (folder / name).write_text(model)
    assert measure(folder / name, folder / "ranges.json") == 0
    found: dict[str, Any] = json.loads((folder / "ranges.json").read_text())
    return found


def test_each_part_has_its_range_and_the_names_at_both_ends(tmp_path: Path) -> None:
    found = ranges_in(tmp_path, f"{_MODEL}End\n")
    parts = found["parts"]
    assert {name: (part["min"], part["max"], part["count"]) for name, part in parts.items()} == {
        "matrix": (1e-5, 4e8, 6),
        "costs": (1e-4, 2e7, 3),
        "bounds": (2.0, 9.0, 3),
        "right-hand sides": (7.0, 20.0, 2),
    }
    assert (parts["matrix"]["worst"][0], parts["matrix"]["worst"][-1]) == (
        {"name": "z in b", "value": -1e-5},
        {"name": "y in a", "value": 4e8},
    )
    assert [each["name"] for each in parts["bounds"]["worst"]] == ["x", "z", "x"]
    assert [each["name"] for each in parts["right-hand sides"]["worst"]] == ["b", "a"]


def test_of_many_entries_ten_are_named_five_of_each_end(tmp_path: Path) -> None:
    rows = "".join(f" r{n}: {n} x{n} >= 1\n" for n in range(1, 31))
    worst = ranges_in(tmp_path, f"Minimize\n x1\nSubject To\n{rows}End\n")["parts"]["matrix"]["worst"]
    assert [each["value"] for each in worst] == [1, 2, 3, 4, 5, 26, 27, 28, 29, 30]


def test_entries_that_highs_drops_are_counted(tmp_path: Path) -> None:
    found = ranges_in(tmp_path, "Minimize\n x\nSubject To\n a: x + 2e-10 y >= 1\n b: y >= 1e-10\nEnd\n")
    assert (found["dropped"], found["parts"]["matrix"]["min"]) == (1, 2e-10)


@pytest.mark.parametrize(
    ("end", "kind"),
    [("General\n x\n", (True, False)), ("Semi-continuous\n x\n", (True, False)), ("", (False, False))],
)
def test_integers_are_seen(tmp_path: Path, end: str, kind: tuple[bool, bool]) -> None:
    found = ranges_in(tmp_path, f"{_MODEL}{end}End\n")
    assert (found["discrete"], found["quadratic"]) == kind


def test_a_model_of_nothing_has_no_ranges(tmp_path: Path) -> None:
    found = ranges_in(tmp_path, "Minimize\n cost:\nSubject To\nEnd\n")
    assert {part["count"] for part in found["parts"].values()} == {0}


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.lp").write_text("garbage\n")
    assert measure(tmp_path / "m.lp", tmp_path / "ranges.json") == 2
