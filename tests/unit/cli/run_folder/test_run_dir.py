from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.cli.run_folder.conftest import RUN_DIRS, Look, MakeTree, names_of
from times_doctor_cli.run_folder.errors import (
    AmbiguousName,
    EmptyModel,
    IncludeNotFound,
    LeavesTree,
    MissingInput,
    NameIsNoText,
    NotTimesSource,
    RestartNotFound,
    RunDirUnreadable,
    TooMuch,
)
from times_doctor_cli.run_folder.model import Role, RunKind
from times_doctor_cli.run_folder.run_dir import look
from times_doctor_tasks.contract.errors import TimesDoctorError, UsageError
from times_doctor_tasks.snapshot.manifest import NameCollision

SOURCE = {"initsys.mod": "", "initmty.mod": "", "maindrv.mod": ""}


def test_a_model_file_larger_than_any_model_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "m.mps").open("wb") as model:
        model.truncate(1024**4)
    with pytest.raises(TooMuch, match=r"m\.mps: 1,100 GB, more than 69 GB"):
        look(tmp_path / "m.mps", environ={})


def test_vedas_folder_per_case_is_understood() -> None:
    root = RUN_DIRS / "folder_per_case"
    run = look(root / "GAMS_WrkTIMES/Case_A", environ={})
    assert (run.driver.name, run.driver_source) == ("CASE_A.RUN", "VTRUN.CMD line 5")
    assert [(idir.name, idir.source) for idir in run.idirs] == [
        ("model/case_a", "run folder"),
        ("source", "VTRUN.CMD line 5"),
        ("model", "VTRUN.CMD line 5"),
    ]
    assert {file.name: file.role for file in run.inputs} == {
        "model/case_a/case_a.run": Role.DRIVER,
        "model/case_a_ts.dd": Role.DATA,
        "model/base.dd": Role.DATA,
        "model/newtechs.dd": Role.DATA,
        "source/times2veda.vdd": Role.RESULTS,
    } | {f"source/{name}.mod": Role.SOURCE for name in ("initsys", "initmty", "maindrv", "equations", "solve")}
    assert run.source == root / "GAMS_SrcTIMES.v0.1"
    assert run.option_files == {"cplex": root / "GAMS_WrkTIMES/Case_A/cplex.opt"}
    assert (run.warnings, run.rewrites, run.computed) == ((), (), ())
    assert run.inputs[1].why == "CASE_A.RUN:9"
    assert run.inputs[2].why == "TIMES source folder, entered by CASE_A.RUN:11"


def test_many_cases_in_one_folder_need_one_to_be_named() -> None:
    with pytest.raises(UsageError, match=r"'case1\.run', 'case2\.run'"):
        look(RUN_DIRS / "many_cases", environ={})
    run = look(RUN_DIRS / "many_cases/case1.run", environ={})
    assert names_of(run) == {"model/case1.run", "model/common.dd", "model/high/demand.dd"}
    assert [(p.name, p.value, p.double_dash) for p in run.parameters] == [
        ("--DSC", "YES", True),
        ("optcr", "0.001", False),
    ]
    assert (run.gdxpath, run.gdxpath_source) == ("gamssave/", "vtrun.cmd line 3")
    assert run.warnings == (
        "vtrun.cmd line 3 names 'C:\\\\Veda\\\\GAMS_SrcTIMESv487', which is not on this machine.",
        "vtrun.cmd line 3 restarts from 'C:\\\\Veda\\\\GAMS_SrcTIMESv487\\\\_times.g00', which is not on this machine: "
        "running without it. A GAMS licence for TIMES only needs it: give it with --restart FILE.",
    )


def test_sources_beside_the_driver_are_told_from_data_and_outputs() -> None:
    run = look(RUN_DIRS / "sources_beside", environ={})
    roles = {file.name: file.role for file in run.inputs}
    assert roles["model/solve.mod"] is Role.SOURCE
    assert roles["model/base.dd"] is Role.DATA
    assert "model/old_notes.txt" not in roles
    assert "model/together.lst" not in roles
    assert run.listing == RUN_DIRS / "sources_beside/together.lst"


def test_a_model_file_is_its_own_and_only_input() -> None:
    run = look(RUN_DIRS / "lp_file", environ={})
    assert (run.kind, names_of(run), run.idirs) == (RunKind.LP, {"model/tiny.mps"}, ())
    assert run.facts == (("model file", "tiny.mps (the only model file), 1 kB, LP; without GAMS"),)


