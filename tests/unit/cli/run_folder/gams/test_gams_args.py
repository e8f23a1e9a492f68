from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.cli.run_folder.conftest import Look
from times_doctor_cli.run_folder.gams.gams_args import parse_gams_args
from times_doctor_tasks.contract.errors import UsageError

DRIVER = "$onmulti\n$batinclude base.dd\n$batinclude %CASE%.sc\n"
LAUNCHER = (
    "$if NOT set run_name $SET run_name %CASE%\n"
    "$hiddenCall gams main.run parmfile=gams.opt --case=%CASE% --run_name=%RUN_NAME%\n$terminate\n"
)
LAUNCHED = {
    "case/start.gms": LAUNCHER,
    "case/gams.opt": "InputDir1   model\nInputDir2   scenarios\n",
    "case/main.run": DRIVER,
    "case/model/base.dd": "",
    "case/scenarios/high.sc": "",
    "case/scenarios/Low.sc": "",
}


@pytest.mark.parametrize(
    "text",
    [
        "CASE",
        "=high",
        "--CASE=high",
        "1case=x",
        "my-case=x",
        "a.b=x",
        "",
        "caf\xe9=x",
        "x=a\nb",
        f"x={'y' * 1001}",
        "ERR_ABORT=NO",
    ],
)
def test_what_is_no_variable_with_a_value_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=re.escape("--gams-arg")):
        parse_gams_args([text])


def test_a_variable_given_twice_is_refused_in_any_case() -> None:
    with pytest.raises(UsageError, match="case is given twice"):
        parse_gams_args(["CASE=high", "case=low"])


def test_a_launcher_whose_caller_sets_a_variable_says_so_with_places_and_values(look_at: Look) -> None:
    run = look_at(LAUNCHED)
    assert run.warnings == (
        "CASE has no value: nothing here sets it, and main.run:3, start.gms:1, start.gms:2 need it. "
        "Give it: --gams-arg CASE=VALUE. Values that fit: Low, high.",
    )
    assert {file.path.name for file in run.inputs} == {"main.run", "base.dd", "high.sc", "Low.sc"}


@pytest.mark.parametrize("name", ["CASE", "case"])
def test_a_given_variable_works_out_names_and_travels(look_at: Look, name: str) -> None:
    run = look_at(LAUNCHED, gams_args={name: "high"})
    assert run.warnings == ()
    assert {file.path.name for file in run.inputs} == {"main.run", "base.dd", "high.sc"}
    assert {p.name.lower(): (p.value, p.source) for p in run.parameters} == {
        "--case": ("high", "--gams-arg"),
        "--run_name": ("high", "start.gms line 2"),
    }


def test_a_given_variable_wins_over_the_command_file(look_at: Look) -> None:
    files = {"case/case.run": "$include %scen%.dd\n", "case/vtrun.cmd": "gams case.run --scen=a", "case/b.dd": ""}
    run = look_at(files, gams_args={"SCEN": "b"})
    assert [(p.name, p.value) for p in run.parameters] == [("--SCEN", "b")]


def test_a_given_variable_that_the_model_sets_itself_changes_nothing_and_this_is_said(look_at: Look) -> None:
    run = look_at({"case/case.run": "$set scen a\n$include %scen%.dd\n", "case/a.dd": ""}, gams_args={"SCEN": "b"})
    assert run.warnings == ("--gams-arg SCEN=b changes nothing: case.run:1 sets SCEN itself.",)


@pytest.mark.parametrize("name", ["lp", "LP", "o", "idir", "IDIR2", "reslim", "user3", "on115", "threads", "case"])
def test_a_parameter_of_gams_is_refused_unless_the_model_has_such_a_variable(look_at: Look, name: str) -> None:
    with pytest.raises(UsageError, match=f"{name} is a parameter of GAMS itself"):
        look_at({"case/case.run": ""}, gams_args={name: "x"})
    assert look_at({"case/case.run": f"display '%{name}%';\n"}, gams_args={name: "x"}).parameters


@pytest.mark.parametrize("name", ["seed2", "scenario", "r1", "in", "out", "case5"])
def test_a_variable_that_only_sounds_like_a_parameter_is_taken(look_at: Look, name: str) -> None:
    assert look_at({"case/case.run": ""}, gams_args={name: "x"}).parameters


def test_a_model_file_has_no_variables(look_at: Look) -> None:
    with pytest.raises(UsageError, match=r"--gams-arg CASE: m\.mps is solved without GAMS"):
        look_at({"case/m.mps": "NAME\n"}, gams_args={"CASE": "x"})


def test_gdxpath_can_be_given(look_at: Look, tmp_path: Path) -> None:
    files = {"case/case.run": "$include initmty.mod\n$set lpoint x\n", "case/old/x.gdx": "", "case/initmty.mod": ""}
    files |= {"src/initsys.mod": "", "src/maindrv.mod": "", "src/initmty.mod": ""}
    run = look_at(files, gams_args={"gdxpath": "old/"}, times_src=tmp_path / "src")
    assert (run.gdxpath, run.gdxpath_source) == ("gamssave/", "--gams-arg")
