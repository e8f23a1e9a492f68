from __future__ import annotations

import pytest

from times_doctor_tasks.contract.errors import UsageError
from times_doctor_tasks.profiles.option_file import (
    broken_lines,
    is_interior,
    parse_options,
    with_display,
    with_mip_start,
    with_threads,
)
from times_doctor_tasks.profiles.profile import Profile
from times_doctor_tasks.profiles.registry import CURRENT, built_in_profiles, by_key, own_profile, resolve

REFERENCE_COMMON = {
    "aggind": "1",
    "scaind": "-1",
    "eprhs": "1e-06",
    "epopt": "1e-06",
    "numericalemphasis": "1",
    "names": "no",
    "advind": "0",
    "rerun": "yes",
    "iis": "0",
    "bardisplay": "2",
}


def own(name: str, solver: str = "cplex", text: str = "lpmethod 4\n", origin: str = "_td_opt_files/x.opt") -> Profile:
    return own_profile(name, solver, text, origin=origin)


def names_of(profiles: tuple[Profile, ...]) -> list[str]:
    return [p.key for p in profiles]


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("dual", {"lpmethod": "2", "solutiontype": "1"}),
        ("sift", {"lpmethod": "5", "solutiontype": "1"}),
        ("bar_nox", {"lpmethod": "4", "baralg": "1", "barorder": "1", "solutiontype": "2"}),
    ],
)
def test_default_cplex_profile_carries_the_options_of_the_reference(name: str, method: dict[str, str]) -> None:
    profile = resolve([name], "cplex", {})[0]

    options = dict(parse_options(with_threads(profile.options, "cplex", 3), "cplex").options)

    assert options.pop("simdisplay") == "1"
    assert options.pop("threads") == "3"
    assert options == REFERENCE_COMMON | method


def test_no_built_in_profile_sets_an_option_twice_or_has_a_broken_line() -> None:
    for engine in ("gams", "highs"):
        for profile in built_in_profiles(engine=engine):
            names = [name.lower() for name, _ in parse_options(profile.options, profile.solver).options]
            assert len(names) == len(set(names)), profile.key
            assert not broken_lines(profile.options, profile.solver), profile.key
            assert profile.does, profile.key
            assert profile.use_when, profile.key


def test_built_in_profile_without_crossover_is_the_interior_one() -> None:
    interior = {p.key for p in built_in_profiles() if p.interior}
    solvers = {p.solver for p in built_in_profiles()}

    assert interior == {f"{solver}:bar_nox" for solver in solvers}
    assert {p.name for p in built_in_profiles(engine="highs") if p.interior} == {"bar_nox", "hipo_nox", "pdlp"}


def test_with_threads_changes_nothing_but_the_number() -> None:
    text = "* my file\r\n\r\nlpmethod   4\r\n  THREADS =\t7  ! all\r\nepopt 1e-9"

    assert with_threads(text, "cplex", 12) == text.replace("7", "12")


def test_with_threads_adds_a_line_in_the_style_of_the_file() -> None:
    assert with_threads("* c\r\nlpmethod 4", "cplex", 2) == "* c\r\nlpmethod 4\r\nthreads 2\r\n"
    assert with_threads("solver = ipm\n", "highs", 2) == "solver = ipm\nthreads = 2\n"
    assert with_threads("", "mosek", 2) == "MSK_IPAR_NUM_THREADS 2\n"


def test_with_threads_leaves_a_commented_option_alone_and_sets_each_copy() -> None:
    text = "* threads 8\nthreads 1\ngthreads 4\n"

    assert with_threads(text, "cplex", 2) == "* threads 8\nthreads 2\ngthreads 2\n"


def test_with_threads_leaves_the_text_of_a_solver_without_known_option_alone() -> None:
    assert with_threads("feastol 1e-9\n", "soplex", 4) == "feastol 1e-9\n"


def test_with_display_calms_a_line_per_pivot_and_wakes_a_silent_log() -> None:
    text = "lpmethod 5\nsimdisplay 2\nbardisplay 0\nsiftdisplay 0\n"

    assert with_display(text, "cplex") == "lpmethod 5\nsimdisplay 1\nbardisplay 2\nsiftdisplay 1\n"
    assert with_display("lpmethod 5\n", "cplex") == "lpmethod 5\nsimdisplay 1\nbardisplay 2\n"
    assert with_display("solver = ipm\n", "highs") == "solver = ipm\n"


