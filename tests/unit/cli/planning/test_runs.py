from __future__ import annotations

import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.conftest import wait_until
from times_doctor_cli.planning.hosts import Fleet
from times_doctor_cli.planning.request import ScanRequest, number_or_auto
from times_doctor_cli.planning.runs import (
    Capacity,
    choose_profiles,
    choose_solvers,
    crowded,
    make_runs,
    needless,
    new_scan_id,
    own_profiles,
    share_out,
    unheeded,
    why_these,
)
from times_doctor_cli.run_folder.model import InputFile, Role, RunDir, RunKind
from times_doctor_tasks.contract.errors import NoHostForSolver, UsageError
from times_doctor_tasks.contract.hosts import HostCard
from times_doctor_tasks.profiles.profile import ModelClass

USABLE = ("cplex", "highs", "conopt")


def make_run_dir(root: Path, *, kind: RunKind = RunKind.GAMS, **option_files: str) -> RunDir:
    driver = root / "m.run"
    paths = {}
    for solver, text in option_files.items():
        paths[solver] = root / f"{solver}.opt"
        paths[solver].write_text(text)
    inputs = (InputFile(driver, "model/m.run", Role.DRIVER, 1, "named"),)
    return RunDir(root=root, driver=driver, kind=kind, driver_source="named", inputs=inputs, option_files=paths)


def make_request(root: Path, **fields: object) -> ScanRequest:
    return ScanRequest(run_path=root, **fields)  # type: ignore[arg-type]


def names(request: ScanRequest, run_dir: RunDir) -> list[str]:
    return [profile.key for profile in choose_profiles(request, run_dir, choose_solvers(request, run_dir, USABLE))]


def test_nothing_named_means_dual_sift_and_bar_nox(tmp_path: Path) -> None:
    assert names(make_request(tmp_path), make_run_dir(tmp_path)) == ["cplex:dual", "cplex:sift", "cplex:bar_nox"]


@pytest.mark.parametrize(
    ("model_class", "expected"),
    [
        (ModelClass.LP, ["dual", "bar", "bar_nox"]),
        (ModelClass.MIP, ["default", "lp_ipx", "seed_2"]),
        (ModelClass.QP, ["default"]),
        (ModelClass.MIQP, ["default"]),
    ],
)
@pytest.mark.parametrize("profiles", [(), ("@default",)])
def test_the_class_of_an_lp_file_decides_its_default_set(
    model_class: ModelClass, expected: list[str], profiles: tuple[str, ...], tmp_path: Path
) -> None:
    run_dir = replace(make_run_dir(tmp_path, kind=RunKind.LP), model_class=model_class)
    chosen = choose_profiles(make_request(tmp_path, profiles=profiles), run_dir, ("highs",))
    assert [profile.name for profile in chosen] == expected
    assert f"class {model_class}: profiles {', '.join(expected)}, because" in why_these(run_dir, chosen)
    assert unheeded(run_dir, chosen) == ""


def test_beside_other_solvers_the_default_set_is_said_to_be_of_highs(tmp_path: Path) -> None:
    run_dir = replace(make_run_dir(tmp_path, kind=RunKind.LP), model_class=ModelClass.LP)
    chosen = choose_profiles(make_request(tmp_path, solver="all"), run_dir, ("cplex", "highs"))
    assert "is of class LP: HiGHS runs dual, bar, bar_nox, because" in why_these(run_dir, chosen)


def test_a_mip_says_before_it_runs_which_profiles_highs_will_not_heed(tmp_path: Path) -> None:
    run_dir = replace(make_run_dir(tmp_path, kind=RunKind.LP), model_class=ModelClass.MIP)
    chosen = choose_profiles(make_request(tmp_path, profiles=("dual", "default", "bar")), run_dir, ("highs",))
    assert "dual, bar will end as `not applied`" in unheeded(run_dir, chosen)


def test_a_gams_model_says_nothing_of_its_class(tmp_path: Path) -> None:
    run_dir = make_run_dir(tmp_path)
    chosen = choose_profiles(make_request(tmp_path), run_dir, ("cplex",))
    assert (why_these(run_dir, chosen), unheeded(run_dir, chosen)) == ("", "")


@pytest.mark.parametrize(
    ("kind", "asked", "words"),
    [
        (RunKind.LP, {"iis": True}, ["--iis is for GAMS", "HiGHS names the conflict anyway."]),
        (RunKind.LP, {"iis": True, "iis_s": 0.0}, ["HiGHS names the conflict anyway. But --iis-seconds 0"]),
        (RunKind.LP, {}, []),
        (RunKind.GAMS, {"iis": True}, []),
    ],
)
def test_asking_a_model_file_for_its_conflict_is_said_to_be_needless(
    kind: RunKind, asked: dict[str, object], words: list[str], tmp_path: Path
) -> None:
    said = needless(make_request(tmp_path, **asked), make_run_dir(tmp_path, kind=kind))
    assert bool(said) == bool(words)
    assert all(each in said for each in words)


