from __future__ import annotations

from times_doctor_cli.run_folder.gams.macros import HERE, UNKNOWN, Macros


def make_macros(**values: str) -> Macros:
    macros = Macros()
    for name, value in values.items():
        macros.set(name, value, "x.run:1", certain=True)
    return macros


def test_a_name_is_worked_out_from_its_parts_in_any_case() -> None:
    macros = make_macros(DIR="data", scen="Ref")
    assert macros.expand("%dir%/%SCEN%_ts.dd") == ["data/Ref_ts.dd"]


def test_values_may_hold_other_variables() -> None:
    macros = make_macros(A="x")
    macros.set("B", "%A%_y", "x.run:2", certain=True)
    macros.set("A", "z", "x.run:3", certain=True)
    assert macros.expand("%B%") == ["x_y"]


def test_an_unset_variable_is_unknown() -> None:
    assert Macros().expand("a%b%.dd") == [f"a{UNKNOWN}.dd"]


def test_a_value_set_under_an_undecided_condition_is_one_of_two() -> None:
    macros = make_macros(SCEN="a")
    macros.set("SCEN", "b", "x.run:2", certain=False)
    assert macros.expand("%SCEN%.dd") == ["a.dd", "b.dd"]
    assert macros.certain("SCEN") is None


def test_arguments_of_a_batinclude_are_known_and_missing_ones_empty() -> None:
    macros = Macros()
    assert macros.expand("eq%1.%2%3", ("a", "mod")) == ["eqa.mod"]
    assert macros.expand("%*", ("a", "b c")) == ["a b c"]
    assert macros.expand("x.%1", None) == [f"x.{UNKNOWN}"]


def test_the_folder_of_the_file_and_the_working_folder_are_known() -> None:
    assert Macros().expand("%system.fp%a.dd") == [f"{HERE}a.dd"]
    assert Macros().expand("%gams.curdir%a.dd") == ["a.dd"]
    assert Macros().expand("%gams.sysdir%a.dd") == [f"{UNKNOWN}a.dd"]


def test_the_command_line_beats_setglobal_and_not_set() -> None:
    macros = Macros({"GDXPATH": "gamssave/"})
    macros.set("gdxpath", "", "initmty.mod:1", certain=True, is_global=True)
    assert macros.certain("GDXPATH") == "gamssave/"
    macros.set("gdxpath", "other/", "x.run:1", certain=True)
    assert macros.certain("GDXPATH") == "other/"


def test_doubt_keeps_the_values_and_what_the_user_meant() -> None:
    macros = make_macros(TIMESED="base")
    macros.doubt_all()
    (value,) = macros.values("timesed")
    assert (value.text, value.certain, value.meant) == ("base", False, True)


def test_doubt_leaves_the_command_line_alone() -> None:
    macros = Macros({"A": "1"})
    macros.doubt_all()
    assert macros.certain("a") == "1"


def test_too_many_possible_names_are_unknown() -> None:
    macros = Macros()
    for name in "abc":
        for number in range(5):
            macros.set(name, str(number), "x.run:1", certain=False)
    assert macros.expand("%a%%b%%c%.dd") == [f"{UNKNOWN * 3}.dd"]
