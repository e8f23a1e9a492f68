from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.run_folder.conftest import MakeTree
from times_doctor_cli.run_folder.caseless_names import Folders
from times_doctor_cli.run_folder.errors import DriverAmbiguous, DriverNotFound, RunDirUnreadable
from times_doctor_cli.run_folder.gams.driver import choose_driver


def choose(path: Path) -> tuple[str, str]:
    choice = choose_driver(path, Folders(), {})
    return choice.driver.name, choice.why


def test_the_file_named_is_the_driver(make_tree: MakeTree) -> None:
    root = make_tree({"case/a.run": "", "case/case.run": ""})
    assert choose(root / "case/a.run") == ("a.run", "named")


def test_the_one_vtrun_calls_comes_before_the_folders_namesake(make_tree: MakeTree) -> None:
    root = make_tree({"case/A.RUN": "", "case/case.run": "", "case/VtRun.cmd": "gams a.run"})
    assert choose(root / "case") == ("A.RUN", "VtRun.cmd line 1")


def test_the_folders_namesake_comes_before_others(make_tree: MakeTree) -> None:
    root = make_tree({"DemoS_007/demos_007.run": "", "DemoS_007/runfile.run": ""})
    assert choose(root / "DemoS_007") == ("demos_007.run", "has the folder's name")


def test_the_only_run_file_comes_before_gms_files(make_tree: MakeTree) -> None:
    root = make_tree({"x/scenario.run": "", "x/runmodel.gms": "", "x/other.gms": ""})
    assert choose(root / "x") == ("scenario.run", "the only .run file")


def test_the_only_gms_file_is_taken(make_tree: MakeTree) -> None:
    assert choose(make_tree({"x/model.gms": ""}) / "x") == ("model.gms", "the only .gms file")


@pytest.mark.parametrize("name", ["m.mps", "m.mps.gz", "M.LP"])
def test_a_model_file_is_taken_where_there_is_no_driver(make_tree: MakeTree, name: str) -> None:
    root = make_tree({f"x/{name}": ""})
    assert choose(root / "x") == (name, "the only model file")
    assert choose(root / "x" / name) == (name, "named")


@pytest.mark.parametrize("suffix", [".run", ".gms", ".mps"])
def test_several_drivers_are_listed(make_tree: MakeTree, suffix: str) -> None:
    root = make_tree({f"x/a{suffix}": "", f"x/b{suffix}": ""})
    with pytest.raises(DriverAmbiguous) as caught:
        choose(root / "x")
    assert str(caught.value) == (
        f"{str(root / 'x')!r} holds several drivers: 'a{suffix}', 'b{suffix}'. "
        f"Name one: times-doctor scan {root}/x/a{suffix}"
    )


@pytest.mark.parametrize(
    ("first", "texts"),
    [
        ("main.gms", {"a_data.gms": "x", "b_equ.gms": "x", "main.gms": '$include "a_data.gms";\n$include b_equ\n'}),
        ("top.gms", {"a.gms": "x", "mid.gms": "$include a.gms\n", "top.gms": "  $$include mid.gms\n"}),
        ("run.gms", {"a_low.gms": "", "a_high.gms": "", "run.gms": "$batinclude 'a_%CASE%.gms' x\n"}),
        ("zmain.gms", {"a.gms": "", "zmain.gms": "$include parts.inc\n", "parts.inc": "$include a.gms\n"}),
        ("z.gms", {"a.gms": "$include 1\n$include 2\n", "b.gms": "", "z.gms": "$ifthen set q $include b\n$else\n"}),
        ("z.gms", {"a.gms": "", "b.gms": "", "z.gms": "$if set q $include b.gms\n$else $include a.gms\n"}),
        ("model.gms", {"go.gms": "$call gams model.gms --case=x\n", "model.gms": ""}),
        ("run.gms", {"lonely.gms": "x", "part.gms": "", "run.gms": "$if set q $include part.gms\n"}),
    ],
)
def test_the_file_that_no_other_includes_is_suggested(make_tree: MakeTree, first: str, texts: dict[str, str]) -> None:
    root = make_tree({f"x/{name}": text for name, text in texts.items()})
    with pytest.raises(DriverAmbiguous, match=rf"times-doctor scan .*x/{first}$"):
        choose(root / "x")


def test_two_drivers_called_by_vtrun_are_listed(make_tree: MakeTree) -> None:
    root = make_tree({"x/a.run": "", "x/b.run": "", "x/c.run": "", "x/vtrun.cmd": "gams a.run\ngams b.run\n"})
    with pytest.raises(DriverAmbiguous, match=r"'a\.run', 'b\.run'\. Name one"):
        choose(root / "x")


