from __future__ import annotations

import pytest

from times_doctor_cli.run_folder.gams.conditions import read_condition
from times_doctor_cli.run_folder.gams.macros import Macros


def make_macros() -> Macros:
    macros = Macros()
    macros.set("OBJ", "AUTO", "x.run:1", certain=True)
    macros.set("EMPTY", "", "x.run:2", certain=True)
    macros.set("MAYBE", "YES", "x.run:3", certain=False)
    return macros


@pytest.mark.parametrize(
    ("keyword", "text", "truth", "rest"),
    [
        ("if", "%OBJ%==AUTO $include a.dd", True, "$include a.dd"),
        ("if", "%OBJ% == AUTO $include a.dd", True, "$include a.dd"),
        ("if", "'%OBJ%'=='AUTO' $SET X 'y' SET Z w", True, "$SET X 'y' SET Z w"),
        ("if", '"%OBJ%"==auto $include a.dd', False, "$include a.dd"),
        ("ifi", "%OBJ%==auto $include a.dd", True, "$include a.dd"),
        ("ifi", "NOT %OBJ%==auto $include a.dd", False, "$include a.dd"),
        ("ifi", "'x%OBJ%%EMPTY%'==xauto", True, ""),
        ("if", "%MAYBE%==YES $include a.dd", None, "$include a.dd"),
        ("if", "%UNSET%==YES $include a.dd", None, "$include a.dd"),
        ("if", "%OBJ%==STD   SUM(R, X(R))", False, "SUM(R, X(R))"),
        ("if", "set OBJ $include a.dd", True, "$include a.dd"),
        ("if", "not set OBJ $include a.dd", False, "$include a.dd"),
        ("if", "not set UNSET $include a.dd", None, "$include a.dd"),
        ("if", "not DECLARED REG_BNDCST $Abort 'x'", None, "$Abort 'x'"),
        ("if", "ERRORFREE $BATINCLUDE a.dd", True, "$BATINCLUDE a.dd"),
        ("if", "NOT ERRORFREE $EXIT", False, "$EXIT"),
        ("if", "gamsversion 236 $SETGLOBAL G2X6 YES", None, "$SETGLOBAL G2X6 YES"),
        ("if", "dimension 2 X $include a.dd", None, "$include a.dd"),
        ("if", "exist here.dd $include here.dd", True, "$include here.dd"),
        ("if", "not exist 'gone.dd' $include b.dd", True, "$include b.dd"),
        ("ife", "CARD(X)+1>3 $include a.dd", None, "$include a.dd"),
        ("ife", "1", None, ""),
        ("elseifi", "%OBJ%==auto", True, ""),
    ],
)
def test_conditions_are_decided_where_the_text_can_decide_them(
    keyword: str, text: str, truth: bool | None, rest: str
) -> None:
    condition = read_condition(keyword, text, make_macros(), None, lambda name: name == "here.dd")
    assert (condition.truth, condition.rest.strip()) == (truth, rest)


def test_arguments_decide_too() -> None:
    assert read_condition("if", "'%1'=='0' $EXIT", make_macros(), ("0",), lambda _: None).truth is True
    assert read_condition("if", "'%1'=='0' $EXIT", make_macros(), None, lambda _: None).truth is None