def test_display_and_threads_are_stable_when_set_again() -> None:
    for profile in built_in_profiles():
        once = with_threads(with_display(profile.options, profile.solver), profile.solver, 2)
        assert with_threads(with_display(once, profile.solver), profile.solver, 2) == once


def test_comments_are_kept_apart_from_options() -> None:
    parsed = parse_options("\ufeff* dual\n! also one\nlpmethod=2\nepopt\t1e-9 * tight\nreadfile 'a b'\niis\n", "cplex")

    assert parsed.comments == ("* dual", "! also one")
    assert parsed.options == (("lpmethod", "2"), ("epopt", "1e-9"), ("readfile", "a b"), ("iis", ""))


def test_last_of_two_equal_options_counts() -> None:
    assert parse_options("LPMETHOD 4\nlpmethod 2\n", "cplex").value("LpMethod") == "2"


@pytest.mark.parametrize(
    ("solver", "text", "expected"),
    [
        ("cplex", "lpmethod 4\nsolutiontype 2", True),
        ("cplex", "barcrossalg -1", True),
        ("cplex", "lpmethod 4\nsolutiontype 2\nsolutiontype 1", False),
        ("cplex", "lpmethod 2\nsolutiontype 2", False),
        ("cplex", "* solutiontype 2\nlpmethod 4", False),
        ("gurobi", "method 2\ncrossover 0", True),
        ("gurobi", "method 1\ncrossover 0", False),
        ("xpress", "defaultAlg 4\ncrossover 0", True),
        ("xpress", "defaultAlg 2\ncrossover 0", False),
        ("copt", "LpMethod 2\nCrossover 0", True),
        ("copt", "Crossover 0", False),
        ("mosek", "MSK_IPAR_INTPNT_BASIS MSK_BI_NEVER", True),
        ("mosek", "MSK_IPAR_OPTIMIZER MSK_OPTIMIZER_DUAL_SIMPLEX\nMSK_IPAR_INTPNT_BASIS MSK_BI_NEVER", False),
        ("highs", "solver = ipx\nrun_crossover = off", True),
        ("highs", "run_crossover = off", False),
        ("highs", "solver = pdlp", True),
        ("cbc", "crossover 0", False),
    ],
)
def test_options_tell_whether_the_solution_will_be_interior(solver: str, text: str, *, expected: bool) -> None:
    assert is_interior(text, solver) is expected


def test_mip_gets_its_method_for_root_and_simplex_nodes() -> None:
    assert with_mip_start("lpmethod 2\n", "cplex") == "lpmethod 2\nstartalg 2\nsubalg 2\n"
    assert with_mip_start("lpmethod 4\n", "cplex") == "lpmethod 4\nstartalg 4\n"
    assert with_mip_start("lpmethod 4\nstartalg 1\n", "cplex") == "lpmethod 4\nstartalg 1\n"
    assert with_mip_start("method 2\n", "gurobi") == "method 2\n"


def test_no_names_mean_the_default_set() -> None:
    assert names_of(resolve([], "cplex", {})) == ["cplex:dual", "cplex:sift", "cplex:bar_nox"]
    assert [p.name for p in resolve([], "highs", {}, engine="highs")] == ["dual", "bar", "bar_nox", "hipo"]


def test_a_name_of_highs_under_gams_means_the_same_without_it_but_for_the_name_of_its_barrier() -> None:
    under_gams = {p.name: p.options for p in built_in_profiles("highs")}
    alone = {p.name: p.options.replace("ipx", "ipm") for p in built_in_profiles("highs", engine="highs")}

    assert under_gams == {name: alone[name] for name in under_gams}


def test_no_names_mean_the_users_own_profiles_where_there_are_any() -> None:
    mine = by_key([own("tight"), own(CURRENT), own("loose"), own("far", "gurobi", "method 2\n")])

    assert names_of(resolve([], "cplex", mine)) == ["cplex:current", "cplex:tight", "cplex:loose"]


def test_current_alone_stands_before_the_default_set() -> None:
    assert names_of(resolve([], "cplex", by_key([own(CURRENT)]))) == [
        "cplex:current",
        "cplex:dual",
        "cplex:sift",
        "cplex:bar_nox",
    ]


def test_own_profile_hides_the_built_in_one_of_the_same_name() -> None:
    found = resolve(["dual"], "cplex", by_key([own("dual", text="lpmethod 2\nepopt 1e-9\n")]))

    assert [p.origin for p in found] == ["_td_opt_files/x.opt"]


