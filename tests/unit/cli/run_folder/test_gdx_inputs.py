from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.run_folder.conftest import Look
from times_doctor_cli.run_folder.errors import MissingGdx
from times_doctor_cli.run_folder.model import Role, RunDir

SOURCE = {"src/initsys.mod": "", "src/initmty.mod": "$SETGLOBAL GDXPATH\n", "src/maindrv.mod": ""}
END = "$batinclude initsys.mod\n"


def gdx_of(run: RunDir) -> set[str]:
    return {file.name for file in run.inputs if file.role is Role.GDX}


@pytest.fixture
def times(look_at: Look, tmp_path: Path) -> Look:
    """A TIMES run: a driver, and files beside it."""

    def run(driver: str, *files: str, command: str = "", **options: object) -> RunDir:
        tree = {"case/case.run": driver + END, **SOURCE} | dict.fromkeys(files, "gdx")
        if command:
            tree["case/vtrun.cmd"] = f"gams case.run {command}"
        return look_at(tree, times_src=tmp_path / "src", **options)

    return run


@pytest.mark.parametrize(
    ("driver", "file"),
    [
        ("$SET TIMESED base\n", "base_dp.gdx"),
        ("$SET TIMESED Base\n", "BASE_DP.GDX"),
        ("$SET TIMESED base\n", "base.gdx"),
        ("$SET LPOINT base\n", "base_p.gdx"),
        ("$SET LPOINT base\n", "base.gdx"),
        ("$SET RPOINT base\n", "base_p.gdx"),
        ("$SET FIXBOH 2020\n$SET LPOINT base\n", "base.gdx"),
        ("$SET GDX_IREBND base\n", "base.gdx"),
        ("$SET GDX_IPRIC 'base'\n", "base.gdx"),
        ("$SET SPOINT 3\n$SET RUN_NAME base\n", "base_p.gdx"),
        ("$IFI %OBJ%==AUTO $SET LPOINT base\n", "base_p.gdx"),
    ],
)
@pytest.mark.parametrize("folder", ["", "GamsSave/"])
def test_a_control_takes_its_gdx_file(times: Look, driver: str, file: str, folder: str) -> None:
    run = times(driver, f"case/{folder}{file}")
    assert gdx_of(run) == {f"cwd/{folder.lower()}{file.lower()}"}
    assert run.gdxpath == ("gamssave/" if folder else None)


def test_the_load_point_with_p_comes_first_but_with_fixboh_last(times: Look) -> None:
    both = ("case/gamssave/base.gdx", "case/gamssave/base_p.gdx")
    assert gdx_of(times("$SET LPOINT base\n", *both)) == {"cwd/gamssave/base_p.gdx"}
    assert gdx_of(times("$SET FIXBOH 2020\n$SET LPOINT base\n", *both)) == {"cwd/gamssave/base.gdx"}


def test_rpoint_takes_the_place_of_lpoint(times: Look) -> None:
    run = times("$SET LPOINT gone\n$SET RPOINT base\n", "case/base_p.gdx")
    assert gdx_of(run) == {"cwd/base_p.gdx"}


@pytest.mark.parametrize(
    "driver",
    [
        "$SET TIMESED NO\n",
        "$SET TIMESED 0\n",
        "$SET RPOINT NO\n",
        "$SET RPOINT YES\n",
        "$SET SPOINT 1\n$SET RUN_NAME base\n",
        "$SET SPOINT 3\n$SET RUN_NAME none\n",
        "$SET DATAGDX YES\n",
        "$SET MACRO YES\n$SET TIMESED YES\n",
        "* $SET LPOINT base\n",
    ],
)
def test_controls_that_load_nothing_need_nothing(times: Look, driver: str) -> None:
    assert gdx_of(times(driver, "case/base_x.gdx")) == set()


@pytest.mark.parametrize(
    ("control", "files"),
    [
        ("TIMESED base", "'gamssave/base_DP.gdx' or 'gamssave/base.gdx' or 'com_bprice.gdx'"),
        ("TIMESED YES", "'com_bprice.gdx'"),
        ("LPOINT base", "'gamssave/base_p.gdx' or 'gamssave/base.gdx'"),
        ("RPOINT base", "'gamssave/base_p.gdx' or 'gamssave/base.gdx'"),
        ("GDX_IREBND base", "'gamssave/base.gdx'"),
        ("GDX_IPRIC base", "'gamssave/base.gdx'"),
    ],
)
def test_a_missing_gdx_file_is_an_error(times: Look, tmp_path: Path, control: str, files: str) -> None:
    with pytest.raises(MissingGdx) as caught:
        times(f"* one\n$SET {control}\n", "case/gamssave/other.gdx")
    name, value = control.split()
    assert str(caught.value) == (
        f"case.run:2: {name} = {value} needs the GDX file {files}, which is in none of these folders: "
        f"'{tmp_path}/case', '{tmp_path}/src', '{tmp_path}'. Without it TIMES would solve another model and not say "
        f"so. Put the file there, or take {name} out of the driver."
    )