def test_without_gams_the_barrier_is_named_ipx(tmp_path: Path) -> None:
    run_dir = make_run_dir(tmp_path, kind=RunKind.LP)
    chosen = choose_profiles(make_request(tmp_path, profiles=("bar", "bar_nox")), run_dir, ("highs",))
    assert [profile.options.splitlines()[0] for profile in chosen] == ["solver = ipx"] * 2
    assert [profile.interior for profile in chosen] == [False, True]


def test_the_users_own_option_file_comes_first_as_baseline(tmp_path: Path) -> None:
    run_dir = make_run_dir(tmp_path, cplex="lpmethod 1\n")
    request = make_request(tmp_path)
    assert names(request, run_dir)[0] == "cplex:current"
    runs = make_runs(request, "s", choose_profiles(request, run_dir, ("cplex",)), 2)
    assert [run.baseline for run in runs] == [True, False, False, False]


def test_the_users_profiles_replace_the_default_set(tmp_path: Path) -> None:
    folder = tmp_path / "_td_opt_files" / "cplex"
    folder.mkdir(parents=True)
    (folder / "tight.opt").write_text("epopt 1e-9\n")
    assert names(make_request(tmp_path), make_run_dir(tmp_path)) == ["cplex:tight"]


def test_an_option_file_given_by_path_adds_to_what_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.opt"
    path.write_text("lpmethod 4\n")
    request = make_request(tmp_path, opt_files=(path,), profiles=("dual",))
    assert names(request, make_run_dir(tmp_path)) == ["cplex:dual", "cplex:mine"]
    assert names(make_request(tmp_path, opt_files=(path,)), make_run_dir(tmp_path)) == ["cplex:mine"]


def test_a_missing_option_file_is_named(tmp_path: Path) -> None:
    request = make_request(tmp_path, opt_files=(tmp_path / "gone.opt",))
    with pytest.raises(UsageError, match=r"gone\.opt"):
        own_profiles(request, make_run_dir(tmp_path), ("cplex",))


def test_the_users_file_is_never_touched(tmp_path: Path) -> None:
    run_dir = make_run_dir(tmp_path, cplex="* mine\nthreads 7\nlpmethod 1\n")
    request = make_request(tmp_path, profiles=("current",))
    (run,) = make_runs(request, "s", choose_profiles(request, run_dir, ("cplex",)), 2)
    assert "threads 2" in run.options
    assert "* mine" in run.options
    assert (tmp_path / "cplex.opt").read_text() == "* mine\nthreads 7\nlpmethod 1\n"


def test_an_unknown_solver_lists_the_usable_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no host has gurobi"):
        choose_solvers(make_request(tmp_path, solver="both"), make_run_dir(tmp_path), USABLE)


def test_auto_takes_the_solver_whose_option_file_lies_in_the_run_folder(tmp_path: Path) -> None:
    run_dir = make_run_dir(tmp_path, highs="solver = ipm\n")
    assert choose_solvers(make_request(tmp_path), run_dir, USABLE) == ("highs",)


def test_an_lp_file_is_for_solvers_without_gams_highs_first(tmp_path: Path) -> None:
    run_dir = make_run_dir(tmp_path, kind=RunKind.LP)
    assert choose_solvers(make_request(tmp_path), run_dir, ("cplex", "highs")) == ("highs",)
    assert choose_solvers(make_request(tmp_path), run_dir, ("copt", "gurobi")) == ("gurobi",)
    assert choose_solvers(make_request(tmp_path, solver="both"), run_dir, ("cplex", "gurobi")) == ("cplex", "gurobi")
    assert choose_solvers(make_request(tmp_path, solver="all"), run_dir, ("highs", "hipo", "copt")) == ("copt", "highs")
    named = make_request(tmp_path, profiles=("gurobi:bar", "highs:dual"))
    assert choose_solvers(named, run_dir, ("gurobi", "highs")) == ("gurobi", "highs")
    with pytest.raises(UsageError, match="solved by highs, cplex, gurobi, xpress, copt; others need GAMS"):
        choose_solvers(make_request(tmp_path, solver="mosek"), run_dir, ("highs",))