def test_a_dry_run_says_where_each_thing_comes_from() -> None:
    root = RUN_DIRS / "folder_per_case"
    facts = look(root / "GAMS_WrkTIMES/Case_A", environ={}).facts
    assert facts == (
        ("driver", "CASE_A.RUN (VTRUN.CMD line 5)"),
        ("input folder", f"{root}/GAMS_WrkTIMES/Case_A (run folder)"),
        ("input folder", f"{root}/GAMS_SrcTIMES.v0.1 (VTRUN.CMD line 5)"),
        ("input folder", f"{root}/GAMS_WrkTIMES (VTRUN.CMD line 5)"),
        ("TIMES source", f"{root}/GAMS_SrcTIMES.v0.1"),
        ("inputs", "10 files, 1 kB: 1 driver, 3 data, 5 TIMES source, 1 results definition"),
        ("for VEDA", "case_a_1103.vd, .vde and .vds of the recommended run"),
        ("restart", "none"),
        ("option file", "cplex.opt: profile current of cplex"),
    )


def test_a_relative_path_means_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(RUN_DIRS / "folder_per_case/GAMS_WrkTIMES/Case_A")
    assert look(Path(), environ={}).driver.name == "CASE_A.RUN"
    assert look(Path("runfile.run").parent, environ={}).root.is_absolute()


def test_looking_changes_nothing() -> None:
    root = RUN_DIRS / "folder_per_case"
    before = sorted((p, p.stat().st_mtime_ns) for p in root.rglob("*"))
    look(root / "GAMS_WrkTIMES/Case_A", environ={})
    assert sorted((p, p.stat().st_mtime_ns) for p in root.rglob("*")) == before


def source_of(look_at: Look, root: Path, **options: object) -> tuple[str, str]:
    """Which of three source folders is used, and who named it."""
    run = look_at({"case/case.run": "$batinclude initsys.mod\n"}, **options)
    idir = next(idir for idir in run.idirs if idir.path == run.source)
    assert run.source is not None
    return run.source.name, idir.source


@pytest.fixture
def three_sources(make_tree: MakeTree) -> Path:
    return make_tree({f"{folder}/{name}": "" for folder in ("one", "two", "three") for name in SOURCE})


def test_the_source_is_looked_up_in_the_order_of_the_design(look_at: Look, three_sources: Path) -> None:
    environ = {"TIMES_SRC": str(three_sources / "two")}
    config = three_sources / "three"
    assert source_of(look_at, three_sources, config_times_src=config) == ("three", "times-doctor.toml")
    assert source_of(look_at, three_sources, config_times_src=config, environ=environ) == ("two", "TIMES_SRC")
    (three_sources / "case/vtrun.cmd").write_text("gams case.run idir1=..\\one")
    assert source_of(look_at, three_sources, environ=environ) == ("one", "vtrun.cmd line 1")
    three = three_sources / "three"
    assert source_of(look_at, three_sources, environ=environ, times_src=three) == ("three", "--times-src")


def test_a_given_source_takes_the_place_of_the_command_files(look_at: Look, three_sources: Path) -> None:
    run = look_at(
        {
            "case/case.run": "$batinclude initsys.mod\n$include x.dd\n",
            "case/vtrun.cmd": "gams case.run idir1=..\\data idir2=..\\one idir3=..\\more",
            "data/x.dd": "",
            "more/x.dd": "",
        },
        times_src=three_sources / "two",
    )
    assert [idir.path.name for idir in run.idirs] == ["case", "data", "two"]


def test_a_folder_that_is_no_times_source_is_refused_or_passed_over(look_at: Look, make_tree: MakeTree) -> None:
    root = make_tree({"empty/x": ""})
    with pytest.raises(NotTimesSource, match=r"--times-src names '.*empty', which is not a TIMES source folder"):
        look_at({"case/case.run": ""}, times_src=root / "empty")
    run = look_at({"case/case.run": ""}, environ={"TIMES_SRC": str(root / "empty")})
    assert run.warnings[0].startswith("TIMES_SRC names")


RESTART = {
    "case/case.run": "$batinclude initsys.mod\n",
    "case/vtrun.cmd": "gams case.run idir1=..\\src r=..\\src\\_times",
}


