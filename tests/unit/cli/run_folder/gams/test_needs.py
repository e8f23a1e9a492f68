from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.run_folder.conftest import Look

#: Text of the driver -> places that need %CASE%.
NEEDED = {
    "$include %CASE%.dd\n": "case.run:1",
    "$batinclude 'scen/%case%.dd' x\n": "case.run:1",
    "$gdxin '%CASE%.gdx'\n": "case.run:1",
    "set s;\nexecute_unload 'out_%CASE%.gdx';\n": "case.run:2",
    "$set name run_%CASE%\n": "case.run:1",
    "%CASE%$include base.dd\n": "case.run:1",
    '$IF NOT SET CASE $ABORT "no case given!"\n': "case.run:1",
    "$ifthen not set case\n$log give it\n$abort no case\n$endif\n": "case.run:3",
    "$ifthen.a not setglobal CASE\n$error no case\n$else.a\n$include %CASE%.dd\n$endif.a\n": "case.run:2, case.run:4",
}
NOT_NEEDED = [
    "$if not set CASE $set CASE base\n$include %CASE%.dd\n",
    "$ifi %CASE%==high $log high\n",
    "* %CASE%\n$ontext\n%CASE%\n$offtext\n",
    "$set CASE a\nx('%CASE%') = 1;\n",
    "$ifthen set CASE\n$abort not now\n$endif\n",
    "display '%system.date%', '%gams.lp%';\n",
    "$eval CASE 1+1\nx = %CASE%;\n",
    "$onecho > x.txt\n%CASE%\n$offecho\n",
]


@pytest.mark.parametrize(("driver", "places"), NEEDED.items())
def test_a_variable_that_nothing_sets_is_named_with_the_places_that_need_it(
    look_at: Look, driver: str, places: str
) -> None:
    run = look_at({"case/case.run": driver})
    (said,) = [warning for warning in run.warnings if "has no value" in warning]
    assert said.lower().startswith(f"case has no value: nothing here sets it, and {places} need")
    assert "--gams-arg" in said


@pytest.mark.parametrize("driver", NOT_NEEDED)
def test_a_variable_that_is_set_or_only_asked_about_is_no_need(look_at: Look, driver: str) -> None:
    assert not [w for w in look_at({"case/case.run": driver, "case/base.dd": ""}).warnings if "has no value" in w]


@pytest.mark.parametrize("word", ["%1", "%SCEN%", "!scen!", "%~1"])
def test_what_the_caller_of_a_command_file_sets_is_a_need_unless_given(look_at: Look, word: str) -> None:
    files = {"case/case.run": "$include %case%.dd\n", "case/low.dd": ""}
    files |= {"case/vtrun.cmd": f"cd %~dp0\nset S={word}\ngams case.run --case=%S% --other=x gdx={word}\n"}
    (said,) = look_at(files).warnings
    assert said.startswith("case has no value: nothing here sets it, and case.run:1, vtrun.cmd line 3 need it.")
    run = look_at(files, gams_args={"CASE": "low"})
    assert run.warnings == ()
    assert [(p.name, p.value) for p in run.parameters] == [("--other", "x"), ("--CASE", "low")]


def test_a_variable_of_the_times_source_is_no_need(look_at: Look, tmp_path: Path) -> None:
    source = {"src/initsys.mod": "$SETGLOBAL EQ 'EQ'\n", "src/maindrv.mod": "", "src/initmty.mod": ""}
    driver = "$include initsys.mod\n%EQ%_x.. y =e= 1;\n"
    assert not look_at({"case/case.run": driver, **source}, times_src=tmp_path / "src").warnings