@pytest.mark.parametrize(
    ("notes", "words"),
    [
        ((), r"No cplex here. Usable are: highs. To get it: pip install '.\[cplex\]' in a clone."),
        (("CPLEX cannot be used: no licence.",), "No cplex here. Usable are: highs. CPLEX cannot be used: no licence."),
    ],
)
def test_a_solver_that_is_not_here_is_told_with_what_is_known_of_it(notes: tuple[str, ...], words: str) -> None:
    card = HostCard(
        host="h", instance="i", pid=1, roles=("solve",), slots=1, cores=1, memory_mb=1, queues=(),
        engines={"highs": "1.16"}, solvers=("highs.highs",), notes=notes,
    )  # fmt: skip
    with pytest.raises(NoHostForSolver, match=words):
        Fleet.here(card, "native").require(["cplex"])


@pytest.mark.parametrize(
    ("fields", "runs", "hosts", "expected"),
    [
        ({}, 3, [(8, 1)], Capacity(1, 8)),
        ({"threads": 3}, 3, [(8, 1)], Capacity(1, 3)),
        ({"parallel": True}, 3, [(2, 2)], Capacity(2, 1)),
        ({"parallel": True}, 3, [(16, 16)], Capacity(3, 5)),
        ({"parallel": True, "max_workers": 2}, 6, [(8, 2)], Capacity(2, 4)),
        ({"parallel": True, "threads": 7}, 6, [(16, 16)], Capacity(2, 7)),
        ({"parallel": True, "threads": 7}, 6, [(2, 2)], Capacity(1, 7)),
        ({"parallel": True}, 3, [(16, 4), (16, 4)], Capacity(3, 8)),
        ({"parallel": True}, 3, [(16, 1), (16, 1)], Capacity(2, 16)),
        ({"parallel": True}, 3, [(64, 4), (4, 4)], Capacity(3, 21)),
        ({"parallel": True, "threads": 4}, 9, [(16, 2), (8, 4)], Capacity(4, 4)),
        ({}, 3, [(64, 4), (4, 4)], Capacity(1, 64)),
    ],
)
def test_cores_are_shared_out(
    fields: dict[str, int], runs: int, hosts: list[tuple[int, int]], expected: Capacity
) -> None:
    assert share_out(make_request(Path(), **fields), runs, hosts) == expected


@pytest.mark.parametrize(
    ("fields", "runs", "hosts", "words"),
    [
        ({"threads": 64}, 3, [(2, 1)], "--threads 64: there are 2 cores. Use --threads 2 at most, or auto."),
        ({"threads": 9}, 1, [(8, 8)], "--threads 9: there are 8 cores. Use --threads 8 at most, or auto."),
        (
            {"threads": 64, "parallel": True},
            3,
            [(2, 2)],
            "3 runs x 64 threads are 192 threads, and there are 2 cores: they could not run in parallel. "
            "Use --threads 1, or auto.",
        ),
        (
            {"threads": 7, "parallel": True},
            3,
            [(8, 8)],
            "3 runs x 7 threads are 21 threads, and there are 8 cores: they could not run in parallel. "
            "Use --threads 2, or auto.",
        ),
        (
            {"threads": 5, "parallel": True, "max_workers": 2},
            6,
            [(8, 2)],
            "2 runs x 5 threads are 10 threads, and there are 8 cores: they could not run in parallel. "
            "Use --threads 4, or auto.",
        ),
    ],
)
def test_more_threads_than_there_are_cores_are_refused_with_what_would_do(
    fields: dict[str, int], runs: int, hosts: list[tuple[int, int]], words: str
) -> None:
    with pytest.raises(UsageError) as caught:
        crowded(make_request(Path(), **fields), runs, hosts)
    assert str(caught.value) == words


@pytest.mark.parametrize(
    ("fields", "runs", "hosts", "words"),
    [
        ({"parallel": True}, 9, [(2, 2)], ""),
        ({"threads": 2}, 9, [(2, 2)], ""),
        ({"threads": 1, "parallel": True}, 9, [(2, 2)], ""),
        ({"threads": 7, "parallel": True}, 1, [(8, 8)], ""),
        ({"threads": 8, "parallel": True}, 3, [(8, 1)], ""),
        ({"threads": 8, "parallel": True}, 3, [(8, 1), (16, 1)], ""),
        (
            {"threads": 4, "parallel": True},
            3,
            [(8, 8)],
            "3 runs x 4 threads are 12 threads, and there are 8 cores: 2 run at once. With --threads 2 it would be 3.",
        ),
        (
            {"threads": 8, "parallel": True},
            5,
            [(16, 4), (8, 4)],
            "5 runs x 8 threads are 40 threads, and there are 24 cores on 2 hosts: 3 run at once. "
            "With --threads 4 it would be 5.",
        ),
    ],
)
def test_threads_that_keep_runs_waiting_are_said(
    fields: dict[str, int], runs: int, hosts: list[tuple[int, int]], words: str
) -> None:
    assert crowded(make_request(Path(), **fields), runs, hosts) == words


