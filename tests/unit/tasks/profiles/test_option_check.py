from __future__ import annotations

import pytest

from times_doctor_tasks.profiles.option_check import Finding, Severity, check_profile, refusal, warnings
from times_doctor_tasks.profiles.option_file import with_display, with_mip_start, with_threads
from times_doctor_tasks.profiles.profile import Profile
from times_doctor_tasks.profiles.registry import built_in_profiles, own_profile

ERROR, WARNING = Severity.ERROR, Severity.WARNING


def made(text: str, solver: str = "highs", engine: str = "highs", origin: str = "x.opt") -> Profile:
    return Profile("x", solver, text, engine=engine, origin=origin)


def said(found: list[Finding]) -> list[tuple[Severity, int, str, str]]:
    return [(one.severity, one.line, one.name, one.suggestion) for one in found]


@pytest.mark.parametrize(
    "profile", built_in_profiles(engine=None), ids=lambda profile: f"{profile.engine}-{profile.key}"
)
def test_nothing_is_found_in_a_built_in_profile(profile: Profile) -> None:
    text = with_mip_start(
        with_display(with_threads(profile.options, profile.solver, 2), profile.solver), profile.solver
    )
    assert check_profile(made(profile.options, profile.solver, profile.engine)) == []
    assert check_profile(made(text, profile.solver, profile.engine)) == []


@pytest.mark.parametrize(
    ("line", "name", "suggestion"),
    [
        ("presolv = on", "presolv", "Did you mean 'presolve'?"),
        ("Threads = 2", "Threads", "Did you mean 'threads'?"),
        ('"solver" = ipm', '"solver"', "Did you mean 'solver'?"),
        ("lpmethod = 4", "lpmethod", ""),
        ("solver = simplx", "solver", "Did you mean simplex?"),
        ("threads = 2.0", "threads", "Did you mean 2?"),
        ("threads = 2 # both", "threads", "Did you mean 2?"),
        ("threads =", "threads", ""),
        ("simplex_strategy = 9", "simplex_strategy", "Did you mean 4?"),
        ("output_flag = yes", "output_flag", "Did you mean true?"),
        ("time_limit = soon", "time_limit", ""),
        ("time_limit = 1\rthreads = 2", "time_limit", "Did you mean 1?"),
        ("mip_rel_gap = -1", "mip_rel_gap", "Did you mean 0?"),
        ("solver ipm", "solver", "Write `solver = ipm`."),
        (" # solver = ipm", "#", "Begin the comment in the first column."),
        ("ipm", "ipm", "Write an equals sign and a value behind it."),
    ],
)
def test_highs_refuses_a_line_by_number_with_what_was_likely_meant(line: str, name: str, suggestion: str) -> None:
    found = check_profile(made(f"# mine\n\n{line}\nthreads = 1\n"))
    assert said(found) == [(ERROR, 3, name, suggestion)]


@pytest.mark.parametrize(
    "line", ["solver = SIMPLEX", "solver = 'ipx'", "time_limit=1E3", "output_flag = T", "# x", "#x = y"]
)
def test_highs_takes_these_lines(line: str) -> None:
    profile = own_profile("x", "highs", f"\ufeff{line}\r\nthreads = 0\r\n", origin="x.opt", engine="highs")
    assert check_profile(profile) == []


def test_all_lines_of_all_files_are_refused_at_once() -> None:
    profiles = [made("presolv = on\nsolver ipm\n"), made("\nthreads = -1\n", origin="y.opt")]
    found = [(profile, finding) for profile in profiles for finding in check_profile(profile)]
    assert refusal(found) == (
        "3 lines of option files would be refused:\n"
        "  Line 1 of the option file 'x.opt': 'presolv' is not an option of HiGHS 1.16.0. Did you mean 'presolve'?\n"
        "  Line 2 of the option file 'x.opt': 'solver ipm' is not an option: HiGHS reads `key = value` only, and would "
        "drop the whole file and solve with its defaults. Write `solver = ipm`.\n"
        "  Line 2 of the option file 'y.opt': threads = '-1': HiGHS 1.16.0 expects a whole number, 0 or more. "
        "Did you mean 0?"
    )
    assert warnings(found) == []


