from __future__ import annotations

import json
import runpy
from importlib.metadata import version
from pathlib import Path

import pytest

from times_doctor_tasks.profiles.option_table import OptionRecord, option_table

TOOL = Path(__file__).parents[4] / "tools" / "option_tables.py"
TABLE = TOOL.parents[1] / "tasks/times_doctor_tasks/profiles/option_tables/highs.json"
DEF = """* of a solver
cuts enumstr 0 "0" 1 7 default cut generation
 "-1" 1 Do not
 "yes" 0 Deprecated
EPGap double 1 1e-4 0 1 1 7 gap
tilim double 1 maxdouble 0 maxdouble 1 1 limit
.feaspref double 0 1 0 1e+020 1 1 preference
names boolean 0 1 1 1 names
 0 off
lazy integer 0 0 -1 maxint 1 7 lazy
workdir string 0 "." 1 1 folder
gap synonym EPGap
general group 1 1 General
"""


def test_the_table_of_highs_is_what_the_installed_highs_says() -> None:
    table = json.loads(TABLE.read_text("utf-8"))
    records = runpy.run_path(str(TOOL))["highs_records"]()
    if table["product"] == f"HiGHS {version('highspy')}":
        assert table["solvers"]["highs"] == records
    known = table["solvers"]["highs"]
    assert {name: known[name] for name in ("solver", "threads", "time_limit")}.keys() <= records.keys()


def test_a_def_file_of_gams_is_read() -> None:
    assert runpy.run_path(str(TOOL))["gams_records"](DEF.splitlines(keepends=True)) == {
        "cuts": ["word", "-1", "yes"],
        "epgap": ["double", 0, 1],
        "tilim": ["double", 0, None],
        "feaspref": ["double", 0, 1e20],
        "names": ["boolean"],
        "lazy": ["integer", -1, 2147483647],
        "workdir": ["text"],
        "gap": ["double", 0, 1],
    }


@pytest.mark.parametrize("solver", ["cplex", "gurobi", "xpress", "copt", "mosek", "highs", "cbc"])
def test_gams_has_a_table_for_each_solver_with_profiles(solver: str) -> None:
    table = option_table("gams", solver.upper())
    assert table is not None
    assert len(table.records) > 80
    assert table.product == "GAMS 54.6.1"


def test_a_solver_without_table_has_none() -> None:
    assert option_table("gams", "soplex") is None
    assert option_table("highs", "cplex") is None


@pytest.mark.parametrize(
    ("parts", "good", "bad"),
    [
        (
            ["integer", 0, 1000],
            ["0", "+1", "1000"],
            ["-1", "1001", "2.0", "1e2", "x", "", "0x1", "1 # all", "1_0", "٣"],
        ),
        (["double", 0, None], ["0", ".5", "1.", "1E3", "inf", "+1"], ["-1", "nan", "1d3", "abc", "", "1,5"]),
        (["double", None, None], ["-inf", "-1e30"], ["none"]),
        (["boolean"], ["true", "F", "1", "off"], ["yes", "2", ""]),
        (["word", "off", "choose"], ["off", "CHOOSE"], ["of", "on", ""]),
        (["text"], ["", "a b"], []),
    ],
)
def test_a_record_takes_what_highs_takes(parts: list[str | float | None], good: list[str], bad: list[str]) -> None:
    record = OptionRecord.of(parts)
    assert [value for value in good if not record.takes(value)] == []
    assert [value for value in bad if record.takes(value)] == []


@pytest.mark.parametrize(
    ("parts", "value", "instead"),
    [
        (["integer", 0, 1000], "2.0", "2"),
        (["integer", 0, 1000], "-4", "0"),
        (["integer", 0, 1000], "4 # all", "4"),
        (["double", 1e-10, None], "0", "1e-10"),
        (["double", 0, 1], "5", "1"),
        (["double", 0, 1], "much", ""),
        (["word", "choose", "simplex"], "simplx", "simplex"),
        (["word", "choose", "simplex"], "zzz", ""),
        (["boolean"], "Yes", "true"),
        (["boolean"], "maybe", ""),
    ],
)
def test_a_value_that_was_likely_meant_is_suggested(parts: list[str | float | None], value: str, instead: str) -> None:
    assert OptionRecord.of(parts).instead(value) == instead