def test_the_line_of_the_named_driver_is_used(make_tree: MakeTree) -> None:
    root = make_tree({"x/a.run": "", "x/b.run": "", "x/vtrun.cmd": "gams a.run idir1=p\ngams b.run idir1=q\n"})
    choice = choose_driver(root / "x/b.run", Folders(), {})
    assert choice.call is not None
    assert choice.call.idirs == ["q"]


def test_a_line_for_another_driver_gives_the_folders_and_this_is_said(make_tree: MakeTree) -> None:
    root = make_tree({"x/a.run": "", "x/b.run": "", "x/vtrun.cmd": "gams a.run idir1=p\n"})
    choice = choose_driver(root / "x/b.run", Folders(), {})
    assert choice.call is not None
    assert choice.call.idirs == ["p"]
    assert choice.warnings == ["vtrun.cmd line 1 starts 'a.run'; its folders and parameters are used for 'b.run'."]


def test_a_called_driver_under_the_path_of_another_machine_is_found_by_its_name(make_tree: MakeTree) -> None:
    root = make_tree({"x/Case.run": "", "x/y.run": "", "x/vtrun.cmd": "gams D:\\Veda\\wrk\\x\\case.run\n"})
    assert choose(root / "x") == ("Case.run", "vtrun.cmd line 1")


def test_a_called_driver_that_is_gone_is_said_and_the_next_rule_holds(make_tree: MakeTree) -> None:
    root = make_tree({"x/only.run": "", "x/vtrun.cmd": "gams gone.run\n"})
    choice = choose_driver(root / "x", Folders(), {})
    assert choice.driver.name == "only.run"
    assert choice.warnings == ["vtrun.cmd line 1 starts 'gone.run', which is not here."]


def test_how_another_gms_file_starts_the_driver_is_used(make_tree: MakeTree) -> None:
    helper = (
        "$ if not set runname $set runname demo\n$ set SRC ../source\n$ set GORUN ''\n"
        "$ ifi %system.filesys%==MSNT $set GORUN cd /d %SYSTEM.FP% &&\n"
        "$ hiddencall %GORUN% gams %SYSTEM.FP%%RUNNAME%.run idir1=%SYSTEM.FP% idir2=%SYSTEM.FP%%SRC% "
        "ps=0 gdx=%SYSTEM.FP%%RUNNAME% r=%SRC%/_times.g00\n"
    )
    root = make_tree({"model/demo.run": "", "model/rundemo.gms": helper, "source/x": ""})
    choice = choose_driver(root / "model", Folders(), {})
    assert choice.call is not None
    assert choice.call.source == "rundemo.gms line 5"
    assert choice.call.idirs == [f"{root}/model/", f"{root}/model/../source"]
    assert choice.call.restart == "../source/_times.g00"


def test_a_launcher_that_is_named_means_what_it_starts(make_tree: MakeTree) -> None:
    root = make_tree({"x/start.gms": "$call gams main.run idir1=y --case=%CASE%\n$terminate\n", "x/main.run": ""})
    choice = choose_driver(root / "x/start.gms", Folders(), {})
    assert (choice.driver.name, choice.why) == ("main.run", "start.gms line 1 starts it")
    assert choice.call is not None
    assert choice.call.idirs == ["y"]


@pytest.mark.parametrize("text", ["$include m.inc\n$call gams main.run\n", "$call gams gone.run\n", "set s;\n"])
def test_a_model_that_only_uses_gams_on_its_way_is_its_own_driver(make_tree: MakeTree, text: str) -> None:
    root = make_tree({"x/start.gms": text, "x/main.run": ""})
    assert choose(root / "x/start.gms") == ("start.gms", "named")


@pytest.mark.parametrize(("name", "why"), [("gone", "is not there"), ("notes.txt", "is not a driver")])
def test_a_path_that_is_no_run_folder_is_refused(make_tree: MakeTree, name: str, why: str) -> None:
    root = make_tree({"notes.txt": ""})
    with pytest.raises(RunDirUnreadable, match=why):
        choose(root / name)


def test_a_folder_without_driver_says_what_was_expected(make_tree: MakeTree) -> None:
    root = make_tree({"x/base.dd": ""})
    with pytest.raises(DriverNotFound, match=r"No driver in .*x': expected a \.run or \.gms file"):
        choose(root / "x")


def test_a_folder_of_cases_names_those_it_holds(make_tree: MakeTree) -> None:
    root = make_tree({"x/low/low.run": "", "x/high/high.gms": "", "x/notes/n.txt": "", "x/base.dd": ""})
    with pytest.raises(DriverNotFound, match=r"folders of cases: 'high', 'low'\. Name one: .*/high$"):
        choose(root / "x")


def test_a_name_with_a_space_is_quoted_as_a_shell_needs_it(make_tree: MakeTree) -> None:
    root = make_tree({"my case/a.run": "", "my case/b.run": ""})
    with pytest.raises(DriverAmbiguous, match=r"times-doctor scan '.*my case/a\.run'$"):
        choose(root / "my case")
