from __future__ import annotations

import pytest

from times_doctor_tasks.contract.hosts import NATIVE_SOLVERS
from times_doctor_tasks.profiles.option_check import Severity, check_profile
from times_doctor_tasks.profiles.option_file import with_display, with_mip_start, with_threads
from times_doctor_tasks.profiles.option_table import native_options, option_table
from times_doctor_tasks.profiles.profile import Profile
from times_doctor_tasks.profiles.registry import built_in_profiles, own_profile, resolve

#: What the built-in texts of CPLEX say to GAMS alone.
OF_GAMS_ONLY = {"names", "rerun", "iis"}


@pytest.mark.parametrize("solver", NATIVE_SOLVERS)
def test_every_built_in_text_maps_without_a_rest(solver: str) -> None:
    profiles = built_in_profiles(solver, engine="native")
    assert profiles
    for profile in profiles:
        text = with_mip_start(with_display(with_threads(profile.options, solver, 4), solver), solver)
        alone = own_profile("x", solver, text, origin="x.opt", engine=solver)
        assert {one.name for one in check_profile(alone)} <= OF_GAMS_ONLY, profile.name
        left_out = {name for _, name, native, _ in native_options(text, solver) if native is None}
        assert left_out <= OF_GAMS_ONLY, profile.name


@pytest.mark.parametrize("solver", NATIVE_SOLVERS[1:])
def test_one_text_is_the_profile_of_both_worlds(solver: str) -> None:
    under_gams = {p.name: (p.options, p.interior) for p in built_in_profiles(solver)}
    alone = {p.name: (p.options, p.interior) for p in built_in_profiles(solver, engine="native")}
    assert under_gams == alone
    assert {p.engine for p in built_in_profiles(solver, engine="native")} == {solver}


def findings(solver: str, text: str, version: str = "1.0") -> list[tuple[Severity, int, str]]:
    profile = own_profile("mine", solver, text, origin="mine.opt", engine=solver)
    return [(one.severity, one.line, one.sentence) for one in check_profile(profile, versions=[version])]


@pytest.mark.parametrize(
    ("solver", "text", "severity", "words"),
    [
        ("cplex", "lpmehtod 4\n", Severity.ERROR, "'lpmehtod' is not an option of CPLEX 22.2.0.1."),
        ("gurobi", "method 99\n", Severity.ERROR, "GUROBI 13.0.3 expects a whole number from -1 to 6."),
        ("copt", "Threads 1000\n", Severity.ERROR, "COPT 8.0.7 expects a whole number from -1 to 128."),
        (
            "cplex",
            "rerun yes\n",
            Severity.WARNING,
            "'rerun' exists only in GAMS: without GAMS the run continues without it.",
        ),
        ("gurobi", "resultfile /tmp/x\n", Severity.ERROR, "'resultfile' names a file"),
        ("cplex", "workdir /tmp\n", Severity.ERROR, "'workdir' names a file"),
        ("xpress", "logfile /tmp/x\n", Severity.ERROR, "'logfile' names a file"),
    ],
)
def test_what_a_solver_alone_would_not_take_is_said_before_anything_runs(
    solver: str, text: str, severity: Severity, words: str
) -> None:
    found = findings(solver, text)
    assert [(one[0], one[1]) for one in found] == [(severity, 1)]
    assert words in found[0][2]


def test_a_newer_solver_may_know_more() -> None:
    assert findings("gurobi", "brandnew 1\n", "99.0")[0][0] is Severity.WARNING


@pytest.mark.parametrize(
    ("solver", "text"),
    [
        ("cplex", "LPMETHOD = 4\npreind no\nx.feaspref 1\n"),
        ("gurobi", "LPMethod 2\nWorkLimit 10\n"),
        ("xpress", "DefaultAlg 4\nreslim 100\n"),
        ("copt", "lpmethod 6\n"),
    ],
)
def test_names_in_any_case_and_synonyms_of_gams_are_taken(solver: str, text: str) -> None:
    assert [one for one in findings(solver, text) if one[0] is Severity.ERROR] == []


def test_a_name_is_told_by_the_solvers_own() -> None:
    assert native_options("aggind 1\nNames no\nfoo 3\n", "cplex") == [
        (1, "aggind", "preprocessing.aggregator", "1"),
        (2, "Names", None, "no"),
        (3, "foo", "foo", "3"),
    ]
    table = option_table("xpress", "xpress")
    assert table is not None
    assert table.natively("reslim") == "timelimit"


def test_a_mip_has_the_default_set_of_solvers_that_have_none_for_it() -> None:
    chosen = resolve([], ("highs", "cplex"), {}, engine="native", default="mip")
    assert [profile.key for profile in chosen] == [
        "cplex:dual", "cplex:sift", "cplex:bar_nox", "highs:default", "highs:lp_ipx", "highs:seed_2",
    ]  # fmt: skip


def test_profiles_of_several_solvers_are_named_in_one_scan() -> None:
    chosen = resolve(["cplex:dual", "gurobi:bar", "highs:hipo"], ("cplex",), {}, engine="native")
    assert [(profile.engine, profile.name) for profile in chosen] == [
        ("cplex", "dual"), ("gurobi", "bar"), ("highs", "hipo"),
    ]  # fmt: skip
    assert isinstance(chosen[0], Profile)
