from __future__ import annotations

import importlib
import io
import subprocess
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.unit.cli.run_folder.conftest import RUN_DIRS, Look
from times_doctor_cli.run_folder.hash_cache import FileChanged, FileUnreadable, HashCache
from times_doctor_cli.run_folder.run_dir import look
from times_doctor_cli.run_folder.snapshot import Snapshot, take_snapshot
from times_doctor_tasks.snapshot.manifest import manifest_sha256
from times_doctor_tasks.snapshot.staging import stage, verify_staged


def staged_tree(snapshot: Snapshot, target: Path) -> Path:
    def fetch(sha256: str) -> Path | BinaryIO:
        blob = snapshot.blobs[sha256]
        return blob if isinstance(blob, Path) else io.BytesIO(blob)

    stage(snapshot.manifest, fetch, target)
    assert verify_staged(target)
    return target


def test_a_snapshot_can_be_staged_from_its_blobs(tmp_path: Path) -> None:
    run = look(RUN_DIRS / "folder_per_case/GAMS_WrkTIMES/Case_A", environ={})
    snapshot = take_snapshot(run, HashCache(None))
    tree = staged_tree(snapshot, tmp_path / "tree")
    for file in run.inputs:
        assert (tree / file.name).read_bytes() == file.path.read_bytes()
    manifest = snapshot.manifest
    assert (manifest.driver, manifest.idirs) == ("model/case_a/case_a.run", ("model/case_a", "source", "model"))


def test_rewritten_lines_are_in_the_blob_and_in_the_manifest(tmp_path: Path) -> None:
    run = look(RUN_DIRS / "many_cases/case1.run", environ={})
    snapshot = take_snapshot(run, HashCache(None))
    (place,) = snapshot.manifest.rewritten
    assert (place.path, place.line) == ("model/case1.run", 2)
    content = (staged_tree(snapshot, tmp_path / "tree") / "model/case1.run").read_bytes()
    assert content == run.driver.read_bytes().replace(b"high\\demand.dd", b"high/demand.dd")
    assert content.count(b"\r\n") == 3


def test_parameters_restart_and_gdx_travel(look_at: Look, tmp_path: Path) -> None:
    run = look_at(
        {
            "case/case.run": "execute_load 'x.gdx' y;\n",
            "case/x.gdx": "gdx",
            "case/vtrun.cmd": "gams case.run --A=1 optcr=0.1 --GDXPATH=save\\ r=my.g00",
            "case/my.g00": "g00",
        }
    )
    manifest = take_snapshot(run, HashCache(None)).manifest
    assert manifest.parameters == (("--A", "1"), ("optcr", "0.1"))
    assert (manifest.restart, manifest.gdxpath) == ("restart/my.g00", "gamssave/")
    assert [file.path for file in manifest.files] == ["cwd/x.gdx", "model/case.run", "restart/my.g00"]


def test_a_given_variable_is_in_the_manifest_and_makes_another_snapshot(look_at: Look) -> None:
    files = {"case/case.run": "$include %case%.dd\n", "case/low.dd": "", "case/high.dd": "2"}
    given: tuple[dict[str, str], ...] = ({}, {"CASE": "low"}, {"CASE": "high"})
    manifests = [take_snapshot(look_at(files, gams_args=args), HashCache(None)).manifest for args in given]
    assert [manifest.parameters for manifest in manifests] == [(), (("--CASE", "low"),), (("--CASE", "high"),)]
    assert len({manifest_sha256(manifest) for manifest in manifests}) == 3


def test_a_model_file_makes_a_snapshot_too(tmp_path: Path) -> None:
    manifest = take_snapshot(look(RUN_DIRS / "lp_file", environ={}), HashCache(None)).manifest
    assert (manifest.kind, manifest.driver, len(manifest.files)) == ("lp", "model/tiny.mps", 1)


def test_the_same_model_elsewhere_is_the_same_snapshot(look_at: Look, tmp_path: Path) -> None:
    files = {"case/case.run": "$include sub\\x.dd\n", "case/sub/x.dd": "1"}
    here = take_snapshot(look_at(files), HashCache(None))
    (tmp_path / "moved").mkdir()
    (tmp_path / "case").rename(tmp_path / "moved/case")
    there = take_snapshot(look(tmp_path / "moved/case", environ={}), HashCache(None))
    assert manifest_sha256(here.manifest) == manifest_sha256(there.manifest)


def test_a_file_that_changed_since_the_look_is_an_error(look_at: Look) -> None:
    run = look_at({"case/case.run": "$include sub\\x.dd\n", "case/sub/x.dd": "1"})
    run.driver.write_text("something else\n")
    with pytest.raises(FileChanged, match=r"case\.run"):
        take_snapshot(run, HashCache(None))


@pytest.mark.parametrize("name", ["case.run", "sub/x.dd", "my.g00"])
def test_an_unchanged_copy_of_what_was_looked_at_is_needed_of_every_file(look_at: Look, name: str) -> None:
    run = look_at(
        {
            "case/case.run": "$include sub/x.dd\n",
            "case/sub/x.dd": "1",
            "case/vtrun.cmd": "gams case.run r=my.g00",
            "case/my.g00": "g00",
        }
    )
    (run.root / name).write_text("* of another size, and not what the rest was read with\n")
    with pytest.raises(FileChanged, match=Path(name).name):
        take_snapshot(run, HashCache(None))


