from __future__ import annotations

import json
from pathlib import Path

from tools.house import (
    MAX_MODULES,
    TOP,
    Journey,
    dotted,
    imported,
    journey_faults,
    read_journeys,
    room_faults,
    shared_lines,
)

ROOM = "cli/times_doctor_cli"


def write(top: Path, file: str, text: str = "") -> None:
    path = top / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def test_room_with_one_module_or_too_many_is_named(tmp_path: Path) -> None:
    write(tmp_path, f"{ROOM}/__init__.py")
    write(tmp_path, f"{ROOM}/lonely/one.py")
    write(tmp_path, f"{ROOM}/demo/one.py")
    for number in range(MAX_MODULES + 1):
        write(tmp_path, f"{ROOM}/full/m{number}.py")
    assert list(room_faults(tmp_path)) == [
        f"{ROOM}/full: 15 modules, not 2 to 14",
        f"{ROOM}/lonely: 1 modules, not 2 to 14",
    ]


def test_imports_inside_functions_count(tmp_path: Path) -> None:
    write(tmp_path, "a.py", "def f():\n    from x.y import z\n")
    assert imported(tmp_path / "a.py") == {"x.y", "x.y.z"}


def test_module_name_is_the_path_below_the_root() -> None:
    assert dotted("cli/times_doctor_cli/live/loop.py") == "times_doctor_cli.live.loop"


def test_journey_that_turns_back_or_makes_an_unexplained_step_is_named(tmp_path: Path) -> None:
    first, second, third = (f"{ROOM}/a/one.py", f"{ROOM}/b/two.py", f"{ROOM}/a/three.py")
    write(tmp_path, first, "import times_doctor_cli.b.two\n")
    write(tmp_path, second)
    write(tmp_path, third)
    found = list(journey_faults(Journey("j", 2, (first, second, third), {}), tmp_path))
    assert found == [
        "3 files, not at most 2",
        f"{third} turns back to {ROOM}/a",
        f"{second} and {third} do not import each other, and no `via` explains the step",
    ]


def test_journey_with_a_missing_file_is_named(tmp_path: Path) -> None:
    assert list(journey_faults(Journey("j", 2, ("a/b/gone.py",), {}), tmp_path)) == ["there is no a/b/gone.py"]


def test_lines_that_stand_twice_are_named() -> None:
    messages = [{"message": "Similar lines in 2 files\n==a.b:[9:15]\n==c:[20:26]"}]
    assert list(shared_lines(json.dumps({"messages": messages}))) == ["a.b:10-15 and c:21-26"]


def test_declared_journeys_are_true() -> None:
    journeys = read_journeys(TOP / "tools" / "journeys.toml")
    assert [journey.name for journey in journeys] == [
        "option text to option file",
        "progress line to table",
        "result to CSV",
    ]
    assert {journey.name: list(journey_faults(journey, TOP)) for journey in journeys} == {j.name: [] for j in journeys}