def test_one_name_means_one_profile_per_solver_and_a_prefix_one_of_them() -> None:
    mine = by_key([own("tight"), own("tight", "gurobi", "method 2\n")])

    assert names_of(resolve(["tight"], ["cplex", "gurobi"], mine)) == ["cplex:tight", "gurobi:tight"]
    assert names_of(resolve(["gurobi:tight"], ["cplex", "gurobi"], mine)) == ["gurobi:tight"]
    assert names_of(resolve(["gurobi:tight"], "cplex", mine)) == ["gurobi:tight"]


def test_hard_set_varies_one_thing_a_profile() -> None:
    hard = resolve(["@hard"], "cplex", {})
    texts: list[set[str]] = [set(p.options.splitlines()) for p in hard]

    common = texts[0].intersection(*texts[1:])
    assert {p.name for p in hard} >= {"bar_alg1", "bar_alg2", "bar_alg3", "bar_predual", "bar_scale", "bar_emphasis"}
    assert all(len(text.difference(common)) == 1 for text in texts)


def test_names_are_taken_once_and_without_regard_to_case() -> None:
    assert names_of(resolve(["Dual", "dual", "@default"], "cplex", {})) == ["cplex:dual", "cplex:sift", "cplex:bar_nox"]


def test_unknown_name_lists_what_is_close_and_what_there_is() -> None:
    with pytest.raises(UsageError, match=r"'bar_noxx'.*'bar_nox'.*Known for cplex: dual, sift, bar_nox.*@hard"):
        resolve(["bar_noxx"], "cplex", {})


def test_part_of_a_name_is_close_to_it() -> None:
    with pytest.raises(UsageError, match="Did you mean 'bar_nox'"):
        resolve(["NOX"], "highs", {}, engine="highs")


def test_current_without_an_option_file_says_which_file_it_would_be() -> None:
    with pytest.raises(UsageError, match=r"run folder's own 'cplex\.opt', and there is none"):
        resolve([CURRENT], "cplex", {})


def test_name_of_another_solver_is_pointed_out() -> None:
    with pytest.raises(UsageError, match="'cplex:sift': name it so"):
        resolve(["sift"], "gurobi", {})


def test_solver_without_any_profile_says_which_have_some() -> None:
    with pytest.raises(UsageError, match=r"no profile at all for soplex.*cplex"):
        resolve(["dual"], "soplex", {})


def test_unknown_set_lists_the_sets() -> None:
    with pytest.raises(UsageError, match=r"'@hardest'.*@default, @hard"):
        resolve(["@hardest"], "cplex", {})


@pytest.mark.parametrize("text", ["", "\n  \n", "* only a comment\n"])
def test_empty_option_file_is_refused_by_name(text: str) -> None:
    with pytest.raises(UsageError, match=r"'_td_opt_files/x.opt' sets no option"):
        own("x", text=text)


def test_huge_option_file_is_refused() -> None:
    with pytest.raises(UsageError, match="bytes"):
        own("x", text="lpmethod 4\n" * 20_000)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-8"])
def test_a_file_of_another_code_page_is_read_and_can_travel(encoding: str) -> None:
    raw = "* \xe9t\xe9\nlpmethod 1\n".encode(encoding)
    profile = own("old", text=raw.decode("utf-8", "surrogateescape"))
    assert profile.options == "* été\nlpmethod 1\n"


def test_two_files_of_one_name_are_refused_by_both_paths() -> None:
    with pytest.raises(UsageError, match=r"'a/t.opt' and 'b/t.opt'"):
        by_key([own("t", origin="a/t.opt"), own("t", origin="b/t.opt")])


@pytest.mark.parametrize(
    ("name", "safe"), [("my tight", "my_tight"), ("../up", "_up"), ("a:b/c", "a_b_c"), ("schnell-é", "schnell-é")]
)
def test_own_name_is_made_safe_for_ids_and_folders(name: str, safe: str) -> None:
    assert own(name).name == safe


@pytest.mark.parametrize("name", ["p" * 101, "\u00e4" * 51], ids=["letters", "bytes"])
def test_a_name_that_is_too_long_for_files_is_refused_with_its_file(name: str) -> None:
    with pytest.raises(UsageError, match=r"option file 'far/long.opt' has more than 100 bytes: rename it"):
        own(name, origin="far/long.opt")
    assert own(name[:50]).name == name[:50]