@pytest.mark.parametrize(
    ("restart", "expected"),
    [("auto", ("_times.g00", "vtrun.cmd line 1")), ("none", None), ("{root}/own.g00", ("own.g00", "--restart"))],
)
def test_restart_follows_what_is_asked(
    look_at: Look, make_tree: MakeTree, restart: str, expected: tuple[str, str] | None
) -> None:
    root = make_tree({f"src/{name}": "" for name in (*SOURCE, "_TIMES.g00")} | {"own.g00": ""})
    run = look_at(RESTART, restart=restart.format(root=root))
    found = (run.restart.name.removeprefix("restart/"), run.restart_source) if run.restart else None
    assert found == expected


def test_a_restart_file_of_another_machine_is_found_in_the_source(look_at: Look, make_tree: MakeTree) -> None:
    root = make_tree({f"src/{name}": "" for name in (*SOURCE, "_times.g00")})
    files = RESTART | {"case/vtrun.cmd": "gams case.run idir1=C:\\S r=C:\\S\\_times.g00"}
    run = look_at(files, times_src=root / "src")
    assert run.restart is not None
    assert run.restart.path == root / "src/_times.g00"


def test_a_restart_file_that_is_not_there_is_refused(look_at: Look) -> None:
    with pytest.raises(RestartNotFound, match=r"--restart names 'gone\.g00', which is not there"):
        look_at({"case/case.run": ""}, restart="gone.g00")


def test_an_include_that_is_not_there_is_refused(look_at: Look, tmp_path: Path) -> None:
    with pytest.raises(IncludeNotFound, match="--include names"):
        look_at({"case/case.run": ""}, includes=[tmp_path / "gone"])


def test_a_file_given_by_hand_comes_along_even_if_nothing_names_it(look_at: Look, make_tree: MakeTree) -> None:
    root = make_tree({"more/x.txt": ""})
    run = look_at({"case/case.run": ""}, includes=[root / "more/x.txt"])
    assert [(f.name, f.role) for f in run.inputs][1:] == [("include/x.txt", Role.EXTRA)]


def test_two_files_that_differ_only_in_case_are_refused(look_at: Look) -> None:
    driver = "$include base.dd\n$include Base.dd\n"
    with pytest.raises(NameCollision, match=r"base\.dd' and '.*Base\.dd' are both called 'model/base\.dd'"):
        look_at({"case/case.run": driver, "case/base.dd": "1", "case/Base.dd": "2"})
    with pytest.raises(AmbiguousName):
        look_at({"case/case.run": "$include BASE.dd\n"})