def test_a_file_that_changed_while_the_others_were_hashed_is_an_error(look_at: Look) -> None:
    run = look_at({"case/case.run": "$include x.dd\n", "case/x.dd": "1"})

    def change_when_all_is_read(done_bytes: int, total_bytes: int) -> None:
        if done_bytes == total_bytes:
            (run.root / "x.dd").write_text("other")

    with pytest.raises(FileChanged, match=r"x\.dd"):
        take_snapshot(run, HashCache(None), change_when_all_is_read)


def test_a_model_file_that_changed_while_its_ranges_were_read_is_an_error(tmp_path: Path) -> None:
    model = tmp_path / "m.lp"
    model.write_text("Minimize\n cost: x\nSubject To\n c: x >= 1\nEnd\n")
    run = look(model, environ={})
    model.write_text("Minimize\n cost: x\nSubject To\n c: x >= 10\nEnd\n")
    with pytest.raises(FileChanged, match=r"m\.lp"):
        take_snapshot(run, HashCache(None))


def test_a_file_that_went_away_since_the_look_is_an_error(look_at: Look) -> None:
    run = look_at({"case/case.run": "$include x.dd\n", "case/x.dd": "1"})
    (run.root / "x.dd").unlink()
    with pytest.raises(FileUnreadable, match=r"x\.dd"):
        take_snapshot(run, HashCache(None))


@pytest.mark.gams
@pytest.mark.parametrize(
    ("at", "objective"),
    [
        ("folder_per_case/GAMS_WrkTIMES/Case_A", "16.0000"),
        ("many_cases/case1.run", "40.0000"),
        ("many_cases/case2.run", "20.0000"),
        ("sources_beside", "22.0000"),
    ],
)
def test_gams_solves_the_staged_tree_as_it_stands(tmp_path: Path, at: str, objective: str) -> None:
    base = importlib.import_module("gamspy_base")
    snapshot = take_snapshot(look(RUN_DIRS / at, environ={}), HashCache(None))
    tree = staged_tree(snapshot, tmp_path / "tree")
    workdir = tmp_path / "run"
    workdir.mkdir()
    idirs = [f"idir{number}={tree / idir}" for number, idir in enumerate(snapshot.manifest.idirs, 1)]
    words = [str(Path(base.directory) / "gams"), str(tree / snapshot.manifest.driver), *idirs]
    done = subprocess.run(
        [*words, "lo=3", "o=run.lst", "fileCase=4", "LP=CPLEX"],
        cwd=workdir,
        capture_output=True,
        text=True,
        check=False,
    )
    listing = (workdir / "run.lst").read_text("latin-1")
    assert [line.split()[-1] for line in listing.splitlines() if "OBJECTIVE VALUE" in line] == [objective], done.stdout
    assert verify_staged(tree)


EVERYTHING = """\
$set dir ../data
$setglobal scen 'low' set kind dd
$if set nothing $include gone.dd
$if not set nothing $set maybe yes
$ifi %maybe%==YES $batinclude %dir%/%scen%.%kind% one 'two words'
$ifthen.a %scen%==high
$include gone.dd
$elseif.a %scen%==low
$include Sub/mixed.dd
$else.a
$include gone.dd
$endif.a
$ontext
$include gone.dd
$offtext
$goto on
$include gone.dd
$label on
$onecho > made.inc
$log LOGGED made
$offecho
$include made.inc
$if exist sub2.gms
$include sub2
$if exist gone.dd $include gone.dd
$batinclude sub2.gms again
$exit
$include gone.dd
"""


@pytest.mark.gams
def test_gams_reads_the_same_files_in_place_and_staged(look_at: Look, tmp_path: Path) -> None:
    base = importlib.import_module("gamspy_base")
    log = "$log LOGGED %system.incline% [%1] [%2] [%scen%]\n"
    run = look_at(
        {
            "case/case.run": EVERYTHING,
            "case/Sub/mixed.dd": log + "$set scen inner\n",
            "case/sub2.gms": log + "$if '%1'=='again' $exit\n$batinclude ../up.dd %scen%\n",
            "data/low.dd": log + "$setargs first second\n$log LOGGED %second%\n",
            "up.dd": log,
        }
    )
    tree = staged_tree(take_snapshot(run, HashCache(None)), tmp_path / "tree")
    (tmp_path / "run").mkdir()
    logs = []
    for workdir, driver, idirs in [
        (run.root, run.driver, ["idir1=../data"]),
        (tmp_path / "run", tree / "model/case/case.run", [f"idir1={tree / 'model/case'}", "fileCase=4"]),
    ]:
        words = [str(Path(base.directory) / "gams"), str(driver), *idirs, "a=c", "lo=3", "o=out.lst"]
        done = subprocess.run(words, cwd=workdir, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
        logs.append([line for line in done.stdout.splitlines() if line.startswith("LOGGED")])
    assert logs[0] == logs[1]
    assert len(logs[0]) == 7