def test_repeats_go_round_by_round_under_numbered_names(tmp_path: Path) -> None:
    request = make_request(tmp_path, repeat=2, profiles=("dual", "bar"))
    runs = make_runs(request, "s", choose_profiles(request, make_run_dir(tmp_path), ("cplex",)), 1)
    assert [run.run for run in runs] == ["cplex.dual.1", "cplex.bar.1", "cplex.dual.2", "cplex.bar.2"]
    assert [run.index for run in runs] == [0, 1, 2, 3]


def test_the_first_of_an_open_number_of_rounds_is_numbered_too(tmp_path: Path) -> None:
    request = make_request(tmp_path, repeat=None, profiles=("dual", "bar"))
    runs = make_runs(request, "s", choose_profiles(request, make_run_dir(tmp_path), ("cplex",)), 1)
    assert [run.run for run in runs] == ["cplex.dual.1", "cplex.bar.1"]


@pytest.mark.parametrize("field", ["threads", "max_workers", "timeout_s", "mem_mb", "repeat"])
def test_a_number_must_be_more_than_zero(field: str) -> None:
    with pytest.raises(UsageError, match="more than 0"):
        make_request(Path(), **{field: 0})


@pytest.mark.parametrize("text", ["many", "", "-1", "1.5", "\u00b2", "9" * 5000], ids=repr)
def test_words_that_are_no_number_of_threads_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match=f"--threads '{text}': expected a whole number"):
        number_or_auto("--threads", text)


def test_scan_ids_are_short_and_safe_in_a_file_name() -> None:
    scan = new_scan_id()
    assert len(scan) <= 20
    assert all(c.isalnum() or c == "-" for c in scan)


def test_scan_ids_of_one_moment_differ_and_go_on_when_the_clocks_go_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        monkeypatch.setattr(time, "time", lambda: 1_793_491_199.5)  # 2026-10-31 23:59:59.5 UTC
        ids = {new_scan_id() for _ in range(20)}
        assert len(ids) > 18
        assert {one[:16] for one in ids} == {"261031-235959-50"}
    finally:
        monkeypatch.undo()
        time.tzset()


def test_scan_ids_of_one_second_sort_by_time() -> None:
    first = new_scan_id()
    wait_until(lambda: new_scan_id()[:16] != first[:16])
    assert new_scan_id() > first


@pytest.mark.parametrize(
    ("solver", "line"), [("cplex", "iis 1"), ("gurobi", "iis 1"), ("copt", "iis 1"), ("conopt", "")], ids=str
)
def test_iis_asks_each_solver_that_can_name_a_conflict(tmp_path: Path, solver: str, line: str) -> None:
    own = tmp_path / f"{solver}.opt"
    own.write_text("threads 1\n")
    request = make_request(tmp_path, iis=True, opt_files=(own,))
    profiles = choose_profiles(request, make_run_dir(tmp_path), [solver])
    lines = make_runs(request, "s1", profiles, 1)[0].options.splitlines()
    assert [each for each in lines if each.startswith("iis")] == ([line] if line else [])


@pytest.mark.parametrize(
    ("solver", "usable", "words"),
    [
        ("conopt", ("conopt", "cplex"), "Use --solver cplex."),
        ("highs", ("highs",), "cplex, gurobi, copt can, and none is usable here."),
    ],
)
def test_iis_is_refused_where_no_solver_of_the_scan_can(
    tmp_path: Path, solver: str, usable: tuple[str, ...], words: str
) -> None:
    with pytest.raises(UsageError, match="--iis") as refused:
        choose_solvers(make_request(tmp_path, iis=True, solver=solver), make_run_dir(tmp_path), usable)
    assert words in str(refused.value)


def test_iis_of_an_lp_file_is_what_highs_does_anyway(tmp_path: Path) -> None:
    request, run_dir = make_request(tmp_path, iis=True), make_run_dir(tmp_path, kind=RunKind.LP)
    profiles = choose_profiles(request, run_dir, choose_solvers(request, run_dir, ("highs",)))
    assert all("iis" not in run.options for run in make_runs(request, "s1", profiles, 1))


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf")])
def test_seconds_that_nobody_can_mean_are_refused(tmp_path: Path, seconds: float) -> None:
    with pytest.raises(UsageError, match="--iis-seconds"):
        make_request(tmp_path, iis_s=seconds)