@pytest.mark.parametrize("name", ["case.mps", "case.lp"])
def test_an_empty_model_file_is_refused(look_at: Look, name: str) -> None:
    with pytest.raises(EmptyModel, match=rf"case/{name}' is empty\. Expected a linear program"):
        look_at({f"case/{name}": ""})


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no such file names")
def test_a_folder_whose_name_is_no_text_is_refused(look_at: Look, tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    (folder / "a.gms").touch()
    with pytest.raises(NameIsNoText, match="is not text"):
        look_at({}, at=folder.name)
    with pytest.raises(NameIsNoText, match="is not text"):
        look_at({"case/a.gms": ""}, includes=[folder])


def test_our_own_and_the_workers_words_do_not_travel(look_at: Look) -> None:
    words = "--ERR_ABORT=YES --GDXPATH=x\\ --A=1 lo=1 o=x.lst gdx=y lp=cplex optfile=1 curdir=. reslim=60 --a=2"
    run = look_at({"case/case.run": "", "case/vtrun.cmd": f"gams case.run {words}"})
    assert [(p.name, p.value) for p in run.parameters] == [("--a", "2"), ("reslim", "60")]


def test_a_folder_that_may_not_be_read_is_said(make_tree: MakeTree, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> Iterator[Path]:
        raise PermissionError(13, "Permission denied", str(path))

    root = make_tree({"case/case.run": ""})
    monkeypatch.setattr(Path, "iterdir", refuse)  # the tests may run as root, who may read everything
    with pytest.raises(RunDirUnreadable, match=r"cannot be read \(Permission denied\)"):
        look(root / "case", environ={})


def test_odd_names_of_folders_do_no_harm(look_at: Look) -> None:
    run = look_at({"it's 50% & más/a.run": "$include x.dd\n", "it's 50% & más/x.dd": ""}, at="it's 50% & más")
    assert names_of(run) == {"model/a.run", "model/x.dd"}


@pytest.mark.parametrize(
    "error",
    [MissingInput("a", "b", ("c",)), NotTimesSource("a", "b"), RestartNotFound("a"), AmbiguousName("a", "b", "c")],
)
def test_errors_can_be_rebuilt_from_their_arguments(error: TimesDoctorError) -> None:
    assert str(type(error)(*error.args)) == str(error)


def test_a_path_with_dots_or_links_means_the_folder_behind_it(make_tree: MakeTree) -> None:
    root = make_tree({"wrk/case/case.run": "$include ..\\x.dd\n", "wrk/x.dd": "right", "x.dd": "wrong"})
    (root / "link").symlink_to(root / "wrk/case")
    for path in (root / "wrk/../wrk/case", root / "link", root / "link/case.run"):
        run = look(path, environ={})
        assert run.inputs[1].path == root / "wrk/x.dd"


def test_a_linked_folder_out_of_the_model_is_refused_as_a_whole(make_tree: MakeTree) -> None:
    root = make_tree({"share/x.dd": "", "wrk/case/case.run": "$include data/x.dd\n"})
    (root / "wrk/case/data").symlink_to(root / "share")
    with pytest.raises(LeavesTree, match=rf"'{root}/wrk/case/data' is a link to '{root}/share'"):
        look(root / "wrk/case", environ={})
    run = look(root / "wrk/case", environ={}, includes=[root / "share"])
    assert names_of(run) == {"model/case.run", "model/data/x.dd"}


def test_a_linked_source_folder_is_fine_as_an_input_folder(make_tree: MakeTree) -> None:
    root = make_tree({f"TIMES/{name}": "" for name in SOURCE} | {"case/case.run": "$batinclude initsys.mod\n"})
    (root / "case/source").symlink_to(root / "TIMES")
    (root / "case/run.gms").write_text("$hiddencall gams case.run idir1=source\n")
    assert "model/source/initmty.mod" in names_of(look(root / "case/case.run", environ={}))


def test_secrets_of_the_environment_stay_out_of_parameters(look_at: Look) -> None:
    files = {"case/case.run": "", "case/vtrun.cmd": "gams case.run --A=x%TIMES_DOCTOR_BROKER_URL%%GAMSLICE_STRING%y"}
    environ = {"TIMES_DOCTOR_BROKER_URL": "redis://:secret@host", "GAMSLICE_STRING": "licence"}
    assert [p.value for p in look_at(files, environ=environ).parameters] == ["xy"]


def test_a_parameter_that_is_a_path_of_the_model_is_put_right(look_at: Look) -> None:
    run = look_at(
        {
            "case/case.run": "$include %dir%x.dd\n",
            "case/vtrun.cmd": "gams case.run --DIR=..\\Data\\ --NOTE=a\\b",
            "Data/x.dd": "",
        }
    )
    assert [(p.name, p.value) for p in run.parameters] == [("--DIR", "../data/"), ("--NOTE", "a\\b")]


def test_a_file_that_may_not_be_read_is_said(make_tree: MakeTree, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    root = make_tree({"case/case.run": "", "case/vtrun.cmd": "gams case.run"})
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(RunDirUnreadable, match=r"vtrun\.cmd' cannot be read \(Permission denied\)"):
        look(root / "case", environ={})


def test_outputs_a_variable_names_are_no_inputs(look_at: Look) -> None:
    files = {"case/case.run": "$set listing case.lst\n$set more case.dd\n", "case/case.lst": "", "case/case.dd": ""}
    assert names_of(look_at(files)) == {"model/case.run", "model/case.dd"}


def test_several_sources_and_folders_keep_names_of_their_own(look_at: Look, three_sources: Path) -> None:
    run = look_at(
        {
            "case/case.run": "$include x.dd\n$include y.dd\n$include z.dd\n",
            "case/vtrun.cmd": "gams case.run idir1=..\\one idir2=..\\a idir3=..\\two idir4=..\\b",
            "a/x.dd": "",
            "b/y.dd": "",
            "c/z.dd": "",
        },
        times_src=three_sources / "three",
        includes=[three_sources / "c"],
    )
    assert len({idir.name for idir in run.idirs}) == len(run.idirs) == 4
