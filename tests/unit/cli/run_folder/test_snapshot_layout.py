from __future__ import annotations

from pathlib import Path

import pytest

from times_doctor_cli.run_folder.model import FoundFile, Role, SearchDir
from times_doctor_cli.run_folder.snapshot_layout import Layout, lay_out
from times_doctor_tasks.snapshot.manifest import HostileName, NameCollision

WRK = Path("/m/Wrk")
CASE, SRC = WRK / "Case", Path("/m/Src")
DIRS = [SearchDir(CASE, "", "model"), SearchDir(SRC, "", "source"), SearchDir(WRK, "", "idir3")]


def found(path: str, anchor: Path = CASE, workdir_name: str | None = None) -> FoundFile:
    return FoundFile(Path(path), anchor, Role.DATA, "", workdir_name)


def names(layout: Layout) -> list[str]:
    return list(layout.names.values())


def test_files_of_the_run_folder_stand_in_model() -> None:
    assert names(lay_out([found("/m/Wrk/Case/A.run"), found("/m/Wrk/Case/Sub/B.dd")], DIRS)) == [
        "model/a.run",
        "model/sub/b.dd",
    ]


def test_search_folders_that_hold_nothing_change_no_name() -> None:
    layout = lay_out([found("/m/Wrk/Case/a.run")], DIRS)
    assert layout.folder_name(WRK) is None


def test_folders_inside_each_other_become_one_region() -> None:
    layout = lay_out([found("/m/Wrk/Case/a.run"), found("/m/Wrk/b.dd", WRK), found("/m/Src/x.mod", SRC)], DIRS)
    assert names(layout) == ["model/case/a.run", "model/b.dd", "source/x.mod"]
    assert layout.folder_name(WRK) == "model"
    assert layout.folder_name(CASE) == "model/case"


def test_a_file_above_the_run_folder_keeps_its_relative_place() -> None:
    assert names(lay_out([found("/m/Wrk/Case/a.run"), found("/m/Data/b.dd")], DIRS)) == [
        "model/wrk/case/a.run",
        "model/data/b.dd",
    ]


def test_a_reach_into_the_source_folder_makes_one_region_of_both() -> None:
    files = [found("/m/Wrk/Case/a.run"), found("/m/Src/x.mod", CASE), found("/m/Src/y.mod", SRC)]
    layout = lay_out(files, DIRS)
    assert names(layout) == ["model/wrk/case/a.run", "model/src/x.mod", "model/src/y.mod"]
    assert layout.folder_name(SRC) == "model/src"


def test_files_for_the_working_directory_stand_apart() -> None:
    layout = lay_out([found("/m/Wrk/Case/a.run"), found("/other/B_P.gdx", CASE, "gamssave/B_P.gdx")], DIRS)
    assert names(layout) == ["model/a.run", "cwd/gamssave/b_p.gdx"]


def test_names_do_not_depend_on_where_the_model_lies() -> None:
    moved = [SearchDir(Path("/elsewhere/x/Case"), "", "model")]
    here = lay_out([found("/m/Wrk/Case/a.run"), found("/m/Wrk/b.dd")], DIRS)
    there = lay_out([found(f"/elsewhere/x/{name}", moved[0].path) for name in ("Case/a.run", "b.dd")], moved)
    assert names(here) == names(there)


def test_two_files_that_become_one_are_named() -> None:
    with pytest.raises(NameCollision, match=r"'/m/Wrk/Case/a\.dd' and '/m/Wrk/Case/A\.dd'"):
        lay_out([found("/m/Wrk/Case/a.dd"), found("/m/Wrk/Case/A.dd")], DIRS)


def test_a_name_that_cannot_stand_on_a_host_is_refused() -> None:
    with pytest.raises(HostileName, match="not text"):
        lay_out([found("/m/Wrk/Case/\udce9.dd")], DIRS)