def test_a_single_line_is_refused_in_one_sentence() -> None:
    profile = made("foo = 1\n")
    (finding,) = check_profile(profile)
    assert refusal([(profile, finding)]) == "Line 1 of the option file 'x.opt': 'foo' is not an option of HiGHS 1.16.0."


def test_many_lines_are_cut() -> None:
    profile = made("foo = 1\n" * 30)
    lines = refusal([(profile, finding) for finding in check_profile(profile)]).splitlines()
    assert (lines[0], len(lines), lines[-1]) == ("30 lines of option files would be refused:", 22, "  and 10 more")


def test_many_warnings_are_cut() -> None:
    profile = made("foo 1\n" * 30, "cplex", "gams")
    lines = warnings([(profile, finding) for finding in check_profile(profile)])
    assert (len(lines), lines[-1]) == (7, "24 more lines of option files are like these.")


@pytest.mark.parametrize(
    ("version", "severity"),
    [("1.16.0", ERROR), ("1.15.1", ERROR), ("", ERROR), ("1.16.1", WARNING), ("1.17.0", WARNING), ("2.0", WARNING)],
)
def test_what_a_newer_highs_may_know_is_a_warning(version: str, severity: Severity) -> None:
    (finding,) = check_profile(made("foo = 1\n"), versions=["1.13.0", version])
    assert finding.severity is severity


@pytest.mark.parametrize(
    ("solver", "line", "name", "suggestion"),
    [
        ("cplex", "lpmetod 4", "lpmetod", "Did you mean 'lpmethod'?"),
        ("cplex", "lpmethod 9", "lpmethod", ""),
        ("cplex", "names maybe", "names", ""),
        ("cplex", "iis yes", "iis", ""),
        ("cplex", "threads,2", "threads,2", "Did you mean 'threads'?"),
        ("cplex", "threads, 2", "threads,", "Did you mean 'threads'?"),
        ("gurobi", "method:2", "method:2", "Did you mean 'method'?"),
        ("cplex", "epgap = 5", "epgap", "Did you mean 1?"),
        ("cplex", "epopt small", "epopt", ""),
        ("gurobi", "Crosover 0", "Crosover", "Did you mean 'crossover'?"),
        ("mosek", "MSK_IPAR_INTPNT_BASIS MSK_BI_NEVR", "MSK_IPAR_INTPNT_BASIS", "Did you mean msk_bi_never?"),
        ("highs", "presolv = on", "presolv", "Did you mean 'presolve'?"),
    ],
)
def test_under_gams_a_line_is_a_warning(solver: str, line: str, name: str, suggestion: str) -> None:
    profile = made(f"\n{line}\n", solver, "gams")
    found = check_profile(profile)
    assert said(found) == [(WARNING, 2, name, suggestion)]
    (words,) = warnings([(profile, found[0])])
    assert f"{solver.upper()} under GAMS 54.6.1" in words
    assert "The scan continues" in words
    assert refusal([(profile, found[0])]) == ""


@pytest.mark.parametrize(
    ("solver", "text"),
    [
        (
            "cplex",
            "LPMETHOD 4\nnames no\niis\nx.feaspref 1\neq.lazy(*) 2\ngthreads 4\nsetitfoind 1\ntilim 1e10\n",
        ),
        ("gurobi", "rootmethod 2\nthreads 4 * all\n"),
        ("xpress", "defaultAlg = 4\n"),
        ("mosek", "MSK_IPAR_INTPNT_BASIS 0\n"),
        ("soplex", "whatever 1\n"),
    ],
)
def test_under_gams_these_lines_are_fine(solver: str, text: str) -> None:
    assert check_profile(made(text, solver, "gams")) == []


def test_a_line_that_highs_drops_is_an_error_under_gams_too() -> None:
    assert said(check_profile(made("solver ipm\n", "highs", "gams"))) == [(ERROR, 1, "solver", "Write `solver = ipm`.")]
