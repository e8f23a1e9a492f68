from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from times_doctor_cli.views.input_tree import PlannedFile, input_tree

ROOT = Path("/veda")


def drawn(*files: tuple[str, str], folders: tuple[tuple[str, str], ...] = ()) -> str:
    tree = input_tree(
        [PlannedFile(ROOT / name, why) for name, why in files], [(ROOT / name, who) for name, who in folders]
    )
    assert tree is not None
    console = Console(file=io.StringIO(), width=80, color_system=None, legacy_windows=False)
    console.print(tree)
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())


def test_files_stand_in_their_folders_with_who_names_them() -> None:
    assert drawn(
        ("Wrk/Case/CASE.RUN", "VTRUN.CMD line 5"),
        ("Wrk/base.dd", "CASE.RUN:9"),
        ("Src/initsys.mod", "CASE.RUN:3"),
        folders=(("Wrk/Case", "run folder"), ("Src", "VTRUN.CMD line 5")),
    ) == (
        "/veda\n"
        "├── Src/  VTRUN.CMD line 5\n"
        "│   └── initsys.mod  CASE.RUN:3\n"
        "└── Wrk/\n"
        "    ├── base.dd  CASE.RUN:9\n"
        "    └── Case/  run folder\n"
        "        └── CASE.RUN  VTRUN.CMD line 5"
    )


def test_many_files_with_one_reason_are_one_line_and_long_lists_are_counted() -> None:
    source = [(f"src/{number}.mod", "TIMES source") for number in range(300)]
    data = [(f"{number}.dd", f"a.run:{number}") for number in range(20)]
    words = drawn(*source, *data)
    assert "300 files  TIMES source" in words
    assert "8 more" in words
    assert len(words.splitlines()) < 20


def test_nothing_is_wider_than_the_terminal() -> None:
    words = drawn(("a/" + "x" * 200 + ".dd", "a.run:1"), ("b/c.dd", "w" * 200))
    assert max(map(len, words.splitlines())) <= 80


def test_one_file_alone_needs_no_tree() -> None:
    assert input_tree([PlannedFile(ROOT / "a.mps", "named")]) is None