def test_a_missing_gdx_file_under_a_condition_is_a_warning(times: Look) -> None:
    run = times("$IF %X%==1 $SET LPOINT base\n")
    assert run.warnings == ("case.run:1: LPOINT may need base_p.gdx or base.gdx, which was not found.",)


def test_a_control_on_the_command_line_counts(times: Look) -> None:
    with pytest.raises(MissingGdx, match="command line: LPOINT = base"):
        times("", command="--LPOINT=base")


def test_the_command_lines_gdxpath_is_used(times: Look) -> None:
    run = times("$SET LPOINT base\n", "case/save/base_p.gdx", command="--GDXPATH=SAVE\\")
    assert gdx_of(run) == {"cwd/gamssave/base_p.gdx"}
    assert (run.gdxpath, run.gdxpath_source) == ("gamssave/", "vtrun.cmd line 1")


def test_a_gdxpath_of_another_machine_means_the_folder_of_that_name(times: Look) -> None:
    run = times("$SET LPOINT base\n", "case/GamsSave/base_p.gdx", command="--GDXPATH=D:\\Veda\\x\\GAMSSAVE\\")
    assert gdx_of(run) == {"cwd/gamssave/base_p.gdx"}
    assert any("GDXPATH to 'D:\\\\Veda\\\\x\\\\GAMSSAVE\\\\', which is not on this machine" in w for w in run.warnings)


def test_the_drivers_own_gdxpath_is_used_and_rewritten(times: Look) -> None:
    run = times("$SET GDXPATH ..\\Save\\\n$SET LPOINT base\n", "Save/base_p.gdx")
    assert gdx_of(run) == {"cwd/gamssave/base_p.gdx"}
    assert [rewrite.after for rewrite in run.rewrites] == ["$SET GDXPATH gamssave/"]


def test_a_control_that_names_a_path_is_rewritten_to_the_bare_name(times: Look) -> None:
    run = times("$SET LPOINT '..\\..\\Base\\GamsSave\\Base'\n", "Base/GamsSave/base_p.gdx", "case/gamssave/x")
    assert gdx_of(run) == {"cwd/gamssave/base_p.gdx"}
    assert [rewrite.after for rewrite in run.rewrites] == ["$SET LPOINT 'base'"]


def test_a_path_on_the_command_line_becomes_the_bare_name(times: Look) -> None:
    run = times("", "base/base_p.gdx", command="--LPOINT=..\\base\\base")
    assert gdx_of(run) == {"cwd/gamssave/base_p.gdx"}
    assert [(p.name, p.value) for p in run.parameters] == [("--LPOINT", "base")]


def test_data_from_a_gdx_of_the_run_comes_along(times: Look) -> None:
    run = times("$SET DATAGDX YES\n", "case/case~Data.gdx")
    assert gdx_of(run) == {"cwd/case~data.gdx"}


@pytest.mark.parametrize(
    ("line", "file", "staged"),
    [
        ("$gdxin data", "case/Data.gdx", "model/data.gdx"),
        ('$gdxin "data.gdx"', "case/data.gdx", "model/data.gdx"),
        ("$gdxin sub\\data.gdx", "case/Sub/data.gdx", "model/sub/data.gdx"),
        ("$set d data\n$gdxin %d%.gdx", "case/data.gdx", "model/data.gdx"),
        ("$gdxin %unknown%_x", "case/data_x.gdx", "model/data_x.gdx"),
        ("execute_load 'data.gdx' x;", "case/DATA.gdx", "cwd/data.gdx"),
        ("execute_load '..\\data.gdx' x;", "data.gdx", "cwd/data.gdx"),
    ],
)
def test_gdx_files_the_model_loads_itself_come_along(look_at: Look, line: str, file: str, staged: str) -> None:
    run = look_at({"case/case.run": f"{line}\n", file: "gdx"})
    assert gdx_of(run) == {staged}


def test_a_gdxin_that_is_surely_read_and_missing_is_an_error(look_at: Look) -> None:
    with pytest.raises(MissingGdx, match=r"case\.run:2: \$gdxin needs the GDX file 'gone\.gdx'"):
        look_at({"case/case.run": "\n$gdxin gone\n"})


@pytest.mark.parametrize(
    "lines",
    [
        "$call gdxxrw data.xlsx o=made.gdx\n$gdxin made",
        "$gdxout made\n$gdxin made",
        "$if exist made.gdx $gdxin made",
        "$gdxin",
        "execute_load 'made.gdx' x;",
    ],
)
def test_gdx_files_the_run_makes_need_not_be_there(look_at: Look, lines: str) -> None:
    assert gdx_of(look_at({"case/case.run": lines + "\n"})) == set()


def test_without_the_times_source_controls_mean_nothing(look_at: Look) -> None:
    assert look_at({"case/case.run": "$SET LPOINT base\n"}).warnings == ()
